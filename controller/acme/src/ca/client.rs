//! How a CA is spoken to: each call with a connection of its own, bounded in time and in size.
//!
//! What is not a success is told here, with all that its answer says, because the CA's client gives
//! on no more than the problem document, and nothing at all where there is none.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, LOCATION, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::dial::dial;
use super::note::note;
use super::problem::{Problem, is_bad_nonce};
use super::retry_after::retry_after;
use super::roots::roots;
use crate::failure::{Failure, FailureKind};

/// How long a call may take, from the first packet to the last.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long an answer may be, in bytes: chains are some thousand.
const LARGEST: usize = 1 << 20;
/// Who asks (RFC 8555, section 6.1, demands that it is said).
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("portreeve/", env!("CARGO_PKG_VERSION")));

/// Sends requests to one CA.
#[derive(Clone)]
pub(super) struct Client {
    tls: TlsConnector,
}

/// A call that came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("{asked}: {why}")]
pub(super) struct CallError {
    /// What was asked, such as `GET https://ca.example/directory`.
    pub(super) asked: String,
    /// Why.
    pub(super) why: Why,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Why {
    /// No connection, or one that broke.
    #[error("{0}")]
    Connection(String),
    /// It took too long.
    #[error("no answer within {} seconds", TIMEOUT.as_secs())]
    Timeout,
    /// The answer is too long.
    #[error("the answer is longer than {LARGEST} bytes")]
    TooLarge,
    /// The CA sends us elsewhere, which a request that is signed for its URL cannot follow.
    #[error("it leads to {0:?}: give that URL")]
    Elsewhere(String),
    /// The CA answers with a failure.
    #[error("{}", .0.status)]
    Answer(Box<Refusal>),
}

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// What the CA says, where it says it as ACME has it.
    pub(super) problem: Option<Problem>,
    pub(super) retry_after: Option<Duration>,
}

impl Client {
    /// One that believes the certificates in `roots` (PEM), or those of the machine.
    pub(super) fn new(pem: Option<&str>) -> Result<Self, Failure> {
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::new(FailureKind::Configuration, error.to_string()))?
            .with_root_certificates(roots(pem)?)
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { tls })
    }

    /// What stands at `url`, for what needs no account.
    pub(super) async fn get(&self, url: &str) -> Result<Response<Bytes>, CallError> {
        let request = Request::get(url).body(Empty::new());
        let request = request.map_err(|error| CallError {
            asked: format!("GET {url}"),
            why: Why::Connection(format!("it is no URL: {error}")),
        })?;
        self.call(request).await
    }

    async fn call<B>(&self, request: Request<B>) -> Result<Response<Bytes>, CallError>
    where
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
    {
        let asked = format!("{} {}", request.method(), request.uri());
        let exchanged = timeout(TIMEOUT, self.exchange(request)).await;
        let answer = match exchanged.unwrap_or(Err(Why::Timeout)) {
            Ok(response) => judge(response),
            Err(why) => Err(why),
        };
        match answer {
            Ok(response) => {
                note(&asked, &response);
                Ok(response)
            }
            Err(why) => Err(CallError { asked, why }),
        }
    }

    async fn exchange<B>(&self, mut request: Request<B>) -> Result<Response<Bytes>, Why>
    where
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
    {
        let stream = dial(request.uri(), &self.tls).await.map_err(broken)?;
        prepare(&mut request).map_err(broken)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // The set ends the connection with this call, also when the call is given up.
        let mut connections = JoinSet::new();
        connections.spawn(connection);
        let response = sender.send_request(request).await.map_err(broken)?;
        read(response).await
    }
}

/// Makes a request fit for a connection: its path alone, to whom, and from whom.
fn prepare<B>(request: &mut Request<B>) -> Result<(), http::Error> {
    let authority = request
        .uri()
        .authority()
        .map_or("", |authority| authority.as_str());
    let host = HeaderValue::from_str(authority)?;
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let path: Uri = path.parse()?;
    *request.uri_mut() = path;
    request.headers_mut().insert(HOST, host);
    request.headers_mut().insert(USER_AGENT, AGENT);
    Ok(())
}

async fn read(response: Response<Incoming>) -> Result<Response<Bytes>, Why> {
    let (parts, body) = response.into_parts();
    match Limited::new(body, LARGEST).collect().await {
        Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(Why::TooLarge),
        Err(error) => Err(Why::Connection(error.to_string())),
    }
}

fn broken(error: impl std::error::Error) -> Why {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        said = format!("{said}: {error}");
        source = error.source();
    }
    Why::Connection(said)
}

/// A success goes on, and so does a refused nonce, which the CA's client answers with another.
fn judge(response: Response<Bytes>) -> Result<Response<Bytes>, Why> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    if status.is_redirection() {
        let to = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
        let to = String::from_utf8_lossy(to.unwrap_or_default()).into_owned();
        return Err(Why::Elsewhere(to));
    }
    let problem = Problem::read(response.body());
    if status == StatusCode::BAD_REQUEST && problem.as_ref().is_some_and(is_bad_nonce) {
        return Ok(response);
    }
    Err(Why::Answer(Box::new(Refusal {
        status,
        problem,
        retry_after: retry_after(response.headers()),
    })))
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.clone();
        Box::pin(async move {
            let answer = client.call(request).await;
            let answer = answer.map_err(|error| Error::Other(Box::new(error)))?;
            Ok(BytesResponse::from(answer.map(Full::new)))
        })
    }
}
