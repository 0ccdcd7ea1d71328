//! Probes, metrics and what there is to see, on a listener of their own.
//!
//! Nothing here changes anything, and no secret is shown.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use portreeve_identity::Identity;
use portreeve_watch::Health;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::counts::Counts;
use crate::lease::Leadership;
use crate::metrics;
use crate::published::Latest;
use crate::serve::Fleet;

/// How many may ask at once.
const MAX_CONNECTIONS: usize = 64;
/// How long one may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how many seconds the API server may fail before other controllers are better to ask.
const FAILING: u64 = 30;
/// For how many it may be silent: it gives a sign of life about once a minute.
const SILENT: u64 = 180;

/// What the answers are made from.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) latest: Latest,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) health: Health,
    pub(crate) counts: Arc<Counts>,
    pub(crate) is_loss_held: watch::Receiver<bool>,
    pub(crate) leadership: Leadership,
    pub(crate) identity: watch::Receiver<Option<Arc<Identity>>>,
}

impl State {
    /// Ready means: everything is known, the API server was heard of lately, and proxies are shown
    /// who we are.
    pub(crate) fn is_ready(&self) -> bool {
        self.lacks().is_none()
    }

    /// What keeps it from being ready.
    fn lacks(&self) -> Option<&'static str> {
        if self.latest.borrow().is_none() {
            return Some("not every kind of object is known yet\n");
        }
        if self.identity.borrow().is_none() {
            return Some("there is no certificate yet; the controller that leads makes it\n");
        }
        let stale = "the Kubernetes API has not been heard of for too long\n";
        (!is_fresh(&self.health)).then_some(stale)
    }
}

/// Whether every watch has heard from the API server lately.
pub(crate) fn is_fresh(health: &Health) -> bool {
    health.kinds().iter().all(|kind| match kind.last_error {
        Some(_) if kind.is_forbidden => true,
        Some(_) => kind.silent < FAILING,
        None => kind.silent < SILENT,
    })
}

/// Answers until the process ends.
pub(crate) async fn serve(listener: TcpListener, state: State) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = state.clone();
                tokio::spawn(async move {
                    connection(stream, state).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: TcpStream, state: State) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = answer(&state, request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE);
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn answer(state: &State, method: &Method, path: &str) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        let allow = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allow);
        return response;
    }
    let latest = state.latest.borrow().clone();
    let translation = latest.as_ref().map(|latest| &latest.translation);
    match path {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" | "/healthz" => match state.lacks() {
            None => text(StatusCode::OK, "ok\n"),
            Some(lacks) => text(StatusCode::SERVICE_UNAVAILABLE, lacks),
        },
        "/metrics" => typed(
            metrics::render(state),
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        "/debug/config" => json(&translation.map(|translation| &translation.config)),
        "/debug/diagnostics" => json(&translation.map(|translation| &translation.diagnostics)),
        "/debug/fleet" => json(&state.fleet.seen()),
        _ => text(
            StatusCode::NOT_FOUND,
            "here are /livez, /readyz, /healthz, /metrics, /debug/config, /debug/diagnostics and /debug/fleet\n",
        ),
    }
}

fn json(value: &impl Serialize) -> Response<Full<Bytes>> {
    match serde_json::to_string_pretty(value) {
        Ok(json) => typed(json + "\n", "application/json"),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = typed(text.to_string(), "text/plain; charset=utf-8");
    *response.status_mut() = status;
    response
}

fn typed(text: String, media_type: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
