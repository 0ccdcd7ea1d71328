//! What is said of a certificate through its life.

use portreeve_acme::{CaId, Failure, FailureKind, Subproblem, Want};

use super::*;

fn want() -> Want {
    let origin = portreeve_table::Origin {
        namespace: "t".into(),
        name: "web".into(),
    };
    let names = (0..7).map(|n| format!("{n}.example").parse().unwrap());
    Want::new(origin, "t/web-tls".parse().unwrap(), names)
}

fn status(phase: Phase) -> Status {
    let want = want();
    Status {
        origin: want.origin.clone(),
        secret: want.secret.clone(),
        names: want.names().to_vec(),
        phase,
        failing: None,
        issuer: None,
        not_after: None,
        renewal: None,
        attempted: None,
        failures: BTreeMap::new(),
        ordered: 0,
        issued: 0,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn failing(at_time: &str) -> Failing {
    let mut last = Failure::new(FailureKind::Dns, "two names failed");
    last.subproblems = vec![Subproblem {
        name: "1.example".parse().unwrap(),
        problem: "urn:ietf:params:acme:error:dns".into(),
        detail: "no address\n".into(),
    }];
    Failing {
        count: 1,
        blameless: 0,
        at: at(at_time),
        until: at("2030-01-01T10:01:00Z"),
        last,
    }
}

/// What is said of one status after another.
fn said(statuses: Vec<Status>) -> Vec<String> {
    let mut said = Said::default();
    let news = statuses.into_iter().flat_map(|status| {
        let one = Arc::new(BTreeMap::from([(want().id(), status)]));
        said.news(&one)
    });
    news.collect()
}

#[test]
fn each_step_is_one_line_with_its_names_and_is_said_once() {
    let ca = CaId::new("https://ca.example/dir");
    let issued = Status {
        issuer: Some(ca.clone()),
        not_after: Some(at("2030-04-01T00:00:00Z")),
        renewal: Some(at("2030-03-01T12:34:56Z")),
        ..status(Phase::Issued)
    };
    let lines = said(vec![
        status(Phase::Queued),
        status(Phase::Ordering(ca.clone())),
        status(Phase::Ordering(ca)),
        status(Phase::Answering),
        issued.clone(),
        issued,
    ]);
    let names =
        "acme t/web-tls (0.example, 1.example, 2.example, 3.example, 4.example and 2 more): ";
    assert!(
        lines.iter().all(|line| line.starts_with(names)),
        "{lines:?}"
    );
    let rest = lines.iter().map(|line| line.strip_prefix(names).unwrap());
    let rest: Vec<_> = rest.collect();
    assert_eq!(
        rest,
        [
            "ordered from https://ca.example/dir",
            "our own listeners are asked as the CA will ask them",
            "there from https://ca.example/dir, valid until 2030-04-01 00:00Z; \
             renewed 2030-03-01 12:34Z",
        ]
    );
}

#[test]
fn each_failure_is_one_line_with_its_reason_and_what_to_do() {
    let until = at("2030-01-01T10:01:00Z");
    let failed = |time: &str| Status {
        failing: Some(failing(time)),
        ..status(Phase::Failed { until })
    };
    let lines = said(vec![
        failed("2030-01-01T10:00:00Z"),
        failed("2030-01-01T10:00:00Z"),
        failed("2030-01-01T11:40:00Z"),
    ]);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let advice = failing("2030-01-01T10:00:00Z").last.advice();
    let expected = format!(
        "failed (AcmeDns): two names failed; 1.example: no address\\n \
         (urn:ietf:params:acme:error:dns); {advice} Tried again 2030-01-01 10:01Z."
    );
    assert!(lines[0].ends_with(&expected), "{}", lines[0]);
}

/// People look the words up that they are told.
#[test]
fn every_reason_is_in_the_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/acme.md");
    let page = std::fs::read_to_string(path).unwrap();
    for kind in FailureKind::ALL {
        let reason = kind.reason();
        assert!(page.contains(&format!("`{reason}`")), "{reason}");
    }
}
