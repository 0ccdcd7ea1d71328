//! A proxy that says what a test makes it say.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portreeve_identity::{CA_FILE, CHAIN_FILE, KEY_FILE, Role};
use portreeve_table::{LineBuffer, Lines, PATH};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// Who somebody is.
pub(crate) type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Who has the files of this folder.
pub(crate) fn read(folder: &Path) -> Own {
    let chain = CertificateDer::pem_file_iter(folder.join(CHAIN_FILE)).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join(KEY_FILE)).unwrap();
    (chain.map(Result::unwrap).collect(), key)
}

/// Connects as somebody, or as nobody.
pub(crate) fn connector(ca: &Path, own: Option<Own>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match own {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// A session with a controller.
pub(crate) struct Guest {
    says: Sender<Bytes>,
    hears: Incoming,
    read: LineBuffer,
    _connection: JoinSet<()>,
}

impl Guest {
    /// Begins a session of a proxy that has nothing and speaks this schema.
    pub(crate) async fn begin(address: SocketAddr, pki: &Path, schema: u32) -> Self {
        let folder = pki.join(Role::Proxy.word());
        let connector = connector(&folder.join(CA_FILE), Some(read(&folder)));
        let stream = TcpStream::connect(address).await.unwrap();
        let name = Role::Controller.server_name();
        let stream = TokioIo::new(connector.connect(name, stream).await.unwrap());
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
        let mut running = JoinSet::new();
        running.spawn(async { drop(connection.await) });
        let (says, body) = Channel::<Bytes>::new(8);
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static(PATH);
        let response = sender.send_request(request).await.unwrap();
        let mut guest = Self {
            says,
            hears: response.into_body(),
            read: LineBuffer::default(),
            _connection: running,
        };
        let hello = json!({"node": "guest", "schema": schema, "have": {}});
        guest.say(json!({"hello": hello})).await;
        guest
    }

    pub(crate) async fn say(&mut self, message: Value) {
        let line = message.to_string() + "\n";
        self.says.send_data(line.into()).await.unwrap();
    }

    /// The next message that is not only a sign of life; `None` when the session is over.
    pub(crate) async fn hear(&mut self) -> Option<Value> {
        loop {
            while let Some(line) = self.read.next_line() {
                let message: Value = serde_json::from_slice(line).unwrap();
                if message.get("ping").is_none() {
                    return Some(message);
                }
            }
            let frame = self.hears.frame().await?.ok()?;
            let data = frame.into_data().unwrap_or_default();
            self.read.push(&data, Lines::LIMIT).unwrap();
        }
    }
}
