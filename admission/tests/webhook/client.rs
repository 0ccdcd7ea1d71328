//! A client that asks for reviews as the API server does: HTTP/1.1 over TLS, one at a time on each
//! connection.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::place::Place;

pub(crate) struct Client(TlsStream<TcpStream>);

impl Client {
    pub(crate) async fn connect(address: SocketAddr, tls: &Arc<ClientConfig>) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let connector = TlsConnector::from(Arc::clone(tls));
        let name = ServerName::IpAddress(address.ip().into());
        Self(connector.connect(name, stream).await.unwrap())
    }

    /// The status and the body of the answer.
    pub(crate) async fn ask(&mut self, review: &[u8]) -> (u16, Vec<u8>) {
        let length = review.len();
        let head = format!(
            "POST /validate HTTP/1.1\r\nhost: webhook\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        self.0.write_all(head.as_bytes()).await.unwrap();
        self.0.write_all(review).await.unwrap();
        let mut got = Vec::new();
        let mut buffer = [0; 16 << 10];
        loop {
            if let Some(answer) = answer(&got) {
                return answer;
            }
            let read = self.0.read(&mut buffer).await.unwrap();
            assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&got));
            got.extend_from_slice(&buffer[..read]);
        }
    }
}

/// An answer, when it is whole.
fn answer(got: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = got.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&got[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.unwrap().parse().unwrap();
    let body = got.get(end + 4..end + 4 + length)?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some((status, body.to_vec()))
}

/// A review of an Ingress as the API server writes it.
pub(crate) fn review(place: &Place, name: &str, spec: &Value) -> Vec<u8> {
    let resource = json!({"group": "networking.k8s.io", "version": "v1", "resource": "ingresses"});
    let kind = json!({"group": "networking.k8s.io", "version": "v1", "kind": "Ingress"});
    let review = json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "name": name,
            "namespace": place.name,
            "operation": "CREATE",
            "userInfo": {"username": "admin", "groups": ["system:masters", "system:authenticated"]},
            "object": {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": {
                    "name": name,
                    "namespace": place.name,
                    "uid": "1cc9b4a1-70ac-4e51-9fcb-2e9d6a6f3c4b",
                    "creationTimestamp": "2036-01-01T00:00:00Z",
                    "managedFields": [{"manager": "kubectl", "operation": "Apply", "apiVersion": "networking.k8s.io/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:rules": {}}}}],
                },
                "spec": spec,
            },
            "oldObject": null,
            "dryRun": false,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    });
    review.to_string().into_bytes()
}
