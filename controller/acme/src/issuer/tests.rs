//! Whole lives of certificates, with CAs and a store in memory and time that passes at once.

mod records;
mod world;

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use portreeve_table::Origin;
use tokio::time::timeout;

use super::*;
use crate::ari::Ari;
use crate::failure::{Failure, FailureKind};
use crate::status::Phase;
use crate::store::{CaId, Kept};
use crate::want::Name;
use world::{Moment, Status, World};

const PRIMARY: &str = "https://ca.example/dir";
const STAGING: &str = "https://staging.example/dir";
const FALLBACK: &str = "https://fallback.example/dir";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn want(number: usize) -> Want {
    let origin = Origin {
        namespace: "shop".into(),
        name: "web".into(),
    };
    let names = [format!("a{number}.example").parse().unwrap()];
    let secret = format!("shop/tls{number}").parse().unwrap();
    Want::new(origin, secret, names)
}

fn policy() -> Policy {
    Policy::new(CaId::new(PRIMARY))
}

/// A process that issues.
struct Process {
    wants: watch::Sender<Arc<Vec<Want>>>,
    statuses: watch::Receiver<Statuses>,
    running: JoinHandle<()>,
}

impl Process {
    fn start(world: &World, policy: Policy, wants: Vec<Want>) -> Self {
        let clock = world.clone();
        let emails = world.with(|state| state.emails.clone());
        let settings = |ca: &CaId| CaSettings {
            emails: emails.clone(),
            ..CaSettings::new(ca.url())
        };
        let cas = policy.cas().map(settings).collect();
        let (issuing, statuses) = Issuing::new(
            world.clone(),
            world.clone(),
            world.clone(),
            cas,
            policy,
            Arc::new(move || clock.clock()),
        );
        let (wants, receiver) = watch::channel(Arc::new(wants));
        Self {
            wants,
            statuses,
            running: tokio::spawn(issuing.run(receiver)),
        }
    }

    /// Waits until this is so of a want.
    async fn until(&mut self, want: &Want, is: impl Fn(&crate::Status) -> bool) {
        let id = want.id();
        let is = |all: &Statuses| all.get(&id).is_some_and(&is);
        let seen = timeout(400 * DAY, self.statuses.wait_for(is)).await.is_ok();
        assert!(seen, "{:?}", self.statuses.borrow().get(&id));
    }

    async fn issued(&mut self, want: &Want) {
        self.until(want, |status| status.phase == Phase::Issued)
            .await;
    }

    /// Dies, wherever it is.
    async fn die(self) {
        self.running.abort();
        let _ = self.running.await;
    }
}

