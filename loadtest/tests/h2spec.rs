//! HTTP/2 by the letter: every case of h2spec, strict ones included, over h2c and over TLS.
//!
//! h2spec is built by `make test`, so `cargo test` leaves this out.

// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;

use common::Backends;
use common::proxy::Proxy;
use common::tools::{forward_all, said, tool};

#[test]
#[ignore = "needs h2spec and the proxy's binary: make test"]
fn http2_is_spoken_by_the_letter() {
    let backends = Backends::start(&["--listen", "127.0.0.1:0=echo"], 1);
    let proxy = Proxy::start(&forward_all("h2spec", backends.address("echo"), ""));
    conforms(proxy.http, &[]);
    conforms(proxy.https, &["--tls", "--insecure"]);
}

fn conforms(address: SocketAddr, arguments: &[&str]) {
    let mut h2spec = tool("h2spec");
    h2spec.args(["--strict", "--host", &address.ip().to_string()]);
    h2spec
        .args(["--port", &address.port().to_string()])
        .args(arguments);
    let output = h2spec.output().unwrap();
    let said = said(&output);
    // Cases that were not run must not pass for cases that held.
    let none_skipped = said.contains(" 0 skipped, 0 failed");
    let failures = said
        .split_once("Failures:")
        .map_or(&*said, |(_, failures)| failures);
    assert!(
        output.status.success() && none_skipped,
        "{arguments:?}: {failures}"
    );
}
