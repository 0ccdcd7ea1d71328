//! How much may be ordered, and when again.

use jiff::ToSpan;

use super::*;
use crate::want::Want;

fn time(minutes: i64) -> Timestamp {
    let begin: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    begin + minutes.minutes()
}

fn ca() -> CaId {
    CaId::new("https://ca.example/dir")
}

fn order(minutes: i64) -> Ordered {
    Ordered {
        at: time(minutes),
        ca: ca(),
    }
}

fn ask(ledger: &Ledger, minutes: i64) -> Result<(), Spent> {
    let limits = Limits {
        per_names: 2,
        per_account: 3,
    };
    ledger.ask(
        time(minutes),
        &ca(),
        &["a.example".parse().unwrap()],
        false,
        &limits,
    )
}

#[test]
fn an_account_orders_again_when_its_oldest_order_is_three_hours_ago() {
    let mut ledger = Ledger::default();
    for minutes in [0, 10, 20] {
        assert_eq!(ask(&ledger, minutes), Ok(()));
        ledger.ordered(&order(minutes));
    }
    let spent = Spent {
        until: time(180),
        which: Bound::Account,
    };
    assert_eq!(ask(&ledger, 30), Err(spent));
    assert_eq!(ask(&ledger, 180), Ok(()));
    ledger.not_ordered(&order(10));
    assert_eq!(ask(&ledger, 30), Ok(()));
}

#[test]
fn the_same_names_count_whatever_secret_they_are_for() {
    let origin = portreeve_table::Origin {
        namespace: "shop".into(),
        name: "web".into(),
    };
    let mut ledger = Ledger::default();
    for secret in ["shop/a", "shop/b"] {
        let names = ["a.example".parse().unwrap()];
        let want = Want::new(origin.clone(), secret.parse().unwrap(), names);
        let mut record = Record::new(&want);
        record.issued.push(time(0));
        ledger.load(&record);
    }
    let spent = ask(&ledger, 1).unwrap_err();
    assert_eq!(
        (spent.which, spent.until),
        (Bound::Names, time(7 * 24 * 60))
    );
    let names = ["a.example".parse().unwrap()];
    let limits = Limits {
        per_names: 2,
        per_account: 3,
    };
    assert_eq!(
        ledger.ask(time(1), &ca(), &names, true, &limits),
        Ok(()),
        "staging"
    );
}

#[test]
fn what_is_yet_to_come_was_noted_by_a_wrong_clock() {
    let mut ledger = Ledger::default();
    for _ in 0..5 {
        ledger.ordered(&order(24 * 60));
    }
    assert_eq!(ask(&ledger, 0), Ok(()));
}
