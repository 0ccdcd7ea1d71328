//! Probes, metrics and what there is to see, on a listener of their own.
//!
//! Nothing here changes anything, and no secret is shown.

use std::sync::Arc;

use http::StatusCode;
use portreeve_identity::Identity;
use portreeve_process::admin::{self, Answer, text};
use portreeve_watch::{Health, Watching};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::acme::Figures;
use crate::counts::Counts;
use crate::lease::Leadership;
use crate::metrics;
use crate::published::Latest;
use crate::serve::Fleet;

/// What the answers are made from.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) latest: Latest,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) health: Health,
    pub(crate) counts: Arc<Counts>,
    pub(crate) is_loss_held: watch::Receiver<bool>,
    pub(crate) leadership: Leadership,
    pub(crate) figures: Arc<Figures>,
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
        (!self.health.is_fresh()).then_some(stale)
    }
}

impl Watching for State {
    fn health(&self) -> &Health {
        &self.health
    }
}

/// Answers until the process ends.
pub(crate) async fn serve(listener: TcpListener, state: State) {
    admin::serve(listener, move |path| answer(&state, path)).await;
}

fn answer(state: &State, path: &str) -> Answer {
    let latest = state.latest.borrow().clone();
    let translation = latest.as_ref().map(|latest| &latest.translation);
    match path {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" | "/healthz" => match state.lacks() {
            None => text(StatusCode::OK, "ok\n"),
            Some(lacks) => text(StatusCode::SERVICE_UNAVAILABLE, lacks),
        },
        "/metrics" => admin::metrics(metrics::render(state)),
        "/debug/config" => admin::json(&translation.map(|translation| &translation.config)),
        "/debug/diagnostics" => {
            admin::json(&translation.map(|translation| &translation.diagnostics))
        }
        "/debug/fleet" => admin::json(&state.fleet.seen()),
        _ => text(
            StatusCode::NOT_FOUND,
            "here are /livez, /readyz, /healthz, /metrics, /debug/config, /debug/diagnostics and /debug/fleet\n",
        ),
    }
}
