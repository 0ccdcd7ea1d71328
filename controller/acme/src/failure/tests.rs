//! What every failure says, and what it advises.

use super::*;

#[test]
fn what_a_ca_writes_is_one_short_line() {
    let failure = Failure::new(
        FailureKind::Refused,
        "a\n\u{1b}[2K".to_owned() + &"x".repeat(1000),
    );
    assert!(failure.detail.starts_with(r"a\n\u{1b}[2Kxx"), "{failure}");
    assert_eq!(failure.detail.chars().count(), LONGEST + 1);
}

#[test]
fn a_problem_that_says_more_has_advice_of_its_own() {
    let mut failure = Failure::new(FailureKind::Account, "");
    let general = failure.advice();
    failure.problem = Some("urn:ietf:params:acme:error:externalAccountRequired".into());
    assert!(failure.advice().contains("--acme-eab-kid"));
    assert_ne!(failure.advice(), general);
}

#[test]
fn what_was_kept_without_a_problem_is_read() {
    let kept = r#"{"kind":"rate-limited","detail":"later","retry_after":{"secs":5,"nanos":0}}"#;
    let failure: Failure = serde_json::from_str(kept).unwrap();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(5)));
    assert_eq!(failure.problem, None);
}
