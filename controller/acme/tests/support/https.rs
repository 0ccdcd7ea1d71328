//! HTTPS as others speak it to the CA of a test: another client with the same account, and whoever
//! asks for a root.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{Account, BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A client that believes one root.
#[derive(Clone)]
pub(crate) struct Https(TlsConnector);

impl Https {
    /// One that believes `root` (PEM).
    pub(crate) fn new(root: &str) -> Self {
        Self(connector(root))
    }

    /// What stands at `url`.
    pub(crate) async fn get(&self, url: &str) -> String {
        let request = Request::get(url).body(BodyWrapper::default()).unwrap();
        let mut answer = self.request(request).await.unwrap();
        String::from_utf8(answer.body.into_bytes().await.unwrap().to_vec()).unwrap()
    }

    /// Whoever has these credentials takes the account out of use.
    pub(crate) async fn deactivate(&self, credentials: &str) {
        let credentials = serde_json::from_str(credentials).unwrap();
        let builder = Account::builder_with_http(Box::new(self.clone()));
        let account = builder.from_credentials(credentials).await.unwrap();
        account.deactivate().await.unwrap();
    }

    async fn exchange(self, mut request: Request<BodyWrapper<Bytes>>) -> BytesResponse {
        let authority = request.uri().authority().unwrap().clone();
        let stream = TcpStream::connect(authority.as_str()).await.unwrap();
        let name = ServerName::try_from(authority.host().to_owned()).unwrap();
        let stream = self.0.connect(name, stream).await.unwrap();
        let path: Uri = request.uri().path().parse().unwrap();
        *request.uri_mut() = path;
        request
            .headers_mut()
            .insert("host", authority.as_str().parse().unwrap());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        connection.abort();
        BytesResponse::from(http::Response::from_parts(parts, Full::new(body)))
    }
}

/// What speaks TLS to whom `root` (PEM) certified.
pub(crate) fn connector(root: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

impl HttpClient for Https {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move { Ok(client.exchange(request).await) })
    }
}
