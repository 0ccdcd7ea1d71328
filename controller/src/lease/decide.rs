//! What to do about a Lease: the rules, without a clock and without a network.

use tokio::time::Instant;

use super::observed::Observed;
use super::timing::Timing;

/// What a candidate is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To lead, for as long as it can.
    Lead,
    /// To let somebody else lead, now.
    Leave,
}

/// What it does about that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Writes itself into a Lease that nobody holds.
    Acquire,
    /// Writes itself into its own Lease once more.
    Renew,
    /// Nothing until then, unless the Lease changes.
    Wait(Instant),
    /// Takes itself out of its Lease.
    Release,
    /// Nothing: there is nothing to let go of.
    Leave,
}

/// Decides what `me` does about the Lease that was `seen`, of which it wrote what it wrote last at
/// `renewed`, if it holds it.
pub(super) fn decide(
    wish: Wish,
    seen: Option<&Observed>,
    me: &str,
    renewed: Option<Instant>,
    now: Instant,
    timing: &Timing,
) -> Action {
    let is_released = seen.is_none_or(|seen| seen.is_gone() || seen.holder() != me);
    match wish {
        Wish::Lead => lead(seen, me, renewed, now, timing),
        Wish::Leave if is_released => Action::Leave,
        Wish::Leave => Action::Release,
    }
}

fn lead(
    seen: Option<&Observed>,
    me: &str,
    renewed: Option<Instant>,
    now: Instant,
    timing: &Timing,
) -> Action {
    let Some(seen) = seen else {
        return Action::Acquire;
    };
    // What is held or was held by this candidate is not lost until another takes it, whatever the
    // clock says. But of what is gone only its present holder knows that nobody took it.
    if seen.holder() == me && (renewed.is_some() || !seen.is_gone()) {
        let due = renewed.map(|at| at + timing.retry);
        let due = due.filter(|due| now < *due && !seen.is_gone());
        return due.map_or(Action::Renew, Action::Wait);
    }
    let is_held = seen.is_gone() || !seen.holder().is_empty();
    let expires = seen.expires(timing.ttl);
    if is_held && now < expires {
        Action::Wait(expires)
    } else {
        Action::Acquire
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::Wish::{Lead, Leave};
    use super::*;

    const TTL: u64 = 30;

    fn lease(holder: Option<&str>, seconds: Option<i32>) -> Lease {
        Lease {
            spec: Some(LeaseSpec {
                holder_identity: holder.map(Into::into),
                lease_duration_seconds: seconds,
                ..LeaseSpec::default()
            }),
            ..Lease::default()
        }
    }

    #[test]
    fn the_rules() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let seen = |holder, seconds| Some(Observed::next(None, lease(holder, seconds), start));
        let nobody = seen(Some(""), Some(1));
        let absent = seen(None, None);
        let mine = seen(Some("me"), Some(30));
        let theirs = seen(Some("other"), Some(30));
        let short = seen(Some("other"), Some(5));
        let silent = seen(Some("other"), None);
        let absurd = seen(Some("other"), Some(-7));
        let gone = theirs.clone().map(|seen| seen.gone(at(10), true));
        let nobody_gone = nobody.clone().map(|seen| seen.gone(at(10), true));
        let mine_gone = mine.clone().map(|seen| seen.gone(at(10), true));
        let wait = |seconds| Action::Wait(at(seconds));
        #[rustfmt::skip]
        let table = [
            ("no lease", Lead, &None, None, 0, Action::Acquire),
            ("held by nobody", Lead, &nobody, None, 0, Action::Acquire),
            ("says no holder", Lead, &absent, None, 0, Action::Acquire),
            ("held by another", Lead, &theirs, None, 1, wait(30)),
            ("almost expired", Lead, &theirs, None, 29, wait(30)),
            ("expired", Lead, &theirs, None, 30, Action::Acquire),
            ("its holder's time counts", Lead, &short, None, 4, wait(5)),
            ("and expires by it", Lead, &short, None, 5, Action::Acquire),
            ("no time given", Lead, &silent, None, 29, wait(TTL)),
            ("no time possible", Lead, &absurd, None, 29, wait(TTL)),
            ("deleted at 10", Lead, &gone, None, 39, wait(40)),
            ("deleted long ago", Lead, &gone, None, 40, Action::Acquire),
            ("deleted after it was let go", Lead, &nobody_gone, None, 39, wait(40)),
            ("just renewed", Lead, &mine, Some(0), 1, wait(2)),
            ("to be renewed", Lead, &mine, Some(0), 2, Action::Renew),
            ("not renewed for long", Lead, &mine, Some(0), 99, Action::Renew),
            ("from a life before", Lead, &mine, None, 0, Action::Renew),
            ("deleted while it is mine", Lead, &mine_gone, Some(10), 11, Action::Renew),
            ("deleted after it was mine", Lead, &mine_gone, None, 39, wait(40)),
            ("leaving mine", Leave, &mine, Some(0), 1, Action::Release),
            ("leaving mine, deleted", Leave, &mine_gone, None, 1, Action::Leave),
            ("leaving another's", Leave, &theirs, None, 99, Action::Leave),
            ("leaving nobody's", Leave, &nobody, None, 0, Action::Leave),
            ("leaving nothing", Leave, &None, None, 0, Action::Leave),
        ];
        for (name, wish, seen, renewed, now, action) in table {
            let timing = Timing::of(Duration::from_secs(TTL));
            let decided = decide(wish, seen.as_ref(), "me", renewed.map(at), at(now), &timing);
            assert_eq!(decided, action, "{name}");
        }
    }

    #[test]
    fn only_what_the_holder_writes_is_a_sign_of_life() {
        let start = Instant::now();
        let later = start + Duration::from_secs(9);
        let ttl = Duration::from_secs(TTL);
        let first = Observed::next(None, lease(Some("other"), Some(30)), start);
        let mut labelled = lease(Some("other"), Some(30));
        labelled.metadata.resource_version = Some("2".into());
        let touched = Observed::next(Some(first.clone()), labelled, later);
        assert_eq!(touched.expires(ttl), start + ttl);

        let mut renewed = lease(Some("other"), Some(30));
        // Even by a clock that is far behind ours.
        let long_ago = MicroTime(jiff::Timestamp::UNIX_EPOCH);
        renewed.spec.as_mut().unwrap().renew_time = Some(long_ago);
        let renewed = Observed::next(Some(first), renewed, later);
        assert_eq!(renewed.expires(ttl), later + ttl);
    }
}
