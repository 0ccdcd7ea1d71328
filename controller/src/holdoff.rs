//! When to act on changes: soon, but not on each of many, and never later than a ceiling.

use std::time::Duration;

use tokio::time::Instant;

/// Waits for quiet, but not for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holdoff {
    quiet: Duration,
    ceiling: Duration,
    /// When the first and the last change came that nobody has acted on.
    waiting: Option<(Instant, Instant)>,
}

impl Holdoff {
    pub(crate) fn new(quiet: Duration, ceiling: Duration) -> Self {
        Self {
            quiet,
            ceiling,
            waiting: None,
        }
    }

    /// Something has changed.
    pub(crate) fn changed(&mut self, now: Instant) {
        let first = self.waiting.map_or(now, |(first, _)| first);
        self.waiting = Some((first, now));
    }

    /// When to act; `None` when nothing has changed.
    pub(crate) fn due(&self) -> Option<Instant> {
        let (first, last) = self.waiting?;
        Some((last + self.quiet).min(first + self.ceiling))
    }

    /// It has been acted on.
    pub(crate) fn clear(&mut self) {
        self.waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_when_it_is_quiet_or_has_been_long_enough() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut holdoff = Holdoff::new(ms(100), ms(500));
        assert_eq!(holdoff.due(), None);
        for (changed, due) in [(0, 100), (90, 190), (180, 280), (450, 500), (499, 500)] {
            holdoff.changed(start + ms(changed));
            assert_eq!(holdoff.due(), Some(start + ms(due)), "{changed}");
        }
        holdoff.clear();
        assert_eq!(holdoff.due(), None);
    }
}
