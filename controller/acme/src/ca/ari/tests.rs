//! What a CA may say about renewals.

use super::*;

fn answer(body: &str, retry_after: Option<&str>) -> Response<Bytes> {
    let mut answer = Response::builder();
    if let Some(value) = retry_after {
        answer = answer.header("retry-after", value);
    }
    answer
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

const INFO: &str = r#"{"suggestedWindow":{"start":"2025-01-02T04:00:00Z","end":"2025-01-03T04:00:00.5Z"},
    "explanationURL":"https://ca.example/why"}"#;

#[test]
fn a_window_is_read_and_when_to_ask_again_is_bounded() {
    let ari = read(&answer(INFO, None)).unwrap();
    assert_eq!(ari.start, "2025-01-02T04:00:00Z".parse().unwrap());
    assert_eq!(ari.end, "2025-01-03T04:00:00.5Z".parse().unwrap());
    assert_eq!(ari.explanation.as_deref(), Some("https://ca.example/why"));
    for (value, seconds) in [
        (None, 21600),
        (Some("1"), 60),
        (Some("7200"), 7200),
        (Some("999999"), 86400),
    ] {
        let ari = read(&answer(INFO, value)).unwrap();
        assert_eq!(ari.ask_again_in, Duration::from_secs(seconds));
    }
}

#[test]
fn a_window_that_cannot_be_meant_is_none() {
    let backwards =
        r#"{"suggestedWindow":{"start":"2025-01-03T04:00:00Z","end":"2025-01-02T04:00:00Z"}}"#;
    for body in [
        "",
        "{}",
        backwards,
        r#"{"suggestedWindow":{"start":"now","end":"then"}}"#,
    ] {
        let failure = read(&answer(body, None)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Malformed);
    }
}

#[test]
fn only_who_says_by_which_key_it_was_signed_can_be_named() {
    let alone = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
    assert_eq!(identify(&alone.cert.pem()), None);
    assert_eq!(identify("hello"), None);
}
