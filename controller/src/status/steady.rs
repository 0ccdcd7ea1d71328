//! Addresses that do not vanish at once: a load balancer that is made anew has none for a moment,
//! and DNS names that are deleted meanwhile take long to come back.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::networking::v1::IngressLoadBalancerIngress;
use tokio::time::Instant;

use super::address::Addresses;

/// How long there must be no address before statuses say so.
const PATIENCE: Duration = Duration::from_secs(60);

/// What statuses should say.
#[derive(Debug, Default)]
pub(super) struct Steady {
    current: Option<Arc<[IngressLoadBalancerIngress]>>,
    empty_since: Option<Instant>,
}

impl Steady {
    /// Takes what is desired now. What is not known, even not any more, changes nothing.
    pub(super) fn update(&mut self, desired: Option<Addresses>, now: Instant) {
        let Some(desired) = desired else {
            self.empty_since = None;
            return;
        };
        if !desired.is_empty() {
            self.empty_since = None;
        } else if *self.empty_since.get_or_insert(now) + PATIENCE > now {
            return;
        }
        if self.current.as_deref() != Some(&*desired) {
            self.current = Some(desired.into());
        }
    }

    /// What statuses should say; `None` when that is not known, or not for long enough.
    pub(super) fn current(&self) -> Option<&Arc<[IngressLoadBalancerIngress]>> {
        self.current.as_ref()
    }

    /// When to look again although nothing changed.
    pub(super) fn due(&self) -> Option<Instant> {
        let is_taken = self
            .current
            .as_ref()
            .is_some_and(|current| current.is_empty());
        let since = self.empty_since.filter(|_| !is_taken)?;
        Some(since + PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_taken_at_once() {
        let (start, seconds) = (Instant::now(), Duration::from_secs);
        let some = |ip: &str| {
            vec![IngressLoadBalancerIngress {
                ip: Some(ip.into()),
                ..IngressLoadBalancerIngress::default()
            }]
        };
        let mut steady = Steady::default();
        for (at, desired, current) in [
            (0, None, None),
            (1, Some(vec![]), None),
            (2, Some(some("a")), Some(some("a"))),
            (3, Some(vec![]), Some(some("a"))),
            (62, Some(vec![]), Some(some("a"))),
            (62, None, Some(some("a"))),
            (63, Some(vec![]), Some(some("a"))),
            (122, Some(vec![]), Some(some("a"))),
            (123, Some(vec![]), Some(vec![])),
            (124, Some(some("b")), Some(some("b"))),
        ] {
            steady.update(desired, start + seconds(at));
            let now = steady.current().map(|current| current.to_vec());
            assert_eq!(now, current, "{at}");
        }
        assert_eq!(steady.due(), None);
    }
}
