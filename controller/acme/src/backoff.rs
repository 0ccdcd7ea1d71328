//! How long to wait after a failure, and how what many do is spread.
//!
//! Nothing here is random: whoever leads next comes to the same times.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::want::WantId;

const MINUTE: Duration = Duration::from_secs(60);
/// The longest wait that is not asked for by a CA, before it is spread.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
/// By how much a wait is lengthened at most: a tenth of it.
const SPREAD: u32 = 10;

/// How long to wait after the `count`th failure in a row, counted from one: a minute, ten, a
/// hundred, and then a day, each lengthened by up to a tenth.
pub(crate) fn delay(id: &WantId, count: u32) -> Duration {
    let wait = match count {
        0 | 1 => MINUTE,
        2 => 10 * MINUTE,
        3 => 100 * MINUTE,
        _ => DAY,
    };
    wait + share(id, &format!("failure {count}"), wait / SPREAD)
}

/// A part of `whole`, other for each `id` and `salt` and always the same for both.
pub(crate) fn share(id: &WantId, salt: &str, whole: Duration) -> Duration {
    let digest = Sha256::digest(format!("{id}\n{salt}"));
    let first = digest.iter().take(4);
    let part = first.fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    let nanos = whole.as_nanos() * u128::from(part) / (1 << 32);
    // It is less than the whole, which fits unless it is longer than five centuries.
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> WantId {
        WantId::of(&format!("shop/tls{number}").parse().unwrap(), &[])
    }

    #[test]
    fn waits_grow_from_a_minute_to_a_day() {
        for (count, minutes) in [(0, 1), (1, 1), (2, 10), (3, 100), (4, 1440), (9, 1440)] {
            let (wait, least) = (delay(&id(0), count), minutes * MINUTE);
            assert!(
                wait >= least && wait < least + least / 10,
                "{count}: {wait:?}"
            );
        }
    }

    #[test]
    fn what_many_do_is_spread_evenly_and_each_does_it_at_the_same_time_again() {
        let mut tenths = [0; 10];
        for number in 0..1000 {
            let part = share(&id(number), "renewal", 10 * MINUTE);
            assert_eq!(part, share(&id(number), "renewal", 10 * MINUTE));
            tenths[usize::try_from(part.as_secs() / 60).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|n| (60..=140).contains(n)), "{tenths:?}");
        assert_ne!(share(&id(0), "a", DAY), share(&id(0), "b", DAY));
    }
}
