//! What comes next, case by case and whatever goes wrong.

use jiff::ToSpan;
use portreeve_table::{Origin, Secret};
use proptest::prelude::*;

use super::*;
use crate::ari::Ari;
use crate::failure::Failure;
use crate::record::Ordered;
use crate::want::KeyType;

const PRIMARY: &str = "https://ca.example/dir";
const STAGING: &str = "https://staging.example/dir";
const FALLBACK: &str = "https://fallback.example/dir";

fn time(hours: i64) -> Timestamp {
    let begin: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    begin + hours.hours()
}

/// Everything that decides, to be changed by each test.
struct World {
    now: Timestamp,
    want: Want,
    there: There,
    record: Record,
    policy: Policy,
    ledger: Ledger,
}

impl World {
    fn new() -> Self {
        let origin = Origin {
            namespace: "shop".into(),
            name: "web".into(),
        };
        let names = ["a.example".parse().unwrap()];
        let want = Want::new(origin, "shop/tls".parse().unwrap(), names);
        Self {
            now: time(0),
            record: Record::new(&want),
            want,
            there: There::Nothing,
            policy: Policy::new(CaId::new(PRIMARY)),
            ledger: Ledger::default(),
        }
    }

    /// With a certificate of 90 days, issued at hour zero.
    fn issued() -> Self {
        let mut world = Self::new();
        world.record.issued(time(0), &CaId::new(PRIMARY));
        world.there = There::Ours(Held {
            names: world.want.names().to_vec(),
            not_before: time(0),
            not_after: time(90 * 24),
            fingerprint: "one".into(),
        });
        world
    }

    fn plan(&self) -> Step {
        plan(&Case {
            now: self.now,
            want: &self.want,
            there: &self.there,
            record: &self.record,
            policy: &self.policy,
            ledger: &self.ledger,
        })
    }

    fn held(&self) -> &Held {
        match &self.there {
            There::Ours(held) => held,
            other => panic!("{other:?}"),
        }
    }

    /// The CA answered when to renew.
    fn answered(&mut self, ari: Option<&Ari>) {
        let every = self.policy.ask_every;
        let asked = renewal::answered(self.now, &self.want.id(), self.held(), ari, every);
        self.record.asked = Some(asked);
    }

    /// What is done before a CA is asked for an order.
    fn begin(&mut self, ca: &str) -> Ordered {
        let ca = CaId::new(ca);
        let is_begun = self.record.pending.as_ref().is_some_and(|p| p.ca == ca);
        if !is_begun {
            self.record.begin(self.now, &ca, Secret::new("key".into()));
        }
        let order = self.record.ask(self.now, &ca);
        self.ledger.ordered(&order);
        order
    }

    fn order(&mut self, ca: &str) {
        self.begin(ca);
        self.record.made("https://order/1");
    }

    fn fail(&mut self, kind: FailureKind) {
        self.fail_at(PRIMARY, Failure::new(kind, "no"));
    }

    fn fail_at(&mut self, ca: &str, failure: Failure) {
        let cas = turns(&self.record, &self.there, &self.policy).len();
        let (id, ca) = (self.want.id(), CaId::new(ca));
        self.record
            .failed(self.now, &id, &ca, failure, cas, &self.policy);
    }

    /// Goes on to when there is something to do, and returns that.
    fn next(&mut self) -> Step {
        for _ in 0..10 {
            match self.plan() {
                Step::Wait { until, .. } => {
                    assert!(until > self.now, "a hot loop at {}", self.now);
                    self.now = until;
                }
                step => return step,
            }
        }
        panic!("it waits for ever: {:?}", self.plan());
    }
}

fn orders(ca: &str) -> Step {
    Step::Order(CaId::new(ca))
}

#[test]
fn what_is_missing_is_ordered_at_once_and_what_is_not_ours_is_left() {
    let mut world = World::new();
    assert_eq!(world.plan(), orders(PRIMARY));
    world.there = There::Foreign;
    assert_eq!(world.plan(), Step::Leave);
    // Not even an order that is under way may end in it.
    world.order(PRIMARY);
    assert_eq!(world.plan(), Step::Leave);
}

