//! Whether too many routes go at once for that to be believed at once.
//!
//! A class that is deleted and made again, or an API server that answers with fewer Ingresses than
//! it has, takes most of the table away for a moment. Such a loss is held back until it has stood
//! for a while; whoever meant it waits for that long, and everybody else does not notice.
//!
//! That endpoints go is never doubted: the address of a Pod that is gone leads nowhere, or soon to
//! somebody else's Pod.

use std::fmt;
use std::time::Duration;

use portreeve_table::{Action, Config};
use tokio::time::Instant;

/// So much is lost at least before anything is held back: of few, most may well be meant to go.
const LEAST: usize = 50;

/// What is too much, and how long it is doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Above how many of a hundred; with 100, nothing is ever too much.
    pub(crate) percent: u8,
    /// For how long.
    pub(crate) hold: Duration,
}

/// Routes that are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// How many there were.
    before: usize,
    /// How many there are.
    after: usize,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, after } = self;
        write!(
            f,
            "of {before} routes that were served, {after} would be left"
        )
    }
}

/// What is to become of a new configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is published.
    Publish,
    /// It is not yet; `is_news` when the one before was.
    Hold {
        /// When to look again.
        until: Instant,
        /// What it would lose.
        loss: Loss,
        /// Whether this begins now.
        is_news: bool,
    },
}

/// The doubt.
#[derive(Debug)]
pub(crate) struct Losses {
    limit: Limit,
    /// Since when there has been too great a loss.
    since: Option<Instant>,
}

impl Losses {
    pub(crate) fn new(limit: Limit) -> Self {
        Self { limit, since: None }
    }

    /// Whether something is held back.
    pub(crate) fn is_held(&self) -> bool {
        self.since.is_some()
    }

    /// What is to become of `new`, which everything was translated for and which would take the
    /// place of `last`.
    pub(crate) fn judge(&mut self, last: &Config, new: &Config, now: Instant) -> Verdict {
        if let Some(loss) = self.limit.exceeded(last, new) {
            let is_news = self.since.is_none();
            let until = *self.since.get_or_insert(now) + self.limit.hold;
            if now < until {
                return Verdict::Hold {
                    until,
                    loss,
                    is_news,
                };
            }
        }
        self.since = None;
        Verdict::Publish
    }

    /// Nothing is to be published, so nothing is held back.
    pub(crate) fn settle(&mut self) {
        self.since = None;
    }
}

impl Limit {
    /// What is lost, if that is too much.
    fn exceeded(&self, last: &Config, new: &Config) -> Option<Loss> {
        let (before, after) = (routes(last), routes(new));
        let lost = before.saturating_sub(after);
        let is_exceeded =
            lost >= LEAST && lost.saturating_mul(100) > before.saturating_mul(self.percent.into());
        is_exceeded.then_some(Loss { before, after })
    }
}

/// The routes that serve: one that answers 503 is lost, too.
fn routes(config: &Config) -> usize {
    let routes = config.hosts.values().flat_map(|host| &host.routes);
    let serving =
        routes.filter(|route| matches!(route.action, Action::Forward(_) | Action::Redirect(_)));
    serving.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// So many routes that serve, and routes that answer 503.
    fn config(serving: usize, closed: usize) -> Config {
        let route = |n: usize, action: Value| {
            let path = format!("/{n}");
            let origin = json!({"namespace": "shop", "name": "web"});
            json!({"origin": origin, "rule": path, "path": {"prefix": path}, "action": action})
        };
        let forward = json!({"forward": {"backends": [{"upstream": "shop/web:80", "weight": 1}]}});
        let serving = (0..serving).map(|n| route(n, forward.clone()));
        let closed = (0..closed).map(|n| route(n, json!({"unavailable": {"reason": "no"}})));
        let routes: Vec<_> = serving.chain(closed).collect();
        serde_json::from_value(json!({"hosts": {"a.x": {"routes": routes}}})).unwrap()
    }

    fn losses(percent: u8) -> Losses {
        let hold = Duration::from_secs(10);
        Losses::new(Limit { percent, hold })
    }

    #[test]
    fn a_loss_of_more_than_the_limit_is_doubted() {
        let last = config(100, 0);
        for (percent, new, left) in [
            (50, config(100, 0), None),
            (50, config(50, 0), None),
            (50, config(49, 0), Some(49)),
            // What answers 503 serves no more.
            (50, config(0, 100), Some(0)),
            (90, config(9, 0), Some(9)),
            (90, config(10, 0), None),
            (0, config(51, 0), None), // less than is ever too much
            (0, config(50, 0), Some(50)),
            (100, config(0, 0), None),
        ] {
            let verdict = losses(percent).judge(&last, &new, Instant::now());
            let found = match verdict {
                Verdict::Publish => None,
                Verdict::Hold { loss, .. } => Some(loss.to_string()),
            };
            let said =
                left.map(|left| format!("of 100 routes that were served, {left} would be left"));
            assert_eq!(found, said, "{percent}");
        }
        // Of few, most may be meant to go.
        let few = losses(50).judge(&config(49, 0), &config(0, 0), Instant::now());
        assert_eq!(few, Verdict::Publish);
    }

    #[test]
    fn a_loss_is_believed_when_it_has_stood_for_long_enough() {
        let (start, seconds) = (Instant::now(), Duration::from_secs);
        let (last, less, none) = (config(100, 0), config(10, 0), config(0, 0));
        let mut losses = losses(50);
        let mut held = |new: &Config, at| {
            let now = start + seconds(at);
            match losses.judge(&last, new, now) {
                Verdict::Publish => None,
                Verdict::Hold { until, is_news, .. } => Some((until - start, is_news)),
            }
        };
        assert_eq!(held(&less, 0), Some((seconds(10), true)));
        // Another loss is the same doubt.
        assert_eq!(held(&none, 5), Some((seconds(10), false)));
        // It came back, and goes once more.
        assert_eq!(held(&last, 6), None);
        assert_eq!(held(&less, 7), Some((seconds(17), true)));
        assert_eq!(held(&less, 16), Some((seconds(17), false)));
        assert_eq!(held(&less, 17), None);
        assert!(!losses.is_held());
    }
}
