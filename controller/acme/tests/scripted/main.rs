//! What becomes of the answers that a CA should not give.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod answers;
mod certificates;
mod orders;

use portreeve_acme::{Ca, CaSettings, Failure, FailureKind, Name, Order};

use support::scripted::Scripted;

/// A CA to which a test has connected.
async fn connected() -> (Scripted, Ca) {
    let script = Scripted::start().await;
    let (ca, _) = Ca::connect(&script.settings(), None).await.unwrap();
    (script, ca)
}

/// What becomes of a connection that fails.
async fn refused(settings: &CaSettings) -> Failure {
    Ca::connect(settings, None).await.err().unwrap()
}

async fn order(ca: &Ca) -> Result<Order, Failure> {
    ca.order(&[name()], None, None).await
}

fn name() -> Name {
    "shop.example".parse().unwrap()
}

/// That a failure is of its kind, says `said`, and what to do.
#[track_caller]
fn is(failure: &Failure, kind: FailureKind, said: &str) {
    assert_eq!(failure.kind, kind, "{failure}");
    assert!(failure.detail.contains(said), "{failure}");
    assert!(!failure.advice().is_empty());
}
