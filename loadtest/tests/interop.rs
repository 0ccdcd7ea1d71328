//! gRPC as its own makers test it: their client against their service, through the proxy, in
//! plain text and over TLS.
//!
//! Both are built by `make test`, so `cargo test` leaves this out.

// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::process::Process;
use common::proxy::Proxy;
use common::tools::{forward_all, said, tool};

const CASES: [&str; 14] = [
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
];

#[test]
#[ignore = "needs gRPC's interop programs and the proxy's binary: make test"]
fn grpc_works_as_its_makers_expect() {
    let mut server = Process::start(tool("interop-server").arg("127.0.0.1:0"));
    let line = server.line("listening interop ");
    let backend = line.rsplit_once(' ').unwrap().1.parse().unwrap();
    let grpc = "portreeve.dev/backend-protocol: GRPC, portreeve.dev/ssl-redirect: 'false'";
    let manifests = forward_all("interop", backend, grpc);
    let certificate = add_tls(&manifests);
    let proxy = Proxy::start(&manifests);
    let ca = certificate.to_str().unwrap();
    let name = "-server_host_override=grpc.example.com";
    let tls = failures(
        proxy.https,
        &["-use_tls", "-use_test_ca", "-ca_file", ca, name],
    );
    let failed = [failures(proxy.http, &[]), tls].concat();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The same backend once more, for the host whose certificate the grpc example brings.
const WITH_TLS: &str = "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: tls, annotations: {portreeve.dev/backend-protocol: GRPC}}
spec:
  ingressClassName: portreeve
  tls: [{hosts: [grpc.example.com], secretName: grpc-tls}]
  rules:
    - host: grpc.example.com
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: all, port: {number: 80}}}}
";

/// Adds the host with TLS to `folder`; returns the file with its certificate.
fn add_tls(folder: &Path) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let secret = fs::read_to_string(examples.join("grpc/grpc-tls.yaml")).unwrap();
    fs::write(folder.join("secret.yaml"), &secret).unwrap();
    fs::write(folder.join("tls.yaml"), WITH_TLS).unwrap();
    let certificate = folder.join("certificate.pem");
    let encoded = secret
        .lines()
        .find_map(|line| line.trim().strip_prefix("tls.crt: "));
    fs::write(folder.join("certificate"), encoded.unwrap()).unwrap();
    let mut base64 = Command::new("base64");
    let decoded = base64
        .arg("-d")
        .arg(folder.join("certificate"))
        .output()
        .unwrap();
    fs::write(&certificate, decoded.stdout).unwrap();
    certificate
}

/// The cases that fail against `proxy`, each with what the client says.
fn failures(proxy: SocketAddr, arguments: &[&str]) -> Vec<String> {
    let mut failures = Vec::new();
    for case in CASES {
        let mut client = tool("interop-client");
        client.args(["-server_host", &proxy.ip().to_string()]);
        client.args([
            "-server_port",
            &proxy.port().to_string(),
            "-test_case",
            case,
        ]);
        // It says nothing when all is well: its exit code is the result.
        let output = client.args(arguments).output().unwrap();
        if !output.status.success() {
            failures.push(format!("{case} {arguments:?}: {}", said(&output)));
        }
    }
    failures
}
