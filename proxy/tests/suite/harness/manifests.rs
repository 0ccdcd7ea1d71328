//! Manifests for tests, as short as they can be said.

use std::fmt::Write;
use std::net::SocketAddr;

/// A Service with one port, 80, and an EndpointSlice with these endpoints, in namespace `t`.
pub fn service(name: &str, endpoints: &[SocketAddr]) -> String {
    let mut text = format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: t}}\n\
         spec: {{ports: [{{name: http, port: 80, targetPort: 80}}]}}\n"
    );
    for (number, endpoint) in endpoints.iter().enumerate() {
        let (ip, port) = (endpoint.ip(), endpoint.port());
        let _ = write!(
            text,
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
             metadata: {{name: {name}-{number}, namespace: t, labels: {{kubernetes.io/service-name: {name}}}}}\n\
             addressType: IPv4\nports: [{{name: http, port: {port}}}]\n\
             endpoints: [{{addresses: ['{ip}']}}]\n"
        );
    }
    text
}

/// An Ingress in namespace `t`.
#[derive(Clone)]
pub struct Ingress {
    name: String,
    annotations: Vec<(String, String)>,
    rules: Vec<(String, String, String, String)>,
    tls: Vec<(String, String)>,
}

impl Ingress {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            annotations: Vec::new(),
            rules: Vec::new(),
            tls: Vec::new(),
        }
    }

    /// Every path of a host to a Service.
    pub fn host(self, host: &str, service: &str) -> Self {
        self.path(host, "Prefix", "/", service)
    }

    pub fn path(mut self, host: &str, kind: &str, path: &str, service: &str) -> Self {
        self.rules
            .push((host.into(), kind.into(), path.into(), service.into()));
        self
    }

    /// An annotation of ingress-nginx, without its prefix.
    pub fn annotate(self, name: &str, value: &str) -> Self {
        self.annotate_whole(&format!("nginx.ingress.kubernetes.io/{name}"), value)
    }

    /// An annotation by its whole name.
    pub fn annotate_whole(mut self, name: &str, value: &str) -> Self {
        self.annotations.push((name.into(), value.into()));
        self
    }

    pub fn tls(mut self, host: &str, secret: &str) -> Self {
        self.tls.push((host.into(), secret.into()));
        self
    }

    pub fn yaml(&self) -> String {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let annotations: Vec<_> = self
            .annotations
            .iter()
            .map(|(n, v)| format!("{n}: {}", quote(v)))
            .collect();
        let mut text = format!(
            "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\n\
             metadata: {{name: {}, namespace: t, annotations: {{{}}}}}\nspec:\n",
            self.name,
            annotations.join(", ")
        );
        if !self.tls.is_empty() {
            text.push_str("  tls:\n");
            for (host, secret) in &self.tls {
                let _ = writeln!(
                    text,
                    "  - {{hosts: [{}], secretName: {secret}}}",
                    quote(host)
                );
            }
        }
        text.push_str("  rules:\n");
        for (host, kind, path, service) in &self.rules {
            let host = if host.is_empty() {
                String::new()
            } else {
                format!("host: {}, ", quote(host))
            };
            let _ = writeln!(
                text,
                "  - {{{host}http: {{paths: [{{path: {}, pathType: {kind}, backend: {{service: {{name: {service}, port: {{number: 80}}}}}}}}]}}}}",
                quote(path)
            );
        }
        text
    }
}
