//! Probes, metrics and the running configuration, on a listener of their own.
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::drain::Drain;
use crate::listen::ListenError;
use crate::metrics::{Metrics, render};
use crate::options::Listen;
use crate::state::Current;
use crate::wiring::say_listening;

/// How many may ask at once.
const MAX_CONNECTIONS: usize = 64;
/// How long one may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the answers are made from.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) current: Arc<Current>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) drain: Arc<Drain>,
}

impl State {
    pub(crate) fn new(
        current: Arc<Current>,
        metrics: Arc<Metrics>,
        drain: Arc<Drain>,
    ) -> Arc<Self> {
        Arc::new(Self {
            current,
            metrics,
            drain,
        })
    }

    /// Ready means: there is a configuration, and we are not leaving.
    pub(crate) fn is_ready(&self) -> bool {
        self.current.load().number > 0 && !self.drain.is_leaving()
    }
}

/// Binds the listener; `None` when it is switched off.
///
/// # Errors
/// When the address cannot be had.
pub(crate) fn bind(listen: Listen) -> Result<Option<std::net::TcpListener>, ListenError> {
    let Some(address) = listen.loopback() else {
        return Ok(None);
    };
    let explain = |error| ListenError::of("admin", address, error);
    let listener = std::net::TcpListener::bind(address).map_err(explain)?;
    listener.set_nonblocking(true).map_err(explain)?;
    say_listening("admin", listener.local_addr().map_err(explain)?);
    Ok(Some(listener))
}

/// Answers until the process ends.
pub(crate) async fn serve(listener: std::net::TcpListener, state: Arc<State>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    connection(stream, state).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
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
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" | "/healthz" if state.is_ready() => text(StatusCode::OK, "ok\n"),
        "/readyz" | "/healthz" if state.drain.is_leaving() => {
            text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
        }
        "/readyz" | "/healthz" => text(StatusCode::SERVICE_UNAVAILABLE, "no configuration yet\n"),
        "/metrics" => {
            let all = render(state);
            // What is gone has now been told to the end.
            state.metrics.forget_gone();
            typed(all, "text/plain; version=0.0.4; charset=utf-8")
        }
        "/config" => match serde_json::to_string_pretty(&state.current.load().config) {
            Ok(json) => typed(json + "\n", "application/json"),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        },
        _ => text(
            StatusCode::NOT_FOUND,
            "here are /livez, /readyz, /healthz, /metrics and /config\n",
        ),
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

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_table::Config;

    fn state() -> Arc<State> {
        State::new(Arc::default(), Metrics::new(1), Arc::default())
    }

    #[test]
    fn ready_means_a_configuration() {
        let state = state();
        assert_eq!(answer(&state, &Method::GET, "/readyz").status(), 503);
        assert_eq!(answer(&state, &Method::GET, "/livez").status(), 200);
        let before = state.current.load();
        let generation = before.next(Config::default(), Arc::default(), &state.metrics);
        state.current.store(generation);
        assert_eq!(answer(&state, &Method::GET, "/readyz").status(), 200);
    }

    #[test]
    fn nothing_can_be_changed() {
        assert_eq!(answer(&state(), &Method::POST, "/config").status(), 405);
    }
}
