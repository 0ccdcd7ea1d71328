//! Challenges of ACME that are asked for before anybody can answer them (RFC 8555, section 8.3).
//!
//! cert-manager makes an Ingress, a Service and a Pod for a challenge and asks for it at once; what
//! it gets then decides whether it goes on, or looks again ten seconds later. So such a request
//! waits a moment for its route, and a little longer for an endpoint. It must never be another
//! request that waits, and never more than a few: whoever comes then gets what there is.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::request::Parts;
use portreeve_table::Action;
use tokio::time::{Instant, interval};

use crate::challenge;
use crate::request::{Matched, find};
use crate::state::{Generation, Pinned};
use crate::target::Target;
use crate::worker::Worker;

/// How long a challenge waits that only routes for other paths take. A site that solves its
/// challenges itself is asked this much later, well before an authority has had enough.
const FOR_ROUTE: Duration = Duration::from_secs(2);

/// How long one waits whose own route has no endpoint: Pods take seconds to start, and cert-manager
/// gives up after ten.
const FOR_ENDPOINT: Duration = Duration::from_secs(5);

/// How often the configuration is looked at meanwhile.
const ASK: Duration = Duration::from_millis(25);

/// How many may wait at once, for each worker.
pub(crate) const WAITING: usize = 64;

/// The generation to answer a request from: the running one, save for a challenge that a later one
/// may answer.
pub(crate) async fn generation(worker: &Worker, parts: &Parts) -> Arc<Pinned> {
    let generation = worker.generation();
    let token = parts.uri.path().strip_prefix(challenge::PATH);
    if parts.method != Method::GET || !token.is_some_and(is_token) {
        return generation;
    }
    // Few requests are challenges, and every other would carry this future along.
    Box::pin(wait(worker, parts, generation)).await
}

/// Whether it may be a token: 128 bits at least, in base64url (RFC 8555, section 8.1).
fn is_token(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() >= 22 && text.bytes().all(is_digit)
}

async fn wait(worker: &Worker, parts: &Parts, mut generation: Arc<Pinned>) -> Arc<Pinned> {
    let place = worker.early.try_acquire();
    let (Ok(target), Ok(_place)) = (Target::read(parts), place) else {
        return generation;
    };
    let begun = Instant::now();
    let mut ask = interval(ASK);
    while begun.elapsed() < patience(&generation, &target, parts) {
        ask.tick().await;
        generation = worker.generation();
    }
    generation
}

/// How long it is worth waiting for an answer, counted from the beginning.
fn patience(generation: &Generation, target: &Target, parts: &Parts) -> Duration {
    if challenge::answer(generation, target, parts).is_some() {
        return Duration::ZERO;
    }
    match find(generation, target, parts) {
        Ok(Some(matched)) if !matched.route.rule.starts_with(challenge::PATH) => FOR_ROUTE,
        Ok(Some(matched)) if !has_endpoint(generation, &matched) => FOR_ENDPOINT,
        Ok(None) => FOR_ROUTE,
        Ok(Some(_)) | Err(_) => Duration::ZERO,
    }
}

/// Whether a route leads to anybody, or nowhere by itself.
fn has_endpoint(generation: &Generation, matched: &Matched<'_>) -> bool {
    let Action::Forward(forward) = &matched.route.action else {
        return true;
    };
    let mut backends = forward.backends.iter().chain(&forward.fallback);
    backends.any(|backend| {
        let upstream = generation.upstreams.get(&backend.upstream);
        upstream.is_some_and(|upstream| !upstream.endpoints.is_empty())
    })
}
