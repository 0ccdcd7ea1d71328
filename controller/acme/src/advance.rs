//! How what is kept of one want changes with what happens.
//!
//! Each of these is followed by a write before anything else is done.

use std::time::Duration;

use jiff::Timestamp;
use portreeve_table::Secret;

use crate::backoff::{DAY, delay};
use crate::budget::{HOUR, WEEK, counts};
use crate::failure::{Failure, FailureKind};
use crate::policy::Policy;
use crate::record::{Failing, Ordered, Pending, Record, Rest};
use crate::renewal::later;
use crate::store::CaId;
use crate::want::WantId;

/// The longest that a CA is left alone because it asked for that.
const LONGEST_REST: Duration = WEEK;
/// What is our own to mend is looked at again after this at the latest: it costs no CA anything.
const OURS: Duration = Duration::from_secs(600);

/// What the fault of a failure is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The CA: another may do better.
    Ca,
    /// The names, or what they lead to: no CA does better.
    Names,
    /// Our own proxies or our own state.
    Ours,
}

fn fault(kind: FailureKind) -> Fault {
    match kind {
        FailureKind::Connection
        | FailureKind::Timeout
        | FailureKind::Malformed
        | FailureKind::RateLimited
        | FailureKind::BadNonce
        | FailureKind::ServerInternal
        | FailureKind::Account
        | FailureKind::OrderInvalid
        | FailureKind::Refused
        | FailureKind::BadCertificate
        | FailureKind::Configuration => Fault::Ca,
        FailureKind::Challenge
        | FailureKind::Dns
        | FailureKind::Caa
        | FailureKind::RejectedIdentifier => Fault::Names,
        FailureKind::DoorsClosed | FailureKind::Store => Fault::Ours,
    }
}

/// Whether an order is over with this failure.
pub(crate) fn ends_an_order(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Challenge
        | FailureKind::Dns
        | FailureKind::Caa
        | FailureKind::RejectedIdentifier
        | FailureKind::Account
        | FailureKind::OrderInvalid
        | FailureKind::Refused
        | FailureKind::BadCertificate
        | FailureKind::Configuration => true,
        FailureKind::Connection
        | FailureKind::Timeout
        | FailureKind::Malformed
        | FailureKind::RateLimited
        | FailureKind::BadNonce
        | FailureKind::ServerInternal
        | FailureKind::DoorsClosed
        | FailureKind::Store => false,
    }
}

/// Whether a CA that was asked for an order may have made one although it failed so.
pub(crate) fn may_have_ordered(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Timeout | FailureKind::Malformed)
}

impl Record {
    /// Until when a CA wants to be left alone.
    pub(crate) fn rests(&self, ca: &CaId, now: Timestamp) -> Option<Timestamp> {
        let rest = self.resting.iter().find(|rest| rest.ca == *ca)?;
        (rest.until > now && rest.until <= later(now, LONGEST_REST)).then_some(rest.until)
    }

    /// An order is about to be asked for with `key`.
    pub(crate) fn begin(&mut self, now: Timestamp, ca: &CaId, key: Secret<String>) {
        self.pending = Some(Pending {
            ca: ca.clone(),
            key,
            url: None,
            begun: now,
            tries: 0,
        });
    }

    /// The CA is about to be asked, for the first time or again.
    pub(crate) fn ask(&mut self, now: Timestamp, ca: &CaId) -> Ordered {
        let order = Ordered {
            at: now,
            ca: ca.clone(),
        };
        if let Some(pending) = &mut self.pending {
            pending.tries = pending.tries.saturating_add(1);
        }
        self.ordered.retain(|o| counts(now, o.at, HOUR * 3));
        self.ordered.push(order.clone());
        order
    }

    /// The CA made an order.
    pub(crate) fn made(&mut self, url: &str) {
        if let Some(pending) = &mut self.pending {
            pending.url = Some(url.into());
            pending.tries = 0;
        }
    }

    /// The CA said that it made no order. Where it refused what it was sent, it is not told what is
    /// replaced the next time, because it may have been that which it did not like.
    pub(crate) fn not_made(&mut self, order: &Ordered, kind: FailureKind) {
        if let Some(index) = self.ordered.iter().rposition(|o| o == order) {
            self.ordered.remove(index);
        }
        if let Some(pending) = &mut self.pending {
            pending.tries = 0;
        }
        self.plain |= ends_an_order(kind);
    }

    /// A staging CA issued a certificate, so that the others may be asked.
    pub(crate) fn proven(&mut self, ca: &CaId) {
        self.proven = Some(ca.clone());
        self.pending = None;
        self.failing = None;
    }

    /// A certificate is in its Secret.
    pub(crate) fn issued(&mut self, now: Timestamp, ca: &CaId) {
        self.issued.retain(|at| counts(now, *at, WEEK));
        self.issued.push(now);
        self.issuer = Some(ca.clone());
        self.pending = None;
        self.plain = false;
        self.failing = None;
        self.asked = None;
        self.resting.clear();
    }

    /// It failed at `ca`, one of `cas` that there are for it.
    pub(crate) fn failed(
        &mut self,
        now: Timestamp,
        id: &WantId,
        ca: &CaId,
        failure: Failure,
        cas: u32,
        policy: &Policy,
    ) {
        let before = self.failing.as_ref();
        let is_the_cas = fault(failure.kind) == Fault::Ca;
        let count = before.map_or(0, |f| f.count).saturating_add(1);
        let blameless = before.map_or(0, |f| f.blameless);
        let blameless = blameless.saturating_add(u32::from(is_the_cas));
        let wait = wait(
            id,
            failure.kind,
            count,
            blameless,
            cas,
            policy.patience.max(1),
        );
        if let Some(rest) = failure.retry_after {
            self.rest(now, ca, rest.min(LONGEST_REST));
        }
        if ends_an_order(failure.kind) {
            self.pending = None;
        }
        self.failing = Some(Failing {
            count,
            blameless,
            at: now,
            until: later(now, wait),
            last: failure,
        });
    }

    fn rest(&mut self, now: Timestamp, ca: &CaId, rest: Duration) {
        self.resting.retain(|r| r.ca != *ca && r.until > now);
        self.resting.push(Rest {
            ca: ca.clone(),
            until: later(now, rest),
        });
    }
}

/// How long to wait after a failure. A CA that is tried for the first time is tried soon, however
/// often another failed.
fn wait(
    id: &WantId,
    kind: FailureKind,
    count: u32,
    blameless: u32,
    cas: u32,
    patience: u32,
) -> Duration {
    let is_first_round = blameless / patience < cas;
    match fault(kind) {
        Fault::Ours => delay(id, count).min(OURS),
        Fault::Ca if is_first_round => delay(id, blameless % patience),
        Fault::Ca | Fault::Names => delay(id, count).min(2 * DAY),
    }
}

#[cfg(test)]
mod tests;
