//! A histogram with fixed bounds; it is not shared and so needs no atomics.

/// The bounds of a histogram, as ingress-nginx has them by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// Durations, in seconds.
    Seconds,
    /// Request sizes, in bytes.
    RequestBytes,
    /// Response sizes, in bytes.
    ResponseBytes,
}

impl Bounds {
    /// The upper bounds, without the last one, which is infinite.
    pub(crate) const fn upper(self) -> &'static [f64] {
        match self {
            Self::Seconds => &[
                0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
            ],
            Self::RequestBytes => &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0],
            Self::ResponseBytes => &[10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e7],
        }
    }
}

/// How many bounds the longest of [`Bounds`] has, and one for what is above them.
const SLOTS: usize = 12;

/// Counts of observations by size.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    bounds: Bounds,
    counts: [u64; SLOTS],
    sum: f64,
}

impl Histogram {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            counts: [0; SLOTS],
            sum: 0.0,
        }
    }

    /// Counts one observation.
    pub(crate) fn observe(&mut self, value: f64) {
        let slot = self
            .bounds
            .upper()
            .iter()
            .take_while(|upper| value > **upper);
        if let Some(count) = self.counts.get_mut(slot.count()) {
            *count += 1;
        }
        self.sum += value;
    }

    /// Adds what another with the same bounds has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum += other.sum;
    }

    /// Each upper bound with the number of observations up to it; the last bound is infinite.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.upper().iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts).scan(0, |total, (bound, count)| {
            *total += count;
            Some((bound, *total))
        })
    }

    /// How many observations there were.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What they add up to.
    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_counts_for_every_bound_above_it() {
        let mut histogram = Histogram::new(Bounds::ResponseBytes);
        for value in [5.0, 10.0, 11.0, 1e9] {
            histogram.observe(value);
        }
        let counts: Vec<_> = histogram.cumulative().collect();
        assert_eq!(counts[0], (10.0, 2));
        assert_eq!(counts[1], (100.0, 3));
        assert_eq!(counts.last(), Some(&(f64::INFINITY, 4)));
        assert_eq!(histogram.count(), 4);
    }

    #[test]
    fn there_is_a_slot_for_every_bound() {
        for bounds in [Bounds::Seconds, Bounds::RequestBytes, Bounds::ResponseBytes] {
            assert!(bounds.upper().len() < SLOTS);
        }
    }
}
