//! Programs of others that tests use, and manifests made for them.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A program that `loadtest/tools` builds.
pub(crate) fn tool(name: &str) -> Command {
    let folder = env::var_os("PORTREEVE_TOOLS");
    let folder = folder.unwrap_or_else(|| panic!("{name} is needed: make test builds it"));
    Command::new(PathBuf::from(folder).join(name))
}

/// Everything a program said, for the message of a failed test.
pub(crate) fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

/// A folder of manifests that forward every host to `backend`, whatever the port. `annotations`
/// are lines of YAML such as `portreeve.dev/backend-protocol: GRPC`.
pub(crate) fn forward_all(name: &str, backend: SocketAddr, annotations: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _from_an_earlier_run = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let (ip, port) = (backend.ip(), backend.port());
    let manifest = format!(
        "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: all, annotations: {{{annotations}}}}}
spec:
  ingressClassName: portreeve
  rules:
    - http:
        paths:
          - {{path: /, pathType: Prefix, backend: {{service: {{name: all, port: {{number: 80}}}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: all}}
spec: {{ports: [{{port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: all, labels: {{kubernetes.io/service-name: all}}}}
addressType: IPv4
ports: [{{port: {port}}}]
endpoints: [{{addresses: ['{ip}']}}]
"
    );
    fs::write(folder.join("all.yaml"), manifest).unwrap();
    folder
}