#[test]
fn an_order_goes_on_and_no_second_one_is_made() {
    let mut world = World::new();
    world.order(PRIMARY);
    let resume = Step::Resume(CaId::new(PRIMARY), "https://order/1".into());
    for hours in [0, 1, 24, 7 * 24] {
        world.now = time(hours);
        assert_eq!(world.plan(), resume);
    }
    world.now = time(9 * 24);
    assert_eq!(world.plan(), orders(PRIMARY), "no CA knows it any more");
}

#[test]
fn an_order_that_may_have_been_lost_is_asked_for_once_more_at_once_and_then_hourly() {
    let mut world = World::new();
    world.begin(PRIMARY);
    assert_eq!(world.plan(), orders(PRIMARY), "at once");
    world.begin(PRIMARY);
    let hour = Step::Wait {
        until: time(1),
        why: Why::Failed,
    };
    assert_eq!(world.plan(), hour);
    world.now = time(1);
    assert_eq!(world.plan(), orders(PRIMARY));
}

#[test]
fn after_a_failed_order_the_next_is_an_hour_later_and_what_was_not_made_is_no_order() {
    let mut world = World::new();
    world.order(PRIMARY);
    world.fail(FailureKind::Challenge);
    assert_eq!(world.record.pending, None);
    assert_eq!(world.next(), orders(PRIMARY));
    assert_eq!(world.now, time(1));

    let mut world = World::new();
    let order = world.begin(PRIMARY);
    world.record.not_made(&order, FailureKind::ServerInternal);
    world.ledger.not_ordered(&order);
    world.fail(FailureKind::ServerInternal);
    assert_eq!(world.next(), orders(PRIMARY));
    assert!(world.now < time(0) + 2.minutes());
}

#[test]
fn what_is_good_waits_for_the_cas_window_and_is_asked_about_twice_a_day() {
    let mut world = World::issued();
    let ask = Step::Ask(CaId::new(PRIMARY));
    assert_eq!(world.plan(), ask);
    let ari = Ari {
        start: time(40 * 24),
        end: time(42 * 24),
        ask_again_in: std::time::Duration::from_secs(100 * 3600),
        explanation: None,
    };
    let mut questions = 0;
    while world.now < time(40 * 24) {
        world.answered(Some(&ari));
        questions += 1;
        if world.next() != ask {
            break;
        }
    }
    assert!((80..=180).contains(&questions), "{questions}");
    while world.plan() == ask {
        world.answered(Some(&ari));
        world.next();
    }
    assert_eq!(world.plan(), orders(PRIMARY));
    assert!(world.now >= ari.start && world.now <= ari.end);
}

#[test]
fn a_window_that_begins_early_renews_at_once() {
    let mut world = World::issued();
    world.now = time(24);
    world.answered(Some(&Ari {
        start: time(-48),
        end: time(-24),
        ask_again_in: std::time::Duration::from_secs(3600),
        explanation: None,
    }));
    assert_eq!(world.plan(), orders(PRIMARY));
}

#[test]
fn without_a_window_a_third_of_the_lifetime_is_left() {
    let mut world = World::issued();
    while world.next() == Step::Ask(CaId::new(PRIMARY)) {
        world.answered(None);
    }
    assert_eq!(world.plan(), orders(PRIMARY));
    assert!(world.now <= time(60 * 24) && world.now > time(57 * 24));
}

#[test]
fn another_certificate_than_was_asked_about_is_asked_about() {
    let mut world = World::issued();
    world.answered(None);
    assert!(matches!(world.plan(), Step::Wait { why: Why::Good, .. }));
    let mut other = world.held().clone();
    other.fingerprint = "two".into();
    world.there = There::Ours(other);
    assert_eq!(world.plan(), Step::Ask(CaId::new(PRIMARY)));
}

#[test]
fn a_clock_that_is_a_day_off_neither_blocks_nor_hurries() {
    // It ran ahead when it failed and when it was asked: nothing waits for that day to come.
    let mut world = World::new();
    world.now = time(24);
    world.fail(FailureKind::Connection);
    world.now = time(0);
    assert_eq!(world.plan(), orders(PRIMARY));
    let mut world = World::issued();
    world.now = time(24);
    world.answered(None);
    world.now = time(0);
    assert_eq!(world.plan(), Step::Ask(CaId::new(PRIMARY)));
    // It is behind: a certificate that is not valid yet is as good as one that is.
    world.now = time(-24);
    world.answered(None);
    assert!(matches!(world.plan(), Step::Wait { why: Why::Good, .. }));
    // An order of the future is still the one that is under way.
    let mut world = World::new();
    world.order(PRIMARY);
    world.now = time(-24);
    assert!(matches!(world.plan(), Step::Resume(..)));
}

