//! What is shown of statuses, and what is counted over all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use portreeve_acme::{FailureKind, WantId};
use portreeve_table::{CertKey, Origin};

use super::*;

fn status(secret: &str) -> Status {
    let key: CertKey = secret.parse().unwrap();
    Status {
        origin: Origin {
            namespace: key.namespace.clone(),
            name: "web".into(),
        },
        secret: key,
        names: vec!["shop.example".parse().unwrap()],
        phase: Phase::Issued,
        failing: None,
        issuer: None,
        not_after: Some(Timestamp::UNIX_EPOCH),
        renewal: None,
        attempted: None,
        failures: BTreeMap::new(),
        ordered: 0,
        issued: 0,
    }
}

fn all(statuses: &[Status]) -> Statuses {
    let all = statuses.iter().cloned();
    let all = all.map(|status| (WantId::of(&status.secret, &status.names), status));
    Arc::new(all.collect())
}

fn sample(figures: &Figures, name: &str) -> Option<String> {
    let text = figures.render();
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found.map(|rest| rest.trim().to_owned())
}

#[test]
fn names_are_distinct_and_each_says_a_sentence() {
    let mut names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FAMILIES.len());
    assert!(FAMILIES.iter().all(|family| family.help.ends_with('.')));
}

#[test]
fn each_certificate_is_shown_by_its_secret_while_this_controller_leads() {
    let figures = Figures::default();
    figures.update(&all(&[status("shop/a"), status("shop/b")]));
    let expiry = "portreeve_acme_expire_time_seconds{secret=\"shop/b\"}";
    assert_eq!(sample(&figures, expiry).as_deref(), Some("0"));
    assert_eq!(
        sample(&figures, "portreeve_acme_failing{secret=\"shop/a\"}").as_deref(),
        Some("0")
    );
    assert_eq!(
        sample(&figures, "portreeve_acme_renewal_time_seconds{"),
        None
    );
    figures.clear();
    assert_eq!(sample(&figures, expiry), None);
}

#[test]
fn what_is_counted_never_goes_down() {
    let figures = Figures::default();
    let (mut one, mut two) = (status("shop/a"), status("shop/b"));
    (one.issued, one.ordered) = (1, 2);
    one.failures = [(FailureKind::Dns, 2)].into();
    figures.update(&all(&[one.clone(), two.clone()]));
    figures.update(&all(&[two.clone()]));
    (two.issued, two.ordered) = (1, 1);
    two.failures = [(FailureKind::Dns, 1), (FailureKind::Caa, 1)].into();
    figures.update(&all(&[two.clone()]));
    // This controller led before: it counts on.
    figures.clear();
    figures.update(&all(&[status("shop/b")]));
    for (name, value) in [
        ("portreeve_acme_certificates_total", "2"),
        ("portreeve_acme_orders_total", "3"),
        ("portreeve_acme_failures_total{reason=\"AcmeDns\"}", "3"),
        ("portreeve_acme_failures_total{reason=\"AcmeCaa\"}", "1"),
    ] {
        let found = sample(&figures, name);
        assert_eq!(found.as_deref(), Some(value), "{name}");
    }
}
