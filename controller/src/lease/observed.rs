//! A Lease as it was seen, and since when by our own clock.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::ObjectMeta;
use tokio::time::Instant;

/// What was seen. The clocks of others say nothing here: only that a Lease changed is evidence of
/// life, and that is timed when it is seen.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    lease: Lease,
    since: Instant,
    is_gone: bool,
}

impl Observed {
    /// What is seen after what was seen `before`. Labels and such are no sign of life.
    pub(super) fn next(before: Option<Self>, lease: Lease, now: Instant) -> Self {
        let same = before.filter(|before| before.lease.spec == lease.spec);
        Self {
            lease,
            since: same.map_or(now, |same| same.since),
            is_gone: false,
        }
    }

    /// It is there, made by somebody else just now, and was not read.
    pub(super) fn unread(now: Instant) -> Self {
        Self::next(None, Lease::default(), now).gone(now, false)
    }

    /// It was found to be deleted. Somebody may hold it who does not know yet, and who need not be
    /// the one that was seen last; so what counts is for how long it was seen to be gone without a
    /// break.
    pub(super) fn gone(self, now: Instant, is_unbroken: bool) -> Self {
        let since = if self.is_gone && is_unbroken {
            self.since
        } else {
            now
        };
        Self {
            since,
            is_gone: true,
            ..self
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Who holds it; nobody is the empty name.
    pub(super) fn holder(&self) -> &str {
        let spec = self.lease.spec.as_ref();
        spec.and_then(|spec| spec.holder_identity.as_deref())
            .unwrap_or_default()
    }

    /// When its holder has been silent for as long as it said it might be, or for `ttl` if it did
    /// not say.
    pub(super) fn expires(&self, ttl: Duration) -> Instant {
        let spec = self.lease.spec.as_ref();
        let said = spec.and_then(|spec| spec.lease_duration_seconds);
        let said = said.and_then(|seconds| u64::try_from(seconds).ok());
        let lasts = said.filter(|seconds| *seconds > 0);
        let lasts = lasts.map_or(ttl, Duration::from_secs);
        // What a Lease said that is gone is not what its last holder said.
        let lasts = if self.is_gone { lasts.max(ttl) } else { lasts };
        self.since + lasts
    }

    /// The same Lease, as `me` writes it to hold it.
    pub(super) fn held(before: Option<&Self>, me: &str, ttl: Duration) -> Lease {
        let now = MicroTime(Timestamp::now());
        let lease = before.filter(|before| !before.is_gone);
        let mut lease = lease.map(|before| before.lease.clone()).unwrap_or_default();
        let spec = lease.spec.get_or_insert_default();
        if spec.holder_identity.as_deref() != Some(me) {
            spec.acquire_time = Some(now.clone());
            let passed = before.is_some().into();
            spec.lease_transitions =
                Some(spec.lease_transitions.unwrap_or(0).saturating_add(passed));
        }
        spec.holder_identity = Some(me.into());
        spec.lease_duration_seconds = Some(whole_seconds(ttl));
        spec.renew_time = Some(now);
        lease
    }

    /// The same Lease, as its holder writes it to let go.
    pub(super) fn released(&self) -> Lease {
        let now = MicroTime(Timestamp::now());
        let transitions = self.lease.spec.as_ref().and_then(|s| s.lease_transitions);
        Lease {
            spec: Some(LeaseSpec {
                holder_identity: Some(String::new()),
                lease_duration_seconds: Some(1),
                lease_transitions: transitions,
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                ..LeaseSpec::default()
            }),
            ..self.lease.clone()
        }
    }
}

/// A Lease counts in whole seconds: others rather wait too long.
fn whole_seconds(ttl: Duration) -> i32 {
    i32::try_from(ttl.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
}

/// Gives a new Lease its name.
pub(super) fn named(mut lease: Lease, name: &str) -> Lease {
    lease.metadata = ObjectMeta {
        name: Some(name.into()),
        ..lease.metadata
    };
    lease
}
