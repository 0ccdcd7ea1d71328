//! What failures lead to: how long is waited, and what becomes of the order.

use portreeve_table::Origin;

use super::*;
use crate::want::Want;

const MINUTE: i64 = 60;

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(2_000_000_000 + seconds).unwrap()
}

fn ca() -> CaId {
    CaId::new("https://ca.example/dir")
}

fn want() -> Want {
    let origin = Origin {
        namespace: "shop".into(),
        name: "web".into(),
    };
    Want::new(origin, "shop/tls".parse().unwrap(), [])
}

/// How many minutes are waited after each of so many failures of a kind, with so many CAs.
fn waits(kind: FailureKind, failures: usize, cas: u32) -> Vec<i64> {
    let (mut record, policy) = (Record::new(&want()), Policy::new(ca()));
    let mut fail = |_| {
        let failure = Failure::new(kind, "no");
        record.failed(time(0), &want().id(), &ca(), failure, cas, &policy);
        let until = record.failing.as_ref().unwrap().until;
        // They are lengthened by up to a tenth.
        until.duration_since(time(0)).as_secs() * 10 / 11 / MINUTE + 1
    };
    (0..failures).map(&mut fail).collect()
}

fn near(waits: &[i64], expected: &[i64]) -> bool {
    let near =
        |(wait, expected): (&i64, &i64)| *wait <= expected + 1 && *wait * 11 / 10 >= *expected;
    waits.len() == expected.len() && waits.iter().zip(expected).all(near)
}

#[test]
fn waits_depend_on_whose_fault_it_is() {
    for (kind, cas, expected) in [
        (FailureKind::Challenge, 3, [1, 10, 100, 1440, 1440]),
        (FailureKind::Connection, 1, [1, 10, 100, 1440, 1440]),
        // The next CA is tried soon, and when all were tried, waits grow.
        (FailureKind::Connection, 2, [1, 10, 1, 1, 10]),
        (FailureKind::DoorsClosed, 2, [1, 10, 10, 10, 10]),
    ] {
        let waits = waits(kind, 5, cas);
        assert!(near(&waits, &expected), "{kind:?}: {waits:?}");
    }
    let waits = waits(FailureKind::Connection, 7, 2);
    assert!(near(&waits[5..], &[1440, 1440]), "{waits:?}");
}

#[test]
fn an_order_lives_on_unless_its_failure_ended_it() {
    for (kind, lives) in [
        (FailureKind::Connection, true),
        (FailureKind::RateLimited, true),
        (FailureKind::DoorsClosed, true),
        (FailureKind::Challenge, false),
        (FailureKind::OrderInvalid, false),
        (FailureKind::Account, false),
    ] {
        let mut record = Record::new(&want());
        record.begin(time(0), &ca(), Secret::new("key".to_owned()));
        record.ask(time(0), &ca());
        record.made("https://order/1");
        let failure = Failure::new(kind, "no");
        let id = want().id();
        record.failed(time(0), &id, &ca(), failure, 1, &Policy::new(ca()));
        assert_eq!(record.pending.is_some(), lives, "{kind:?}");
    }
}

#[test]
fn a_ca_is_left_alone_for_as_long_as_it_asks_but_not_for_ever() {
    let week = i64::try_from(WEEK.as_secs()).unwrap();
    for (asks, rests) in [(90, 90), (1 << 40, week)] {
        let mut record = Record::new(&want());
        let failure = Failure {
            retry_after: Some(Duration::from_secs(asks)),
            ..Failure::new(FailureKind::RateLimited, "no")
        };
        let id = want().id();
        record.failed(time(0), &id, &ca(), failure, 1, &Policy::new(ca()));
        assert_eq!(record.rests(&ca(), time(0)), Some(time(rests)));
        assert_eq!(record.rests(&ca(), time(rests)), None);
        assert_eq!(record.rests(&CaId::new("other"), time(0)), None);
    }
}
