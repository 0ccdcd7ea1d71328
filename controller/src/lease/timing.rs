//! The periods of an election, all in proportion to one.

use std::time::Duration;

/// The periods of an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long others wait for a leader that is silent.
    pub ttl: Duration,
    /// How long a leader goes on without having renewed. What is left of `ttl` is for what it was
    /// writing then, and for clocks that do not run alike.
    pub deadline: Duration,
    /// How often the leader renews, and the others look.
    pub retry: Duration,
    /// How long the API server has for one call.
    pub call: Duration,
}

impl Timing {
    /// The periods for a lease that lasts for `ttl`: with 30 s, a leader renews every 2 s and steps
    /// down after 20 s in which it could not.
    pub fn of(ttl: Duration) -> Self {
        Self {
            ttl,
            deadline: ttl * 2 / 3,
            retry: ttl / 15,
            call: ttl / 6,
        }
    }
}
