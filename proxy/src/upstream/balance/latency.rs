//! How slow an endpoint is: a moving average that believes bad news at once and good news slowly.
//!
//! Whatever has not been confirmed for a while loses its weight, so that an endpoint that was slow
//! is tried again. The clock is the caller's; it may stand still or be a little behind.

use std::sync::atomic::{AtomicU64, Ordering};

/// After this long a measurement counts for a third (1/e): ingress-nginx's constant.
const DECAY_MILLIS: f64 = 10_000.0;

/// A peak-sensitive, exponentially weighted moving average of latencies.
///
/// Packed into one word, so that readers never see half of an update: the average in microseconds
/// as the bits of an `f32` above, the millisecond of the last update below. Zero is "never".
#[derive(Debug, Default)]
pub(crate) struct Latency(AtomicU64);

impl Latency {
    /// Notes one measurement.
    ///
    /// Of those within one millisecond only the first and the peaks count, which bounds what
    /// workers pay for sharing the word and loses nothing that a ten-second average could show.
    pub(crate) fn observe(&self, micros: u64, now_micros: u64) {
        let sample = (micros as f32).max(1.0);
        let now = millis(now_micros);
        let update = |word| {
            let average = match unpack(word) {
                None => sample,
                Some((average, _)) if sample >= average => sample,
                Some((_, then)) if elapsed(then, now) == 0 => return None,
                Some((average, then)) => {
                    let old = kept(then, now) as f32;
                    average * old + sample * (1.0 - old)
                }
            };
            Some(pack(average, now))
        };
        // An update that was not needed is not an error.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
    }

    /// The average as of now, in microseconds; `None` before the first measurement.
    pub(crate) fn at(&self, now_micros: u64) -> Option<f64> {
        let (average, then) = unpack(self.0.load(Ordering::Relaxed))?;
        Some(f64::from(average) * kept(then, millis(now_micros)))
    }
}

/// Wraps after 49 days, which [`elapsed`] knows.
fn millis(micros: u64) -> u32 {
    (micros / 1000) as u32
}

fn elapsed(then: u32, now: u32) -> u32 {
    let elapsed = now.wrapping_sub(then);
    // More than half the circle is the past: another worker's clock was ahead.
    if elapsed > u32::MAX / 2 { 0 } else { elapsed }
}

fn kept(then: u32, now: u32) -> f64 {
    (-f64::from(elapsed(then, now)) / DECAY_MILLIS).exp()
}

fn pack(average: f32, now: u32) -> u64 {
    u64::from(average.to_bits()) << 32 | u64::from(now)
}

fn unpack(word: u64) -> Option<(f32, u32)> {
    (word != 0).then(|| (f32::from_bits((word >> 32) as u32), word as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn nothing_is_known_before_the_first_measurement() {
        let latency = Latency::default();
        assert_eq!(latency.at(5), None);
        latency.observe(0, 0);
        assert_eq!(latency.at(0), Some(1.0));
    }

    #[test]
    fn bad_news_counts_at_once_and_good_news_slowly() {
        let latency = Latency::default();
        latency.observe(1_000, SECOND);
        latency.observe(50_000, SECOND);
        assert_eq!(latency.at(SECOND), Some(50_000.0));
        latency.observe(1_000, 2 * SECOND);
        let after = latency.at(2 * SECOND).unwrap();
        assert!((45_000.0..46_000.0).contains(&after), "{after}");
    }

    #[test]
    fn a_steady_latency_is_learnt_however_many_answers_a_second_there_are() {
        for gap in [3, 700, 20_000] {
            let latency = Latency::default();
            latency.observe(90_000, 0);
            let mut now = 0;
            while now < 60 * SECOND {
                now += gap;
                latency.observe(2_000, now);
            }
            let learnt = latency.at(now).unwrap();
            assert!((1_900.0..2_500.0).contains(&learnt), "{gap}: {learnt}");
        }
    }

    #[test]
    fn what_is_not_confirmed_fades() {
        let latency = Latency::default();
        latency.observe(10_000, 0);
        let after = latency.at(10 * SECOND).unwrap();
        assert!((3_600.0..3_700.0).contains(&after), "{after}");
    }

    #[test]
    fn a_clock_that_is_behind_or_wraps_changes_nothing() {
        let latency = Latency::default();
        latency.observe(10_000, 5 * SECOND);
        assert_eq!(latency.at(4 * SECOND), Some(10_000.0));
        let wrap = 1000 << 32;
        latency.observe(20_000, wrap - 1000);
        let after = latency.at(wrap + 1000).unwrap();
        assert!((19_990.0..20_000.0).contains(&after), "{after}");
        latency.observe(u64::MAX, u64::MAX);
        assert!(latency.at(u64::MAX).unwrap().is_finite());
    }
}