#[test]
fn other_names_are_ordered_and_another_key_is_not_before_it_is_due() {
    let mut world = World::issued();
    world.answered(None);
    world.want.key_type = Some(KeyType::Rsa2048);
    assert!(matches!(world.plan(), Step::Wait { .. }));
    let more = ["a.example", "b.example"].map(|name| name.parse().unwrap());
    world.want = Want::new(world.want.origin.clone(), world.want.secret.clone(), more);
    world.record = Record::new(&world.want);
    assert_eq!(world.plan(), orders(PRIMARY));
}

#[test]
fn staging_comes_before_the_first_order_and_never_again() {
    let mut world = World::new();
    world.policy.staging = Some(CaId::new(STAGING));
    assert_eq!(world.plan(), orders(STAGING));
    world.order(STAGING);
    world.record.proven(&CaId::new(STAGING));
    assert_eq!(world.plan(), orders(PRIMARY));
    world.order(PRIMARY);
    world.record.issued(world.now, &CaId::new(PRIMARY));
    assert_eq!(world.plan(), orders(PRIMARY), "it was deleted");
    // What a staging CA says of names is believed: production is not asked.
    let mut world = World::new();
    world.policy.staging = Some(CaId::new(STAGING));
    for _ in 0..5 {
        world.order(STAGING);
        world.fail_at(STAGING, Failure::new(FailureKind::Challenge, "no"));
        assert_eq!(world.next(), orders(STAGING));
    }
}

#[test]
fn whose_turn_it_is_after_failures_of_cas() {
    let mut world = World::new();
    world.policy.staging = Some(CaId::new(STAGING));
    world.policy.fallback = Some(CaId::new(FALLBACK));
    let mut asked = Vec::new();
    for _ in 0..15 {
        let Step::Order(ca) = world.next() else {
            panic!("{:?}", world.plan());
        };
        let order = world.begin(ca.url());
        world.record.not_made(&order, FailureKind::Connection);
        world.ledger.not_ordered(&order);
        world.fail_at(ca.url(), Failure::new(FailureKind::Connection, "no"));
        asked.push(ca.url().to_owned());
    }
    let each = [STAGING, PRIMARY, FALLBACK, PRIMARY, FALLBACK];
    let expected: Vec<_> = each.iter().flat_map(|ca| [*ca; 3]).collect();
    assert_eq!(asked, expected);
}

#[test]
fn what_is_the_names_own_fault_never_reaches_the_fallback() {
    let mut world = World::new();
    world.policy.fallback = Some(CaId::new(FALLBACK));
    for kind in [
        FailureKind::Challenge,
        FailureKind::Dns,
        FailureKind::Caa,
        FailureKind::RejectedIdentifier,
        FailureKind::DoorsClosed,
    ] {
        for _ in 0..4 {
            world.fail(kind);
            assert_eq!(world.next(), orders(PRIMARY), "{kind:?}");
        }
    }
}

#[test]
fn a_ca_that_wants_to_be_left_alone_is_and_another_is_asked() {
    let limited = Failure {
        retry_after: Some(std::time::Duration::from_secs(30 * 3600)),
        ..Failure::new(FailureKind::RateLimited, "no")
    };
    let mut world = World::new();
    world.fail_at(PRIMARY, limited.clone());
    assert_eq!(world.next(), orders(PRIMARY));
    assert_eq!(world.now, time(30));
    let mut world = World::new();
    world.policy.fallback = Some(CaId::new(FALLBACK));
    world.fail_at(PRIMARY, limited);
    assert_eq!(world.next(), orders(FALLBACK));
    assert!(world.now < time(0) + 2.minutes());
}

