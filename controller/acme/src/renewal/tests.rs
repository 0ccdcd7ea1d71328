//! When certificates are renewed and CAs are asked.

use jiff::ToSpan;
use proptest::prelude::*;

use super::*;
use crate::want::Name;

fn id() -> WantId {
    WantId::of(&"shop/tls".parse().unwrap(), &[] as &[Name])
}

fn time(hours: i64) -> Timestamp {
    let begin: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    begin + hours.hours()
}

fn held(hours: i64) -> Held {
    Held {
        names: Vec::new(),
        not_before: time(0),
        not_after: time(hours),
        fingerprint: "one".into(),
    }
}

fn asked(start: i64, end: i64) -> Asked {
    Asked {
        fingerprint: "one".into(),
        window: Some((time(start), time(end))),
        at: time(0),
        again: time(6),
    }
}

#[test]
fn the_backstop_depends_on_the_lifetime() {
    for (hours, latest) in [(90 * 24, 60 * 24), (45 * 24, 30 * 24), (160, 80), (24, 12)] {
        let due = due(&id(), &held(hours), None);
        assert!(due <= time(latest), "{hours}: {due}");
        assert!(
            due > time(latest) - (hours / 50 + 1).hours(),
            "{hours}: {due}"
        );
    }
}

#[test]
fn a_window_decides_but_lets_nothing_expire() {
    let held = held(90 * 24);
    let within = due(&id(), &held, Some(&asked(1000, 1010)));
    assert!(within >= time(1000) && within <= time(1010));
    assert_eq!(due(&id(), &held, Some(&asked(-9000, -8000))), time(0));
    assert_eq!(due(&id(), &held, Some(&asked(9000, 9999))), time(75 * 24));
    let mut other = asked(9000, 9999);
    other.fingerprint = "two".into();
    let backstop = due(&id(), &held, None);
    assert_eq!(
        due(&id(), &held, Some(&other)),
        backstop,
        "it is of another"
    );
}

#[test]
fn the_ca_is_asked_as_it_says_but_twice_a_day_at_least() {
    let held = held(90 * 24);
    let ari = |seconds| Ari {
        start: time(1),
        end: time(2),
        ask_again_in: Duration::from_secs(seconds),
        explanation: None,
    };
    for (says, least, most) in [(0, 54, 60), (3600, 3240, 3600), (1 << 40, 38880, 43200)] {
        let asked = answered(time(0), &id(), &held, Some(&ari(says)), 2 * OFTEN);
        let wait = asked.again.duration_since(time(0)).as_secs();
        assert!((least..=most).contains(&wait), "{says}: {wait}");
        assert_eq!(asked.window, Some((time(1), time(2))));
    }
    let backwards = Ari {
        end: time(1),
        ..ari(60)
    };
    assert_eq!(
        answered(time(0), &id(), &held, Some(&backwards), OFTEN).window,
        None
    );
}

proptest! {
    /// Whatever a certificate's dates and a CA's window are, it is renewed before it expires.
    #[test]
    fn nothing_is_due_after_it_has_expired(
        lifetime in 1_i64..100_000,
        start in -200_000_i64..200_000,
        length in 1_i64..200_000,
    ) {
        let held = held(lifetime);
        let window = asked(start, start + length);
        for asked in [None, Some(&window)] {
            let due = due(&id(), &held, asked);
            prop_assert!(due < held.not_after);
            prop_assert!(due >= held.not_before);
        }
    }
}
