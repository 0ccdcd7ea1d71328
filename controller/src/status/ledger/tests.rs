//! What is written, when again, and when no more.

use super::*;

fn addresses(ips: &[&str]) -> Vec<IngressLoadBalancerIngress> {
    let one = |ip: &&str| IngressLoadBalancerIngress {
        ip: Some((*ip).into()),
        ..IngressLoadBalancerIngress::default()
    };
    ips.iter().map(one).collect()
}

fn ingress(version: &str, owner: Owner, ips: &[&str]) -> IngressNow {
    IngressNow {
        key: ObjectKey::new("shop", "web"),
        uid: "uid-1".into(),
        version: version.into(),
        owner,
        addresses: addresses(ips),
    }
}

fn answer(version: &str, ips: &[&str]) -> Answer {
    Answer {
        version: version.into(),
        addresses: addresses(ips),
        taken_from: None,
    }
}

/// What is to be written, for an Ingress that was ours at version 1.
fn wants(now: &IngressNow, desired: Option<&[&str]>) -> Vec<Vec<IngressLoadBalancerIngress>> {
    let (mut ledger, start) = (Ledger::default(), Instant::now());
    ledger.plan(&[ingress("1", Owner::Ours, &[])], None, start);
    let desired = desired.map(|ips| Addresses::from(addresses(ips)));
    let plan = ledger.plan(std::slice::from_ref(now), desired.as_ref(), start);
    plan.jobs.iter().map(|job| job.want.to_vec()).collect()
}

#[test]
fn what_is_written_depends_on_whose_it_is_and_what_it_says() {
    use Owner::{Nobody, Other, Ours};
    for (owner, says, desired, expected) in [
        (Ours, &["b"][..], None, None),
        (Ours, &[], Some(&["a"][..]), Some(&["a"][..])),
        (Ours, &["a"], Some(&["a"]), None),
        (Ours, &["b"], Some(&["a"]), Some(&["a"])),
        (Ours, &["a"], Some(&[]), Some(&[])),
        (Other, &["a"], Some(&["a"]), None),
        (Nobody, &["a"], Some(&["a"]), Some(&[])),
        (Nobody, &["b"], Some(&["a"]), None),
        (Nobody, &[], Some(&["a"]), None),
    ] {
        let now = ingress("2", owner, says);
        let expected: Vec<_> = expected.into_iter().map(addresses).collect();
        assert_eq!(
            wants(&now, desired),
            expected,
            "{owner:?} {says:?} {desired:?}"
        );
    }
}

#[test]
fn what_was_never_ours_is_left_alone() {
    let desired = Addresses::from(addresses(&["a"]));
    let nobodys = [ingress("1", Owner::Nobody, &["a"])];
    let plan = Ledger::default().plan(&nobodys, Some(&desired), Instant::now());
    assert_eq!(plan.jobs, []);
}

#[test]
fn nothing_is_written_twice_for_a_watch_that_lags() {
    let (mut ledger, now) = (Ledger::default(), Instant::now());
    let desired = Addresses::from(addresses(&["a"]));
    let before = [ingress("9", Owner::Ours, &[])];
    let plan = ledger.plan(&before, Some(&desired), now);
    let job = &plan.jobs[0];
    ledger.begin(job);
    assert_eq!(
        ledger.plan(&before, Some(&desired), now).jobs,
        [],
        "on its way"
    );
    ledger.done(job, answer("11", &["a"]), now);
    // Somebody changed the Ingress right before we did.
    for version in ["9", "10"] {
        let lagging = [ingress(version, Owner::Ours, &[])];
        assert_eq!(
            ledger.plan(&lagging, Some(&desired), now).jobs,
            [],
            "{version}"
        );
    }
    let undone = [ingress("12", Owner::Ours, &[])];
    assert_eq!(ledger.plan(&undone, Some(&desired), now).jobs.len(), 1);
    // The addresses are others: what was answered to the last ones does not matter.
    let other = Addresses::from(addresses(&["b"]));
    let lagging = [ingress("9", Owner::Ours, &[])];
    assert_eq!(ledger.plan(&lagging, Some(&other), now).jobs.len(), 1);
}

#[test]
fn what_the_api_server_keeps_is_not_taken_back_again() {
    let (mut ledger, now) = (Ledger::default(), Instant::now());
    let nothing = Addresses::default();
    let theirs = [ingress("2", Owner::Ours, &["x"])];
    let plan = ledger.plan(&theirs, Some(&nothing), now);
    ledger.begin(&plan.jobs[0]);
    ledger.done(&plan.jobs[0], answer("2", &["x"]), now);
    assert_eq!(ledger.plan(&theirs, Some(&nothing), now).jobs, []);
}

#[test]
fn failures_are_retried_less_and_less_often() {
    let (mut ledger, mut now) = (Ledger::default(), Instant::now());
    let desired = Addresses::from(addresses(&["a"]));
    let ours = [ingress("1", Owner::Ours, &[])];
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
        let plan = ledger.plan(&ours, Some(&desired), now);
        ledger.begin(&plan.jobs[0]);
        ledger.failed(&plan.jobs[0], now);
        let due = now + Duration::from_secs(wait);
        let plan = ledger.plan(&ours, Some(&desired), now);
        assert_eq!((plan.jobs, plan.due), (vec![], Some(due)));
        now = due;
    }
    assert!(ledger.plan(&[], Some(&desired), now).due.is_none());
}
