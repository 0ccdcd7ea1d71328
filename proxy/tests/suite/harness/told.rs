//! Resources as a controller tells of them, as short as they can be said.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::session::Resources;
use super::tls::Certificate;

/// A hash, each time another one: nobody but its controller knows how it is made.
fn hash() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0xfeed_0000);
    format!("{:x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Any resource.
pub fn told(key: &str, value: Value) -> Resources {
    [(key.to_string(), (hash(), value))].into()
}

/// Everything of `host` goes to the Service port `upstream`, such as `t/s:80`.
pub fn host(host: &str, upstream: &str) -> Resources {
    told(
        &format!("host/{host}"),
        json!({"routes": [route("/", upstream)]}),
    )
}

/// What is below a path goes to a Service port.
pub fn route(path: &str, upstream: &str) -> Value {
    json!({
        "origin": {"namespace": "t", "name": "i"},
        "rule": path,
        "path": {"prefix": path},
        "action": {"forward": {"backends": [{"upstream": upstream, "weight": 1}]}},
    })
}

pub fn upstream(name: &str, endpoints: &[SocketAddr]) -> Resources {
    let endpoints = endpoints.iter().map(|address| json!({"address": address}));
    let endpoints: Vec<_> = endpoints.collect();
    told(&format!("upstream/{name}"), json!({"endpoints": endpoints}))
}

/// A certificate with the key of `key`, which may be another's.
pub fn cert(name: &str, host: &str, certificate: &Certificate, key: &Certificate) -> Resources {
    let value = json!({
        "names": [host],
        "chain": certificate.pem(),
        "key": key.key_pem(),
        "not_after": 0,
    });
    told(&format!("cert/{name}"), value)
}

/// All of them.
pub fn all<const N: usize>(resources: [Resources; N]) -> Resources {
    resources.into_iter().flatten().collect()
}
