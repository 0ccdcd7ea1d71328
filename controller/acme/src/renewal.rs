//! When a certificate is renewed, and when the CA is asked about that.
//!
//! The CA's own window decides (RFC 9773). Where there is none, it is a third of the lifetime before
//! the end, or half of it for what lives less than ten days.
//! No window can put a renewal off beyond half of what would be left then: a CA that is wrong about
//! it must not let a certificate expire.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::ari::Ari;
use crate::backoff::share;
use crate::held::Held;
use crate::record::Asked;
use crate::want::WantId;

/// What lives less than this is short-lived.
const SHORT: SignedDuration = SignedDuration::from_hours(10 * 24);
/// Certificates are renewed up to this part of their lifetime before they must be, so that those of
/// one day are not renewed at one moment.
const SPREAD: i32 = 50;
/// A CA is not asked more often than this, whatever it says.
const SELDOM: Duration = Duration::from_secs(60);
/// A CA is asked twice a day at least (RFC 9773, section 4.3).
pub(crate) const OFTEN: Duration = Duration::from_secs(12 * 3600);

/// How much of the lifetime is left when a certificate is renewed without the CA saying when.
fn left(held: &Held) -> SignedDuration {
    let lifetime = held.lifetime();
    if lifetime < SHORT {
        lifetime / 2
    } else {
        lifetime / 3
    }
}

/// When `held` is due to be renewed.
pub(crate) fn due(id: &WantId, held: &Held, asked: Option<&Asked>) -> Timestamp {
    let window = asked.filter(|asked| asked.fingerprint == held.fingerprint);
    match window.and_then(|asked| asked.window) {
        Some((start, end)) => {
            let latest = before(held.not_after, left(held) / 2);
            chosen(id, held, start, end).clamp(held.not_before.min(latest), latest)
        }
        None => backstop(id, held),
    }
}

/// The certificate's own moment in the CA's window (RFC 9773, section 4.2: a uniformly random one).
fn chosen(id: &WantId, held: &Held, start: Timestamp, end: Timestamp) -> Timestamp {
    let length = Duration::try_from(end.duration_since(start)).unwrap_or_default();
    later(start, share(id, &held.fingerprint, length))
}

fn backstop(id: &WantId, held: &Held) -> Timestamp {
    let spread = Duration::try_from(held.lifetime() / SPREAD).unwrap_or_default();
    let early = share(id, &held.fingerprint, spread);
    let early = SignedDuration::try_from(early).unwrap_or_default();
    before(held.not_after, left(held).saturating_add(early))
}

/// Whether the CA is to be asked about `held` now.
pub(crate) fn is_to_be_asked(now: Timestamp, held: &Held, asked: Option<&Asked>) -> bool {
    match asked {
        // A question of the future was asked by a clock that was wrong.
        Some(asked) if asked.fingerprint == held.fingerprint => {
            asked.again <= now || asked.at > now
        }
        _ => true,
    }
}

/// What is kept of the CA's answer; `None` is that it has none.
pub(crate) fn answered(
    now: Timestamp,
    id: &WantId,
    held: &Held,
    ari: Option<&Ari>,
    every: Duration,
) -> Asked {
    let every = every.clamp(Duration::from_secs(1), OFTEN);
    let wait = ari.map_or(every, |ari| ari.ask_again_in.max(SELDOM).min(every));
    // Less by up to a tenth, so that questions drift apart and none is later than it may be.
    let wait = wait.saturating_sub(share(id, &now.to_string(), wait / 10));
    Asked {
        fingerprint: held.fingerprint.clone(),
        // A window that ends before it begins says nothing (RFC 9773, section 4.2).
        window: ari
            .filter(|ari| ari.start < ari.end)
            .map(|ari| (ari.start, ari.end)),
        at: now,
        again: later(now, wait),
    }
}

/// `time` and `more`, or the end of time.
pub(crate) fn later(time: Timestamp, more: Duration) -> Timestamp {
    time.checked_add(more).unwrap_or(Timestamp::MAX)
}

fn before(time: Timestamp, less: SignedDuration) -> Timestamp {
    time.checked_sub(less).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
