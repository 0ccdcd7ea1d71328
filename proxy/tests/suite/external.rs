//! Services of type ExternalName: resolved by DNS, followed, and never to forbidden places.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use crate::harness::{Backend, Ingress, Proxy, Started, get, wait_until};

/// A DNS server that knows some names; answers are good for a second. It says nothing about names
/// below `silent.example`.
struct Dns {
    address: SocketAddr,
    names: Arc<Mutex<BTreeMap<String, Ipv4Addr>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Dns {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let names: Arc<Mutex<BTreeMap<String, Ipv4Addr>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (known, log) = (Arc::clone(&names), Arc::clone(&asked));
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((n, from)) = socket.recv_from(&mut query) {
                let (name, reply) = answer(&query[..n], &known.lock().unwrap());
                log.lock().unwrap().push(name.clone());
                if !name.ends_with("silent.example") {
                    socket.send_to(&reply, from).unwrap();
                }
            }
        });
        Self {
            address,
            names,
            asked,
        }
    }

    /// How often a name was asked for.
    fn asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| *asked == name).count()
    }

    fn set(&self, name: &str, to: [u8; 4]) {
        self.names.lock().unwrap().insert(name.into(), to.into());
    }

    fn forget(&self, name: &str) {
        self.names.lock().unwrap().remove(name);
    }
}

/// RFC 1035, section 4: the question is given back, with an address when there is one.
fn answer(query: &[u8], known: &BTreeMap<String, Ipv4Addr>) -> (String, Vec<u8>) {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    let is_a = query[at + 2] == 1;
    let question = &query[12..at + 5];
    let name = labels.join(".");
    let found = known.get(&name);
    let address = found.filter(|_| is_a);
    let code = if found.is_some() { 0 } else { 3 };
    let mut reply = vec![
        query[0],
        query[1],
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::from(address.is_some()),
        0,
        0,
        0,
        0,
    ];
    reply.extend(question);
    if let Some(address) = address {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        reply.extend(address.octets());
    }
    (name, reply)
}

/// A host that leads to an external name.
fn external(service: &str, host: &str, name: &str, port: u16) -> String {
    let ingress = Ingress::new(service).host(host, service).yaml();
    let ingress = ingress.replace("number: 80", &format!("number: {port}"));
    format!(
        "{ingress}---\napiVersion: v1\nkind: Service\nmetadata: {{name: {service}, namespace: t}}\n\
         spec: {{type: ExternalName, externalName: {name}, ports: [{{port: {port}, targetPort: {port}}}]}}\n"
    )
}

fn proxy(dns: &Dns, name: &str, port: u16) -> Started {
    let dns = dns.address.to_string();
    Proxy::new()
        .arg("--dns", &dns)
        .manifest(external("s", "a.example", name, port))
        .start()
}

fn status(proxy: &Started) -> u16 {
    get(proxy.http(), "a.example", "/").status
}

#[test]
fn a_name_is_resolved_and_followed() {
    let backend = Backend::named("outside");
    let dns = Dns::start();
    dns.set("db.outside.example", [127, 0, 0, 1]);
    let proxy = proxy(&dns, "db.outside.example.", backend.address.port());
    wait_until("the first answer", || status(&proxy) == 200);
    dns.forget("db.outside.example");
    wait_until("the end of the name", || status(&proxy) == 503);
    dns.set("db.outside.example", [127, 0, 0, 1]);
    wait_until("its return", || status(&proxy) == 200);
}

#[test]
fn a_name_does_not_lead_to_a_forbidden_address() {
    let dns = Dns::start();
    dns.set("metadata.outside.example", [169, 254, 169, 254]);
    dns.set("db.outside.example", [127, 0, 0, 1]);
    let backend = Backend::named("outside");
    let proxy = proxy(&dns, "metadata.outside.example", backend.address.port());
    assert_eq!(status(&proxy), 503);
    dns.set("metadata.outside.example", [127, 0, 0, 1]);
    wait_until("an allowed address", || status(&proxy) == 200);
    dns.set("metadata.outside.example", [169, 254, 169, 254]);
    wait_until("the forbidden one to be dropped", || status(&proxy) == 503);
}

#[test]
fn a_name_without_an_answer_holds_up_no_other() {
    let backend = Backend::named("outside");
    let dns = Dns::start();
    let [live, silent] = ["db.outside.example", "db.silent.example"];
    dns.set(live, [127, 0, 0, 1]);
    let proxy = proxy(&dns, silent, backend.address.port());
    wait_until("the first question", || dns.asked(silent) > 0);
    let other = external("o", "b.example", live, backend.address.port());
    proxy.dir.write("other.yaml", &other);
    wait_until("the other name's answer", || {
        get(proxy.http(), "b.example", "/").status == 200
    });
    wait_until("its being followed", || dns.asked(live) >= 8);
    // Two questions make a lookup, and several times as many one that nobody answers.
    let [live, silent] = [live, silent].map(|name| dns.asked(name));
    assert!(silent < 2 * live, "{silent} questions for {live}");
    assert_eq!(status(&proxy), 503);
}
