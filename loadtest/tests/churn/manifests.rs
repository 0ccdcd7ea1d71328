//! The manifests that are changed, as texts, and every way in which files are changed.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// An Ingress that sends a path of a host to port 80 of a Service.
pub(crate) fn ingress(name: &str, host: &str, path: &str, to: &str, annotation: &str) -> String {
    format!(
        "---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  annotations: {{{annotation}}}
spec:
  ingressClassName: portreeve
  rules:
    - host: {host}
      http:
        paths:
          - {{path: {path}, pathType: Prefix, backend: {{service: {{name: {to}, port: {{number: 80}}}}}}}}
"
    )
}

/// A Service with these endpoints, each in a slice of its own: they have ports of their own.
pub(crate) fn service(name: &str, endpoints: &[SocketAddr]) -> String {
    let mut text = format!(
        "apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{ports: [{{port: 80}}]}}
"
    );
    for endpoint in endpoints {
        let (ip, port) = (endpoint.ip(), endpoint.port());
        let slice = write!(
            text,
            "---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-{port}, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{port: {port}}}]
endpoints: [{{addresses: ['{ip}']}}]
"
        );
        slice.unwrap();
    }
    text
}

/// What a TLS Secret is made of.
pub(crate) struct Certificate {
    pub(crate) chain: String,
    key: String,
}

impl Certificate {
    pub(crate) fn new(host: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
        Self {
            chain: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }

    /// The Secret, and the Ingress' wish to be served with it.
    pub(crate) fn manifest(&self, host: &str) -> String {
        let indented = |pem: &str| pem.replace('\n', "\n    ");
        format!(
            "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: tls, annotations: {{portreeve.dev/ssl-redirect: 'false'}}}}
spec:
  ingressClassName: portreeve
  tls: [{{hosts: [{host}], secretName: tls}}]
  rules: [{{host: {host}, http: {{paths: [{{path: /tls, pathType: Prefix, backend: {{service: {{name: web, port: {{number: 80}}}}}}}}]}}}}]
---
apiVersion: v1
kind: Secret
metadata: {{name: tls}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
    {}
  tls.key: |
    {}
",
            indented(&self.chain),
            indented(&self.key)
        )
    }
}

/// The directory of manifests.
pub(crate) struct Directory {
    pub(crate) root: PathBuf,
    mounted: u32,
}

impl Directory {
    pub(crate) fn new() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("churn");
        let _from_an_earlier_run = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("mounted")).unwrap();
        Self { root, mounted: 0 }
    }

    /// Replaces a file in one step, as careful writers do.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        let hidden = self.root.join(format!(".{name}.new"));
        fs::write(&hidden, text).unwrap();
        fs::rename(hidden, self.root.join(name)).unwrap();
    }

    /// Empties a file and writes it again, as a shell does.
    pub(crate) fn rewrite(&self, name: &str, text: &str) {
        fs::write(self.root.join(name), text).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.root.join(name)).unwrap();
    }

    /// Swaps the content of a mounted ConfigMap as the kubelet does: a new folder, a new link to
    /// it under another name, and then that link in place of the old one.
    pub(crate) fn mount(&mut self, text: &str) {
        let volume = self.root.join("mounted");
        let folder = |number: u32| format!("..version_{number}");
        self.mounted += 1;
        let new = volume.join(folder(self.mounted));
        fs::create_dir(&new).unwrap();
        fs::write(new.join("mounted.yaml"), text).unwrap();
        symlink(folder(self.mounted), volume.join("..data_tmp")).unwrap();
        fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
        if self.mounted == 1 {
            symlink("..data/mounted.yaml", volume.join("mounted.yaml")).unwrap();
        } else {
            fs::remove_dir_all(volume.join(folder(self.mounted - 1))).unwrap();
        }
    }
}
