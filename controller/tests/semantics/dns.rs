//! A DNS server that knows some names; what it says is good for a second.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

type Names = Arc<Mutex<BTreeMap<String, IpAddr>>>;

const A: u8 = 1;
const AAAA: u8 = 28;

pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    names: Names,
    _serving: JoinSet<()>,
}

impl Dns {
    pub(crate) async fn start(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).await.unwrap();
        let names = Names::default();
        let known = Arc::clone(&names);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut query = [0; 512];
            loop {
                let (n, from) = socket.recv_from(&mut query).await.unwrap();
                let reply = answer(&query[..n], &known.lock().unwrap());
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Self {
            address,
            names,
            _serving: serving,
        }
    }

    /// Lets a name lead to an address.
    pub(crate) fn set(&self, name: &str, to: IpAddr) {
        self.names.lock().unwrap().insert(name.into(), to);
    }

    /// Lets there be no such name any more.
    pub(crate) fn forget(&self, name: &str) {
        self.names.lock().unwrap().remove(name);
    }
}

/// RFC 1035, section 4: the question is given back, with an address when there is one.
fn answer(query: &[u8], known: &BTreeMap<String, IpAddr>) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let found = known.get(&labels.join("."));
    let code = if found.is_some() { 0 } else { 3 };
    let (kind, octets) = match found {
        Some(IpAddr::V4(ip)) => (A, ip.octets().to_vec()),
        Some(IpAddr::V6(ip)) => (AAAA, ip.octets().to_vec()),
        None => (0, Vec::new()),
    };
    let is_asked = query[at + 2] == kind;
    let mut reply = vec![query[0], query[1], 0x81, 0x80 | code, 0, 1];
    reply.extend([0, u8::from(is_asked), 0, 0, 0, 0]);
    reply.extend(&query[12..at + 5]);
    if is_asked {
        let length = u8::try_from(octets.len()).unwrap();
        reply.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 1, 0, length]);
        reply.extend(octets);
    }
    reply
}
