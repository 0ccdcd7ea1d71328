//! What each state of a certificate is told as.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use portreeve_acme::{CaId, Failure, FailureKind, Subproblem};

use super::*;
use crate::events::Severity;

fn status(phase: Phase) -> Status {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    Status {
        origin: Origin {
            namespace: "shop".into(),
            name: "web".into(),
        },
        secret: "shop/web-tls".parse().unwrap(),
        names: vec!["shop.example".parse().unwrap()],
        phase,
        failing: None,
        issuer: Some(CaId::new("https://ca.example/dir")),
        not_after: Some(at("2026-06-01T10:20:30Z")),
        renewal: Some(at("2026-05-01T10:20:30Z")),
        attempted: None,
        failures: BTreeMap::new(),
        ordered: 0,
        issued: 0,
    }
}

fn id(status: &Status) -> WantId {
    WantId::of(&status.secret, &status.names)
}

fn all(status: Status) -> Statuses {
    Arc::new([(id(&status), status)].into())
}

fn say(told: &mut Told, status: Status) -> Vec<(String, String)> {
    let notices = told.notices(&all(status), |_| Some("u-1".into()), Instant::now());
    let text = |it: Notice| {
        assert_eq!(it.uid.as_deref(), Some("u-1"));
        assert_eq!(it.object.to_string(), "shop/web");
        (it.reason.to_string(), it.note.to_string())
    };
    notices.into_iter().map(text).collect()
}

fn reasons(told: &mut Told, status: Status) -> Vec<String> {
    say(told, status)
        .into_iter()
        .map(|(reason, _)| reason)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_step_is_said_while_it_lasts() {
    let mut told = Told::default();
    let ca = CaId::new("https://ca.example/dir");
    for (phase, reason) in [
        (Phase::Ordering(ca), "CertificateOrdered"),
        (Phase::Answering, "ChallengesStaged"),
        (Phase::Validating, "ChallengesAnswered"),
        (Phase::Finalizing, "NamesProven"),
    ] {
        let mut status = status(phase);
        status.not_after = None;
        assert_eq!(reasons(&mut told, status), [reason]);
    }
    for phase in [Phase::Queued, Phase::Issued] {
        assert_eq!(reasons(&mut told, status(phase)), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn that_one_was_issued_is_said_for_a_while_and_of_the_next_that_it_was_renewed() {
    let mut told = Told::default();
    let mut now = status(Phase::Queued);
    now.not_after = None;
    assert_eq!(reasons(&mut told, now.clone()), [""; 0]);
    // It may be told before what is there is looked at.
    (now.phase, now.issued) = (Phase::Finalizing, 1);
    assert_eq!(reasons(&mut told, now), ["NamesProven"]);
    let issued = Status {
        issued: 1,
        ..status(Phase::Issued)
    };
    let said = say(&mut told, issued.clone());
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].0, "CertificateIssued");
    assert!(
        said[0].1.contains("valid until 2026-06-01 10:20Z"),
        "{}",
        said[0].1
    );
    let renewed = Status {
        issued: 2,
        ..issued.clone()
    };
    assert_eq!(
        reasons(&mut told, renewed.clone()),
        ["CertificateIssued", "CertificateRenewed"]
    );
    let until = told.until().unwrap();
    tokio::time::sleep_until(until).await;
    assert_eq!(reasons(&mut told, renewed), [""; 0]);
    assert_eq!(told.until(), None);
}

/// A controller that begins to lead finds certificates, and has issued none.
#[tokio::test(start_paused = true)]
async fn what_was_there_before_is_no_news() {
    assert_eq!(
        reasons(&mut Told::default(), status(Phase::Issued)),
        [""; 0]
    );
}

fn failing(failure: Failure) -> Status {
    let at = "2026-05-01T10:20:30Z".parse().unwrap();
    let mut status = status(Phase::Failed { until: at });
    status.failing = Some(Failing {
        count: 1,
        blameless: 0,
        at,
        until: at,
        last: failure,
    });
    status
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_said_in_the_cas_words_with_what_to_do() {
    let mut failure = Failure::new(FailureKind::Challenge, "urn:x:unauthorized: no\u{7}");
    failure.subproblems = vec![Subproblem {
        name: "shop.example".parse().unwrap(),
        problem: "urn:x:connection".into(),
        detail: "refused\u{1b}[2J".into(),
    }];
    let advice = failure.advice();
    let said = say(&mut Told::default(), failing(failure.clone()));
    assert_eq!(said.len(), 1);
    let (reason, note) = &said[0];
    assert_eq!(reason, "AcmeChallenge");
    assert!(
        note.contains("urn:x:unauthorized") && note.contains("urn:x:connection"),
        "{note}"
    );
    assert!(note.ends_with(advice), "{note}");
    assert!(!note.contains(char::is_control), "{note:?}");
    failure.detail = "x".repeat(2000);
    let (_, note) = &say(&mut Told::default(), failing(failure))[0];
    assert!(
        note.len() <= portreeve_translate::NOTE && note.ends_with(advice),
        "{note}"
    );
}

/// The failure stands while it is tried again, until the certificate is there.
#[tokio::test(start_paused = true)]
async fn a_failure_stands_until_all_is_well() {
    let mut told = Told::default();
    let failure = Failure::new(FailureKind::Dns, "no such name");
    let mut status = failing(failure);
    status.phase = Phase::Answering;
    assert_eq!(reasons(&mut told, status), ["ChallengesStaged", "AcmeDns"]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_the_way_is_a_warning() {
    let until = "2026-05-01T10:20:30Z".parse().unwrap();
    for (phase, reason, said) in [
        (
            Phase::Limited {
                bound: Bound::Names,
                until,
            },
            "AcmeLimited",
            "before 2026-05-01 10:20Z",
        ),
        (
            Phase::Foreign,
            "AcmeSecretTaken",
            "portreeve.dev/acme-issuer",
        ),
    ] {
        let all = all(status(phase));
        let notices = Told::default().notices(&all, |_| None, Instant::now());
        assert_eq!(
            (&*notices[0].reason, notices[0].severity),
            (reason, Severity::Warning)
        );
        assert!(notices[0].note.contains(said), "{}", notices[0].note);
    }
}
