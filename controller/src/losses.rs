//! Whether too much of what is served goes at once to be believed at once.
//!
//! A class that is deleted and made again, or an API server that answers with less than it has,
//! takes most of the table away for a moment. Such a loss is held back until it has stood for a
//! while; whoever meant it waits for that long, and everybody else does not notice.

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

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// What it is of.
    what: &'static str,
    /// How many there were.
    before: usize,
    /// How many there are.
    after: usize,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            before,
            after,
        } = self;
        write!(
            f,
            "of {before} {what} that were served, {after} would be left"
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

    /// What is to become of `new`, which would take the place of `last`.
    ///
    /// Only what is `whole` ends a doubt: endpoints change meanwhile, and say nothing of routes.
    pub(crate) fn judge(
        &mut self,
        last: &Config,
        new: &Config,
        whole: bool,
        now: Instant,
    ) -> Verdict {
        let loss = self.limit.exceeded(last, new, whole);
        if let Some(loss) = loss {
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
        if whole {
            self.since = None;
        }
        Verdict::Publish
    }

    /// Nothing is to be published, so nothing is held back.
    pub(crate) fn settle(&mut self) {
        self.since = None;
    }
}

impl Limit {
    /// Whether too much is lost; of routes, only what is `whole` can lose any.
    fn exceeded(&self, last: &Config, new: &Config, whole: bool) -> Option<Loss> {
        let endpoints = Loss {
            what: "endpoints",
            before: endpoints(last),
            after: endpoints(new),
        };
        let routes = whole.then(|| Loss {
            what: "routes",
            before: routes(last),
            after: routes(new),
        });
        let mut losses = routes.into_iter().chain([endpoints]);
        losses.find(|loss| self.is_exceeded_by(loss))
    }

    fn is_exceeded_by(&self, loss: &Loss) -> bool {
        let lost = loss.before.saturating_sub(loss.after);
        lost >= LEAST && lost.saturating_mul(100) > loss.before.saturating_mul(self.percent.into())
    }
}

/// The routes that serve: one that answers 503 is lost, too.
fn routes(config: &Config) -> usize {
    let routes = config.hosts.values().flat_map(|host| &host.routes);
    let serving =
        routes.filter(|route| matches!(route.action, Action::Forward(_) | Action::Redirect(_)));
    serving.count()
}

fn endpoints(config: &Config) -> usize {
    let upstreams = config.upstreams.values();
    upstreams.map(|upstream| upstream.endpoints.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// So many routes that serve, routes that answer 503, and endpoints.
    fn config(serving: usize, closed: usize, endpoints: usize) -> Config {
        let route = |n: usize, action: Value| {
            let path = format!("/{n}");
            let origin = json!({"namespace": "shop", "name": "web"});
            json!({"origin": origin, "rule": path, "path": {"prefix": path}, "action": action})
        };
        let forward = json!({"forward": {"backends": [{"upstream": "shop/web:80", "weight": 1}]}});
        let serving = (0..serving).map(|n| route(n, forward.clone()));
        let closed = (0..closed).map(|n| route(n, json!({"unavailable": {"reason": "no"}})));
        let routes: Vec<_> = serving.chain(closed).collect();
        let address = |n| json!({"address": format!("10.0.{}.{}:80", n / 250, n % 250)});
        let endpoints: Vec<_> = (0..endpoints).map(address).collect();
        serde_json::from_value(json!({
            "hosts": {"a.x": {"routes": routes}},
            "upstreams": {"shop/web:80": {"endpoints": endpoints}},
        }))
        .unwrap()
    }

    fn losses(percent: u8) -> Losses {
        let hold = Duration::from_secs(10);
        Losses::new(Limit { percent, hold })
    }

    #[test]
    fn a_loss_of_more_than_the_limit_is_doubted_whatever_is_lost() {
        let last = config(100, 0, 200);
        for (percent, new, lost) in [
            (50, config(100, 0, 200), None),
            (50, config(50, 0, 200), None),
            (
                50,
                config(49, 0, 200),
                Some("of 100 routes that were served, 49 would be left"),
            ),
            // What answers 503 serves no more.
            (
                50,
                config(0, 100, 200),
                Some("of 100 routes that were served, 0 would be left"),
            ),
            (
                50,
                config(100, 0, 99),
                Some("of 200 endpoints that were served, 99 would be left"),
            ),
            (
                90,
                config(9, 0, 200),
                Some("of 100 routes that were served, 9 would be left"),
            ),
            (90, config(10, 0, 20), None),
            (0, config(51, 0, 200), None), // less than is ever too much
            (
                0,
                config(50, 0, 200),
                Some("of 100 routes that were served, 50 would be left"),
            ),
            (100, config(0, 0, 0), None),
        ] {
            let verdict = losses(percent).judge(&last, &new, true, Instant::now());
            let found = match verdict {
                Verdict::Publish => None,
                Verdict::Hold { loss, .. } => Some(loss.to_string()),
            };
            assert_eq!(found.as_deref(), lost, "{percent}");
        }
        // Of few, most may be meant to go.
        let few = losses(50).judge(&config(49, 0, 9), &config(0, 0, 0), true, Instant::now());
        assert_eq!(few, Verdict::Publish);
    }

    #[test]
    fn a_loss_is_believed_when_it_has_stood_for_long_enough() {
        let (start, seconds) = (Instant::now(), Duration::from_secs);
        let (last, less, none) = (config(100, 0, 0), config(10, 0, 0), config(0, 0, 0));
        let mut losses = losses(50);
        let mut judged = |new: &Config, whole, at| {
            let now = start + seconds(at);
            match losses.judge(&last, new, whole, now) {
                Verdict::Publish => None,
                Verdict::Hold { until, is_news, .. } => Some((until - start, is_news)),
            }
        };
        let mut held = |new: &Config, at| judged(new, true, at);
        assert_eq!(held(&less, 0), Some((seconds(10), true)));
        // Another loss is the same doubt.
        assert_eq!(held(&none, 5), Some((seconds(10), false)));
        // It came back, and goes once more.
        assert_eq!(held(&last, 6), None);
        assert_eq!(held(&less, 7), Some((seconds(17), true)));
        assert_eq!(held(&less, 16), Some((seconds(17), false)));
        assert_eq!(held(&less, 17), None);
        // Endpoints that change beside it neither end the doubt nor prolong it.
        assert_eq!(judged(&less, true, 20), Some((seconds(30), true)));
        assert_eq!(judged(&last, false, 25), None);
        assert_eq!(judged(&less, true, 29), Some((seconds(30), false)));
        assert_eq!(judged(&less, false, 29), None);
        assert_eq!(judged(&less, true, 30), None);
        assert!(!losses.is_held());
    }
}
