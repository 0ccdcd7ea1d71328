//! Probes, metrics and the running configuration, on a listener of their own.
//!
//! Nothing here changes anything, and no secret is shown.

use std::sync::Arc;

use http::StatusCode;
use portreeve_process::admin::{self, Answer, text};
use tokio::net::TcpListener;

use crate::drain::Drain;
use crate::listen::ListenError;
use crate::metrics::{Metrics, render};
use crate::options::Listen;
use crate::state::Current;
use crate::wiring::say_listening;

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
    admin::serve(listener, move |path| answer(&state, path)).await;
}

fn answer(state: &State, path: &str) -> Answer {
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
            admin::metrics(all)
        }
        "/config" => admin::json(&state.current.load().config),
        _ => text(
            StatusCode::NOT_FOUND,
            "here are /livez, /readyz, /healthz, /metrics and /config\n",
        ),
    }
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
        assert_eq!(answer(&state, "/readyz").status(), 503);
        assert_eq!(answer(&state, "/livez").status(), 200);
        let before = state.current.load();
        let generation = before.next(Config::default(), Arc::default(), &state.metrics);
        state.current.store(generation);
        assert_eq!(answer(&state, "/readyz").status(), 200);
    }
}