fn chain(world: &World, want: &Want) -> String {
    match world.with(|state| state.certificates.get(&want.secret).cloned()) {
        Some(Kept::Ours { chain, .. }) => chain,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_ordered_proven_and_put_into_its_secret() {
    let (world, want) = (World::new(), want(0));
    let mut process = Process::start(&world, policy(), vec![want.clone()]);
    process.issued(&want).await;
    let held = crate::Held::read(&chain(&world, &want)).unwrap();
    assert_eq!(held.names, want.names());
    world.with(|state| {
        let (record, _) = &state.records[&want.id()];
        assert_eq!((&record.pending, &record.failing), (&None, &None));
        assert!(state.challenges.is_empty());
        assert_eq!(state.marks[&want.secret].issuer, CaId::new(PRIMARY));
        assert_eq!(state.orders.len(), 1);
    });
}

/// Every step of the way, and both moments in it: whoever comes next goes on with the same order.
#[tokio::test(start_paused = true)]
async fn whoever_dies_at_any_step_is_followed_by_one_who_orders_nothing_again() {
    let steps = {
        let (world, want) = (World::new(), want(0));
        Process::start(&world, policy(), vec![want.clone()])
            .issued(&want)
            .await;
        world.with(|state| state.steps.clone())
    };
    assert!(steps.len() >= 14, "{steps:?}");
    for (number, name) in steps.iter().enumerate() {
        for moment in [Moment::Before, Moment::After] {
            let (world, want) = (World::new(), want(0));
            world.with(|state| state.death = Some((number, moment)));
            let first = Process::start(&world, policy(), vec![want.clone()]);
            world.death().await;
            first.die().await;
            let begun = world.now();
            let mut next = Process::start(&world, policy(), vec![want.clone()]);
            next.issued(&want).await;
            let at = format!("{number} {name} {moment:?}");
            assert!(world.now() < begun + 5.seconds(), "{at}");
            world.with(|state| {
                assert_eq!(state.orders.len(), 1, "{at}");
                assert_eq!(state.orders[0].status, Status::Valid, "{at}");
                assert!(state.asked.len() <= 2, "{at}: {:?}", state.asked);
                assert!(state.challenges.is_empty(), "{at}");
                let lost = (*name, moment) == ("connect", Moment::After)
                    || (*name, moment) == ("put_account", Moment::Before);
                assert_eq!(state.made_accounts, 1 + usize::from(lost), "{at}");
            });
            chain(&world, &want);
        }
    }
}

/// Where a CA does not give the same order again, one that was lost is ordered once more and no
/// more than that, however often processes die there.
#[tokio::test(start_paused = true)]
async fn processes_that_die_when_they_order_do_so_once_more_and_then_hourly() {
    let (world, want) = (World::new(), want(0));
    world.with(|state| state.reuses = false);
    world.with(|state| state.death_of = Some("order"));
    for _ in 0..5 {
        let process = Process::start(&world, policy(), vec![want.clone()]);
        world.death().await;
        process.die().await;
    }
    let asked = world.with(|state| state.asked.clone());
    let times: Vec<Timestamp> = asked.iter().map(|(_, _, at)| *at).collect();
    assert!(times[1] < times[0] + 5.seconds(), "{times:?}");
    for pair in times[1..].windows(2) {
        assert!(pair[1] >= pair[0] + 1.hours(), "{times:?}");
    }
    world.with(|state| state.death_of = None);
    let mut process = Process::start(&world, policy(), vec![want.clone()]);
    process.issued(&want).await;
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_orders_are_an_hour_apart() {
    let (world, want) = (World::new(), want(0));
    let no = |kind| Failure::new(kind, "no");
    world.with(|state| {
        state
            .failures
            .insert("ready", vec![no(FailureKind::Challenge); 3].into());
        state
            .failures
            .insert("order", vec![no(FailureKind::ServerInternal); 2].into());
        state
            .failures
            .insert("finalize", vec![no(FailureKind::Timeout)].into());
        state
            .failures
            .insert("open", vec![no(FailureKind::DoorsClosed)].into());
    });
    let mut process = Process::start(&world, policy(), vec![want.clone()]);
    process.issued(&want).await;
    world.with(|state| {
        let times: Vec<Timestamp> = state.asked.iter().map(|(_, _, at)| *at).collect();
        assert_eq!(state.orders.len(), 4, "{times:?}");
        for pair in times.windows(2) {
            assert!(pair[1] >= pair[0] + 1.hours(), "{times:?}");
        }
        let failures = &process.statuses.borrow()[&want.id()].failures;
        assert_eq!(failures[&FailureKind::Challenge], 3);
        assert_eq!(failures[&FailureKind::DoorsClosed], 1);
    });
}

#[tokio::test(start_paused = true)]
async fn two_who_lead_at_once_make_one_order() {
    let (world, want) = (World::new(), want(0));
    let mut both: Vec<_> = (0..2)
        .map(|_| Process::start(&world, policy(), vec![want.clone()]))
        .collect();
    for process in &mut both {
        process.issued(&want).await;
    }
    world.with(|state| assert_eq!(state.orders.len(), 1));
}

#[tokio::test(start_paused = true)]
async fn five_hundred_are_issued_within_what_an_account_may_order() {
    let world = World::new();
    let wants: Vec<_> = (0..500).map(want).collect();
    let mut process = Process::start(&world, policy(), wants.clone());
    for want in &wants {
        process.issued(want).await;
    }
    world.with(|state| {
        assert_eq!(state.orders.len(), 500);
        let times: Vec<_> = state.asked.iter().map(|(_, _, at)| *at).collect();
        for (index, at) in times.iter().enumerate().skip(300) {
            assert!(*at >= times[index - 300] + 3.hours(), "{index}");
        }
        assert_eq!(state.made_accounts, 1);
    });
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_renewed_and_the_ca_is_told_what_is_replaced() {
    let (world, want) = (World::new(), want(0));
    let mut process = Process::start(&world, policy(), vec![want.clone()]);
    process.issued(&want).await;
    let first = chain(&world, &want);
    process.until(&want, |status| status.issued == 2).await;
    assert_ne!(chain(&world, &want), first);
    assert!(world.now() < "2030-03-03T00:00:00Z".parse().unwrap());
    world.with(|state| {
        assert_eq!(state.replaced, [false, true]);
        let asked = state.steps.iter().filter(|step| **step == "ask").count();
        assert!(asked > 2 * 57, "twice a day: {asked}");
        state.ari = Some(Ari {
            start: "2030-01-01T00:00:00Z".parse().unwrap(),
            end: "2030-01-02T00:00:00Z".parse().unwrap(),
            ask_again_in: Duration::from_secs(60),
            explanation: None,
        });
    });
    // The CA wants it replaced now, and the next one as well, and so on: the budget holds.
    process
        .until(&want, |status| {
            matches!(status.phase, Phase::Limited { .. })
        })
        .await;
    world.with(|state| assert_eq!(state.orders.len(), 6));
}

#[tokio::test(start_paused = true)]
async fn staging_is_tried_first_and_its_certificate_serves_nobody() {
    let (world, want) = (World::new(), want(0));
    let mut policy = policy();
    policy.staging = Some(CaId::new(STAGING));
    policy.profile = Some("shortlived".into());
    let mut process = Process::start(&world, policy, vec![want.clone()]);
    process.issued(&want).await;
    world.with(|state| {
        let cas: Vec<_> = state.orders.iter().map(|order| order.ca.url()).collect();
        assert_eq!(cas, [STAGING, PRIMARY]);
        let put = state
            .steps
            .iter()
            .filter(|step| **step == "put_certificate");
        assert_eq!(put.count(), 1);
        assert_eq!(state.profiles, vec![Some("shortlived".to_owned()); 2]);
    });
}

#[tokio::test(start_paused = true)]
async fn the_fallback_issues_when_the_primary_is_down() {
    let (world, want) = (World::new(), want(0));
    let mut policy = policy();
    policy.fallback = Some(CaId::new(FALLBACK));
    policy.profile = Some("the primary's".into());
    let down = Failure::new(FailureKind::Connection, "down");
    world.with(|state| state.failures.insert("connect", vec![down; 3].into()));
    let mut process = Process::start(&world, policy, vec![want.clone()]);
    process.issued(&want).await;
    world.with(|state| {
        assert_eq!(state.marks[&want.secret].issuer, CaId::new(FALLBACK));
        assert_eq!(state.profiles, [None]);
    });
}

#[tokio::test(start_paused = true)]
async fn a_foreign_secret_is_left_and_a_deleted_one_is_ordered_again() {
    let (world, want) = (World::new(), want(0));
    world.with(|state| {
        state
            .certificates
            .insert(want.secret.clone(), Kept::Foreign)
    });
    let mut process = Process::start(&world, policy(), vec![want.clone()]);
    process
        .until(&want, |status| status.phase == Phase::Foreign)
        .await;
    world.with(|state| assert!(state.orders.is_empty()));
    for count in 1..=2 {
        world.with(|state| drop(state.certificates.remove(&want.secret)));
        let begun = world.now();
        let mut seen = want.clone();
        seen.seen = Some(count.to_string().into());
        process.wants.send_replace(Arc::new(vec![seen]));
        process.until(&want, |status| status.issued == count).await;
        assert!(world.now() < begun + 2.seconds(), "it was told");
    }
    // Somebody put other content there, and nobody says so: it is seen within the hour.
    world.with(|state| {
        let other = Kept::Ours {
            chain: "edited".into(),
            key: portreeve_table::Secret::new("edited".into()),
        };
        state.certificates.insert(want.secret.clone(), other);
    });
    let begun = world.now();
    process.until(&want, |status| status.issued == 3).await;
    assert!(world.now() <= begun + 130.minutes());
}

#[tokio::test(start_paused = true)]
async fn other_names_are_ordered_and_the_old_ones_are_not_renewed() {
    let (world, old) = (World::new(), want(0));
    let mut process = Process::start(&world, policy(), vec![old.clone()]);
    process.issued(&old).await;
    let names = ["a0.example", "b.example"].map(|name| name.parse().unwrap());
    let new = Want::new(old.origin.clone(), old.secret.clone(), names);
    process.wants.send_replace(Arc::new(vec![new.clone()]));
    process.issued(&new).await;
    let held = crate::Held::read(&chain(&world, &new)).unwrap();
    assert_eq!(held.names, new.names());
    // What is kept of the old names is of no use when its budget is over.
    process.until(&new, |status| status.issued == 2).await;
    world.with(|state| assert_eq!(state.records.keys().collect::<Vec<_>>(), [&new.id()]));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_a_day_off_changes_nothing() {
    for skew in [-24, 24] {
        let (world, want) = (World::new(), want(0));
        world.with(|state| state.skew = skew);
        let mut process = Process::start(&world, policy(), vec![want.clone()]);
        process.issued(&want).await;
        assert!(
            world.now() < "2030-01-01T00:01:00Z".parse().unwrap(),
            "{skew}"
        );
        // It is set right.
        world.with(|state| state.skew = 0);
        process.until(&want, |status| status.issued == 2).await;
        world.with(|state| assert_eq!(state.orders.len(), 2, "{skew}"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_the_ca_does_not_know_is_connected_anew() {
    let (world, want) = (World::new(), want(0));
    let unknown = Failure::new(FailureKind::Account, "accountDoesNotExist");
    world.with(|state| drop(state.failures.insert("order", vec![unknown].into())));
    let mut process = Process::start(&world, policy(), vec![want.clone()]);
    process.issued(&want).await;
    world.with(|state| {
        let connected = state.steps.iter().filter(|step| **step == "connect");
        assert_eq!(connected.count(), 2);
        assert_eq!(state.orders.len(), 1);
    });
}

#[tokio::test(start_paused = true)]
async fn the_key_of_an_account_is_rolled_over_when_it_is_old() {
    let (world, want) = (World::new(), want(0));
    let mut policy = policy();
    policy.key_rollover = Some(5 * DAY);
    let mut process = Process::start(&world, policy, vec![want.clone()]);
    process.issued(&want).await;
    let first = world.with(|state| state.accounts[&CaId::new(PRIMARY)].clone());
    sleep(16 * DAY).await;
    world.with(|state| {
        let rolled = state.steps.iter().filter(|step| **step == "roll_over");
        assert_eq!(rolled.count(), 3);
        assert_ne!(state.accounts[&CaId::new(PRIMARY)], first);
    });
}

/// Which of a renewal's orders name the certificate that they replace, after each kind of failure.
#[tokio::test(start_paused = true)]
async fn a_ca_that_refuses_is_not_told_again_what_is_replaced() {
    for (kind, told) in [
        (FailureKind::Account, false),
        (FailureKind::OrderInvalid, false),
        (FailureKind::Refused, false),
        (FailureKind::Connection, true),
        (FailureKind::RateLimited, true),
        (FailureKind::BadNonce, true),
    ] {
        let (world, want) = (World::new(), want(0));
        let mut process = Process::start(&world, policy(), vec![want.clone()]);
        process.issued(&want).await;
        let no = Failure::new(kind, "no");
        world.with(|state| drop(state.failures.insert("order", vec![no].into())));
        world.with(|state| state.told_replaced.clear());
        process.until(&want, |status| status.issued == 2).await;
        let replaced = || world.with(|state| state.told_replaced.clone());
        assert_eq!(replaced(), [true, told], "{kind:?}");
        // What was refused is of no concern to the certificate after that.
        process.until(&want, |status| status.issued == 3).await;
        assert_eq!(replaced(), [true, told, true], "{kind:?}");
    }
}

/// It would be taken for one of other names, and ordered again as often as may be.
#[tokio::test(start_paused = true)]
async fn a_certificate_with_a_name_that_nobody_asked_for_is_refused() {
    let (world, want) = (World::new(), want(0));
    world.with(|state| state.adds = Some("www.example"));
    let mut process = Process::start(&world, policy(), vec![want.clone()]);
    let is_said = |status: &crate::Status| {
        let failing = status.failing.as_ref();
        failing.is_some_and(|failing| {
            failing.last.kind == FailureKind::BadCertificate
                && failing
                    .last
                    .detail
                    .ends_with("it is also for www.example, which was not ordered")
        })
    };
    process.until(&want, is_said).await;
    sleep(DAY).await;
    world.with(|state| {
        assert!(state.certificates.is_empty());
        assert!(state.orders.len() <= 4, "{}", state.orders.len());
        state.adds = None;
    });
    process.issued(&want).await;
}

/// Until there is another, its old certificate serves whoever lost a name.
#[tokio::test(start_paused = true)]
async fn a_want_that_loses_a_name_is_ordered_and_replaces_what_serves_it() {
    let (world, one) = (World::new(), want(0));
    let names = ["a0.example", "b.example"].map(|name| name.parse().unwrap());
    let both = Want::new(one.origin.clone(), one.secret.clone(), names);
    let mut policy = policy();
    policy.staging = Some(CaId::new(STAGING));
    let mut process = Process::start(&world, policy, vec![both.clone()]);
    process.issued(&both).await;
    process.wants.send_replace(Arc::new(vec![one.clone()]));
    process.issued(&one).await;
    let held = crate::Held::read(&chain(&world, &one)).unwrap();
    assert_eq!(held.names, one.names());
    world.with(|state| {
        let cas: Vec<_> = state.orders.iter().map(|order| order.ca.url()).collect();
        assert_eq!(cas, [STAGING, PRIMARY, PRIMARY]);
    });
}

#[tokio::test(start_paused = true)]
async fn a_ca_is_told_when_other_addresses_are_given() {
    let (world, want) = (World::new(), want(0));
    for (email, told) in [
        ("a@shop.example", 0),
        ("b@shop.example", 1),
        ("b@shop.example", 1),
    ] {
        world.with(|state| {
            state.emails = vec![email.into()];
            state.certificates.remove(&want.secret);
        });
        let mut process = Process::start(&world, policy(), vec![want.clone()]);
        process.until(&want, |status| status.issued == 1).await;
        process.die().await;
        world.with(|state| assert_eq!(state.told_contacts, told));
    }
}
