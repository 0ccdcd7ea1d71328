//! What stands between the issuer and its CA: it counts what is asked, fails some of it, and gives no
//! answer while there is no CA.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portreeve_acme::CaSettings;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::book::Book;
use super::support::https::connector;
use super::support::pebble::{Pebble, identity};
use super::support::running::Clock;

/// What stands before the CA until it is dropped.
pub(crate) struct Front {
    shared: Arc<Shared>,
    address: SocketAddr,
    root: String,
    _serving: JoinSet<()>,
}

struct Shared {
    book: Mutex<Book>,
    upstream: Mutex<Arc<Upstream>>,
    clock: Clock,
}

/// The CA as it is now, with the connections to it that nobody uses.
struct Upstream {
    address: SocketAddr,
    tls: TlsConnector,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Front {
    /// One before `pebble`, which notes times by `clock`.
    pub(crate) async fn start(pebble: &Pebble, clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (root, cert, key) = identity();
        let shared = Arc::new(Shared {
            book: Mutex::default(),
            upstream: Mutex::new(Upstream::new(pebble)),
            clock,
        });
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, acceptor(&cert, &key), Arc::clone(&shared)));
        Self {
            shared,
            address,
            root,
            _serving: serving,
        }
    }

    /// Settings that lead to it.
    pub(crate) fn settings(&self) -> CaSettings {
        let mut settings = CaSettings::new(&format!("https://{}/dir", self.address));
        settings.roots = Some(self.root.as_str().into());
        settings
    }

    /// Leads to `pebble` from now on.
    pub(crate) fn lead_to(&self, pebble: &Pebble) {
        *self.shared.upstream.lock().unwrap() = Upstream::new(pebble);
    }

    /// Looks at what was asked.
    pub(crate) fn book<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.shared.book.lock().unwrap())
    }
}

fn acceptor(cert: &str, key: &str) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = service_fn(|request| answer(&shared, request));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _gone = served.await;
        });
    }
}

/// Answers a request, or breaks its connection where there is no answer.
async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = parts.uri.path().to_owned();
    let (set, fault) = {
        let mut book = shared.book.lock().unwrap();
        let set = book.about(&path, &body);
        let fault = book.asked(&set, &path);
        (set, fault)
    };
    if let Some(fault) = fault {
        let (status, seconds, body) = fault.answer();
        let mut response = Response::builder().status(status);
        if let Some(seconds) = seconds {
            response = response.header("retry-after", seconds);
        }
        return Ok(response.body(Full::from(body)).unwrap());
    }
    let upstream = Arc::clone(&shared.upstream.lock().unwrap());
    let forwarded = upstream.forward(Request::from_parts(parts, Full::new(body)));
    let forwarded = forwarded.await;
    let mut book = shared.book.lock().unwrap();
    let response = forwarded.inspect_err(|_| book.lost(&set))?;
    let location = response.headers().get("location");
    let location = location.and_then(|location| location.to_str().ok());
    let said = (response.status().as_u16(), location);
    let now = shared.clock.now();
    book.answered(&set, &path, said, response.body(), now);
    Ok(response.map(Full::new))
}

impl Upstream {
    fn new(pebble: &Pebble) -> Arc<Self> {
        Arc::new(Self {
            address: pebble.address(),
            tls: connector(&pebble.root),
            idle: Mutex::default(),
        })
    }

    async fn forward(&self, request: Request<Full<Bytes>>) -> io::Result<Response<Bytes>> {
        let idle = self.idle.lock().unwrap().pop();
        let mut sender = match idle.filter(|sender| sender.is_ready()) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let response = sender.send_request(request).await;
        let (parts, body) = response.map_err(io::Error::other)?.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        self.idle.lock().unwrap().push(sender);
        Ok(Response::from_parts(parts, body))
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::IpAddress(self.address.ip().into());
        let stream = self.tls.connect(name, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
