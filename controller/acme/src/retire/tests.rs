//! What becomes of what nobody wants.

use jiff::ToSpan;
use proptest::prelude::*;

use super::*;

fn record(unwanted: Option<Timestamp>) -> Record {
    let origin = Origin {
        namespace: "shop".into(),
        name: "web".into(),
    };
    let mut record = Record::new(&Want::new(origin, "shop/tls".parse().unwrap(), []));
    record.unwanted = unwanted;
    record
}

fn days(count: i64) -> Timestamp {
    let begin: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    begin + (count * 24).hours()
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn what_becomes_of_what_nobody_wants() {
    for (since, now, elsewhere, prune_after, expected) in [
        (None, 0, false, Some(DAY), End::Note),
        (Some(1), 0, false, Some(DAY), End::Note),
        (Some(0), 0, false, Some(DAY), End::Stay),
        (Some(0), 1, false, Some(DAY), End::Prune),
        (Some(0), 1, true, Some(DAY), End::Stay),
        (Some(0), 8, true, Some(DAY), End::Forget),
        (Some(0), 8, true, None, End::Forget),
        (Some(0), 7, false, None, End::Stay),
        (Some(0), 8, false, None, End::Forget),
        (Some(0), 8, false, Some(9 * DAY), End::Stay),
        (Some(0), 9, false, Some(9 * DAY), End::Prune),
    ] {
        let end = end(days(now), &record(since.map(days)), elsewhere, prune_after);
        assert_eq!(end, expected, "{since:?} {now} {elsewhere} {prune_after:?}");
    }
}

proptest! {
    /// No certificate is taken away unless that is asked for, it was unwanted for so long, and no
    /// other want has its Secret.
    #[test]
    fn nothing_is_pruned_unasked(
        since in prop::option::of(0_i64..100),
        now in 0_i64..200,
        elsewhere: bool,
        prune_after in prop::option::of(1_u32..100),
    ) {
        let record = record(since.map(days));
        let pruned = end(days(now), &record, elsewhere, prune_after.map(|days| days * DAY));
        if pruned == End::Prune {
            let (since, after) = (since.unwrap(), prune_after.unwrap());
            prop_assert!(!elsewhere && now - since >= i64::from(after));
        }
    }
}
