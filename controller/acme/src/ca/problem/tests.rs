//! Problem documents as CAs write them.

use http::StatusCode;

use super::*;

/// What an answer of `status` with `body` comes to.
fn of(status: u16, body: &str, about: About) -> Failure {
    let call = CallError {
        asked: "POST https://ca.example/new-order".into(),
        why: Why::Answer(Box::new(Refusal {
            status: StatusCode::from_u16(status).unwrap(),
            problem: Problem::read(body.as_bytes()),
            retry_after: None,
        })),
    };
    failure(Error::Other(Box::new(call)), &Notes::default(), about)
}

#[test]
fn problems_are_grouped_by_what_is_to_be_done() {
    use FailureKind as K;
    for (problem, order, name) in [
        ("badNonce", K::BadNonce, K::BadNonce),
        ("rateLimited", K::RateLimited, K::RateLimited),
        ("serverInternal", K::ServerInternal, K::ServerInternal),
        ("dns", K::Dns, K::Dns),
        ("caa", K::Caa, K::Caa),
        ("connection", K::Challenge, K::Challenge),
        ("incorrectResponse", K::Challenge, K::Challenge),
        (
            "rejectedIdentifier",
            K::RejectedIdentifier,
            K::RejectedIdentifier,
        ),
        ("unauthorized", K::Account, K::Challenge),
        ("accountDoesNotExist", K::Account, K::Account),
        ("userActionRequired", K::Account, K::Account),
        ("orderNotReady", K::OrderInvalid, K::OrderInvalid),
        ("badCSR", K::Refused, K::Refused),
        ("madeUp", K::Refused, K::Refused),
    ] {
        let body = format!(r#"{{"type":"{URN}{problem}","detail":"because"}}"#);
        for (about, kind) in [(About::Order, order), (About::Name, name)] {
            let failure = of(403, &body, about);
            assert_eq!(failure.kind, kind, "{problem}");
            assert_eq!(
                failure.problem.as_deref(),
                Some(&*format!("{URN}{problem}"))
            );
            assert_eq!(failure.detail, format!("{URN}{problem}: because"));
            assert!(!failure.advice().is_empty());
        }
    }
}

#[test]
fn the_status_counts_where_the_problem_says_less() {
    for (status, body, kind) in [
        (429, "slow down", FailureKind::RateLimited),
        (
            429,
            r#"{"type":"about:blank","detail":"x"}"#,
            FailureKind::RateLimited,
        ),
        (500, "<html>", FailureKind::ServerInternal),
        (503, "{}", FailureKind::ServerInternal),
        (
            404,
            r#"{"type":"urn:ietf:params:acme:error:malformed"}"#,
            FailureKind::OrderInvalid,
        ),
        (410, "", FailureKind::OrderInvalid),
        (400, "<html>", FailureKind::Malformed),
    ] {
        assert_eq!(of(status, body, About::Order).kind, kind, "{status} {body}");
    }
    assert_eq!(of(404, "", About::Account).kind, FailureKind::Malformed);
    let said = of(500, "<html>", About::Order).detail;
    assert!(said.contains("https://ca.example/new-order: 500"), "{said}");
}

#[test]
fn what_is_said_of_names_is_kept_and_counts() {
    let body = r#"{"type":"urn:ietf:params:acme:error:malformed","detail":"Some were rejected",
        "subproblems":[
            {"type":"urn:ietf:params:acme:error:rejectedIdentifier","detail":"not for\nyou",
             "identifier":{"type":"dns","value":"b.example"}},
            {"type":"urn:ietf:params:acme:error:caa","identifier":{"type":"ip","value":"10.0.0.1"}},
            {"type":"x","identifier":{"type":"made-up","value":"../.."}},
            {"detail":"no identifier"}]}"#;
    let failure = of(400, body, About::Order);
    assert_eq!(failure.kind, FailureKind::RejectedIdentifier);
    let names: Vec<_> = failure
        .subproblems
        .iter()
        .map(|sub| sub.name.to_string())
        .collect();
    assert_eq!(names, ["b.example", "10.0.0.1"]);
    assert_eq!(&*failure.subproblems[0].detail, r"not for\nyou");
}

#[test]
fn a_client_that_cannot_read_says_whom_it_asked() {
    let notes = Notes {
        asked: "POST https://ca.example/order/1".into(),
        ..Notes::default()
    };
    let json = serde_json::from_str::<u8>("<html>").unwrap_err();
    let failure = failure(Error::Json(json), &notes, About::Order);
    assert_eq!(failure.kind, FailureKind::Malformed);
    assert!(
        failure
            .detail
            .starts_with("POST https://ca.example/order/1: "),
        "{failure}"
    );
}
