//! Probes and metrics, on a listener of their own.

use std::sync::Arc;

use http::StatusCode;
use portreeve_process::admin::{self, Answer, text};
use portreeve_process::metrics::{Family, Samples, flag, one, render};
use portreeve_watch::{Health, Watching, families};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::counts::Counts;
use crate::refusal::Refusal;
use crate::verdict::Kind;
use crate::world::World;

/// What the answers are made from.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) world: Arc<World>,
    pub(crate) health: Health,
    pub(crate) counts: Arc<Counts>,
    pub(crate) tls: watch::Receiver<Option<Arc<ServerConfig>>>,
    pub(crate) leaving: watch::Receiver<bool>,
}

/// Every family but those of watches, in the order in which they are shown.
pub(crate) const FAMILIES: &[Family<State>] = portreeve_process::families! {
    "portreeve_build_info" gauge Some("version"),
        "1, labelled with the version.", |_| vec![(env!("CARGO_PKG_VERSION"), 1.0)];
    "portreeve_ready" gauge None,
        "1 while the webhook is ready for the API server.",
        |state| one(flag(state.lacks().is_none()));
    "portreeve_admission_reviews_total" counter Some("verdict"),
        "Reviews by what they came to: allowed, denied, other (of no class of ours, or of no kind that is reviewed), unknown (let pass because the cluster's objects were not known yet).",
        reviews;
    "portreeve_admission_warnings_total" counter None,
        "Findings that were told with a warning.", |state| one(state.counts.warnings() as f64);
    "portreeve_admission_review_seconds_total" counter None,
        "How long all reviews took together.", |state| one(state.counts.seconds());
    "portreeve_admission_refused_total" counter Some("reason"),
        "Requests that were not reviewed, by reason.", refusals;
};

impl Watching for State {
    fn health(&self) -> &Health {
        &self.health
    }
}

impl State {
    /// What keeps the webhook from being ready.
    fn lacks(&self) -> Option<&'static str> {
        if *self.leaving.borrow() {
            return Some("stopping\n");
        }
        if !self.world.is_known() {
            return Some("not every kind of object is known yet\n");
        }
        if self.tls.borrow().is_none() {
            return Some("there is no certificate yet (--tls-cert, --tls-key)\n");
        }
        let stale = "the Kubernetes API has not been heard of for too long\n";
        (!self.health.is_fresh()).then_some(stale)
    }
}

/// Answers until the process ends.
pub(crate) async fn serve(listener: TcpListener, state: State) {
    admin::serve(listener, move |path| answer(&state, path)).await;
}

fn answer(state: &State, path: &str) -> Answer {
    match path {
        "/livez" => text(StatusCode::OK, "ok\n"),
        "/readyz" | "/healthz" => match state.lacks() {
            None => text(StatusCode::OK, "ok\n"),
            Some(lacks) => text(StatusCode::SERVICE_UNAVAILABLE, lacks),
        },
        "/metrics" => admin::metrics(render(FAMILIES, state) + &render(families(), state)),
        _ => text(
            StatusCode::NOT_FOUND,
            "here are /livez, /readyz, /healthz and /metrics\n",
        ),
    }
}

fn reviews(state: &State) -> Samples {
    let kinds = Kind::ALL.into_iter();
    kinds
        .map(|kind| (kind.as_str(), state.counts.verdicts(kind) as f64))
        .collect()
}

fn refusals(state: &State) -> Samples {
    let all = Refusal::ALL.iter();
    all.map(|refusal| (refusal.as_str(), state.counts.refusals(*refusal) as f64))
        .collect()
}