#[test]
fn budgets_are_waited_for() {
    let mut world = World::new();
    for hours in 0..5 {
        world.ledger.issued(world.want.names(), time(hours));
    }
    world.now = time(5);
    let wait = |until, bound| Step::Wait {
        until,
        why: Why::Spent(bound),
    };
    assert_eq!(world.plan(), wait(time(7 * 24), Bound::Names));
    let mut world = World::new();
    for _ in 0..300 {
        world.ledger.ordered(&Ordered {
            at: time(0),
            ca: CaId::new(PRIMARY),
        });
    }
    assert_eq!(world.plan(), wait(time(3), Bound::Account));
}

#[test]
fn a_certificate_that_goes_missing_again_and_again_is_ordered_hourly_and_five_times_a_week() {
    let mut world = World::new();
    let mut times = Vec::new();
    while times.len() < 7 {
        assert_eq!(world.next(), orders(PRIMARY));
        world.order(PRIMARY);
        world.record.issued(world.now, &CaId::new(PRIMARY));
        world.ledger.issued(world.want.names(), world.now);
        times.push(world.now);
    }
    let expected = [0, 0, 1, 1, 2, 7 * 24, 7 * 24].map(time);
    assert_eq!(times, expected);
}

#[test]
fn where_either_way_will_do_the_other_is_tried_after_a_failure() {
    let mut world = World::new();
    let way = |world: &World| challenge(&world.want, &world.record, &world.policy);
    assert_eq!(way(&world), ChallengeChoice::Any);
    world.fail(FailureKind::Challenge);
    assert_eq!(way(&world), ChallengeChoice::TlsAlpn01);
    world.want.challenge = Some(ChallengeChoice::Http01);
    assert_eq!(way(&world), ChallengeChoice::Http01);
    world.want.challenge = None;
    world.fail(FailureKind::Challenge);
    assert_eq!(way(&world), ChallengeChoice::Any);
}

fn any_kind() -> impl Strategy<Value = FailureKind> {
    prop::sample::select(vec![
        FailureKind::Connection,
        FailureKind::Timeout,
        FailureKind::RateLimited,
        FailureKind::ServerInternal,
        FailureKind::Challenge,
        FailureKind::Caa,
        FailureKind::Account,
        FailureKind::OrderInvalid,
        FailureKind::BadCertificate,
        FailureKind::DoorsClosed,
        FailureKind::Store,
        FailureKind::Configuration,
    ])
}

proptest! {
    /// Whatever goes wrong, at whatever time: there is a wait after it of a minute at least, no
    /// order while another is under way, and no two within an hour at one CA.
    #[test]
    fn no_failure_leads_to_a_hot_loop_or_to_a_second_order(
        failures in prop::collection::vec((any_kind(), any::<bool>(), prop::option::of(0_u64..200_000)), 1..40),
        has_staging: bool,
        has_fallback: bool,
    ) {
        let mut world = World::new();
        world.policy.staging = has_staging.then(|| CaId::new(STAGING));
        world.policy.fallback = has_fallback.then(|| CaId::new(FALLBACK));
        let mut made: Vec<Ordered> = Vec::new();
        for (kind, after_order, retry_after) in failures {
            let before = world.now;
            let ca = match world.next() {
                Step::Order(ca) => {
                    let is_live = world.record.pending.as_ref().is_some_and(|p| p.ca == ca && p.url.is_some());
                    prop_assert!(!is_live || world.now.duration_since(world.record.pending.as_ref().unwrap().begun) > STALE);
                    let order = world.begin(ca.url());
                    if after_order {
                        let last = made.iter().rev().find(|o| o.ca == ca);
                        prop_assert!(last.is_none_or(|last| world.now >= last.at + 1.hours()));
                        made.push(order);
                        world.record.made("https://order/1");
                    } else {
                        world.record.not_made(&order, kind);
                        world.ledger.not_ordered(&order);
                    }
                    ca
                }
                Step::Resume(ca, _) => ca,
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            prop_assert!(world.record.failing.is_none() || world.now >= before + 1.minutes());
            let retry_after = retry_after.map(std::time::Duration::from_secs);
            let failure = Failure { retry_after, ..Failure::new(kind, "no") };
            world.fail_at(ca.url(), failure);
            let waits = matches!(world.plan(), Step::Wait { until, .. } if until >= world.now + 1.minutes());
            prop_assert!(waits);
        }
    }
}
