//! Services of type ExternalName: resolved by DNS, followed, and never to forbidden places.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

use crate::harness::{Backend, Ingress, Proxy, Started, get, wait_until};

/// A DNS server that knows some names; answers are good for a second.
struct Dns {
    address: SocketAddr,
    names: Arc<Mutex<BTreeMap<String, Ipv4Addr>>>,
}

impl Dns {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let names: Arc<Mutex<BTreeMap<String, Ipv4Addr>>> = Arc::default();
        let known = Arc::clone(&names);
        std::thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((n, from)) = socket.recv_from(&mut query) {
                let reply = answer(&query[..n], &known.lock().unwrap());
                socket.send_to(&reply, from).unwrap();
            }
        });
        Self { address, names }
    }

    fn set(&self, name: &str, to: [u8; 4]) {
        self.names.lock().unwrap().insert(name.into(), to.into());
    }

    fn forget(&self, name: &str) {
        self.names.lock().unwrap().remove(name);
    }
}

/// RFC 1035, section 4: the question is given back, with an address when there is one.
fn answer(query: &[u8], known: &BTreeMap<String, Ipv4Addr>) -> Vec<u8> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    let is_a = query[at + 2] == 1;
    let question = &query[12..at + 5];
    let found = known.get(&labels.join("."));
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
    reply
}

fn proxy(dns: &Dns, name: &str, port: u16) -> Started {
    let service = format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: t}}\n\
         spec: {{type: ExternalName, externalName: {name}, ports: [{{port: 80, targetPort: {port}}}]}}\n"
    );
    let ingress = Ingress::new("i").host("a.example", "s").yaml();
    let ingress = ingress.replace("number: 80", &format!("number: {port}"));
    let service = service.replace("port: 80,", &format!("port: {port},"));
    let dns = dns.address.to_string();
    Proxy::new()
        .arg("--dns", &dns)
        .manifest(ingress)
        .manifest(service)
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
