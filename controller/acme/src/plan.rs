//! What comes next for one certificate: a pure function of what is known.
//!
//! It never says that there is something to do again at once after a failure, and never that a
//! second order is to be made while one is under way.

use jiff::{SignedDuration, Timestamp};

use crate::budget::{Bound, HOUR, Ledger, Spent, counts};
use crate::failure::FailureKind;
use crate::held::Held;
use crate::policy::Policy;
use crate::record::{Pending, Record};
use crate::renewal;
use crate::store::CaId;
use crate::want::{ChallengeChoice, Want};

/// After this an order is given up, whatever its CA said of it: none lets one live longer.
const STALE: SignedDuration = SignedDuration::from_hours(8 * 24);

/// What stands in the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum There {
    /// Nothing, or nothing that can be served.
    Nothing,
    /// Something that is not ours.
    Foreign,
    /// A certificate of ours with its key.
    Ours(Held),
}

/// Everything that decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub(crate) now: Timestamp,
    pub(crate) want: &'a Want,
    pub(crate) there: &'a There,
    pub(crate) record: &'a Record,
    pub(crate) policy: &'a Policy,
    pub(crate) ledger: &'a Ledger,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing, until something changes.
    Leave,
    /// Nothing, until then.
    Wait { until: Timestamp, why: Why },
    /// This CA is asked when the certificate is to be renewed.
    Ask(CaId),
    /// The order that is under way goes on.
    Resume(CaId, Box<str>),
    /// This CA is asked for an order.
    Order(CaId),
}

/// Why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The certificate is good.
    Good,
    /// The last try failed.
    Failed,
    /// A bound is reached.
    Spent(Bound),
}

/// What comes next.
pub(crate) fn plan(case: &Case<'_>) -> Step {
    if *case.there == There::Foreign {
        return Step::Leave;
    }
    let ca = match choose(case) {
        Ok(ca) => ca,
        Err(until) => {
            let until = case
                .failed_until()
                .map_or(until, |failed| failed.max(until));
            return case.good().unwrap_or(failed(until));
        }
    };
    match live(case, ca) {
        Some(pending) => go_on(case, pending),
        None => case.good().unwrap_or_else(|| begin(case, ca)),
    }
}

/// How a name is to be proven. Where either way will do and one failed, it is the other's turn.
pub(crate) fn challenge(want: &Want, record: &Record, policy: &Policy) -> ChallengeChoice {
    let choice = want.challenge.unwrap_or(policy.challenge);
    let failing = record.failing.as_ref();
    let failed = failing.is_some_and(|f| f.last.kind == FailureKind::Challenge && f.count % 2 == 1);
    match choice {
        ChallengeChoice::Any if failed => ChallengeChoice::TlsAlpn01,
        choice => choice,
    }
}

/// The CAs in the order of their turns: the first is used until it has failed as often as there is
/// patience for.
pub(crate) fn turns<'a>(record: &'a Record, there: &There, policy: &'a Policy) -> Turns<'a> {
    let is_new = record.issuer.is_none() && !matches!(there, There::Ours(_));
    let staging = policy.staging.as_ref();
    Turns {
        staging: staging.filter(|ca| is_new && record.proven.as_ref() != Some(*ca)),
        primary: &policy.primary,
        fallback: policy.fallback.as_ref(),
    }
}

/// Which CAs there are for one certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns<'a> {
    staging: Option<&'a CaId>,
    primary: &'a CaId,
    fallback: Option<&'a CaId>,
}

impl<'a> Turns<'a> {
    /// How many CAs there are.
    pub(crate) fn len(&self) -> u32 {
        1 + u32::from(self.staging.is_some()) + u32::from(self.fallback.is_some())
    }

    /// Whose turn it is after `blameless` failures of CAs, and who comes instead when that one wants
    /// to be left alone. Staging is tried in the first turn alone.
    fn after(&self, blameless: u32, policy: &Policy) -> impl Iterator<Item = &'a CaId> + use<'a> {
        let turn = blameless / policy.patience.max(1);
        let staging = self.staging.filter(|_| turn == 0);
        let others = turn.saturating_sub(u32::from(self.staging.is_some()));
        let (first, second) = match self.fallback {
            Some(fallback) if others % 2 == 1 => (fallback, Some(self.primary)),
            fallback => (self.primary, fallback),
        };
        staging.into_iter().chain([first]).chain(second)
    }
}

/// The CA whose turn it is.
///
/// # Errors
/// When the first of them is to be asked again, if all want to be left alone.
fn choose<'a>(case: &Case<'a>) -> Result<&'a CaId, Timestamp> {
    let turns = turns(case.record, case.there, case.policy);
    let blameless = case.record.failing.as_ref().map_or(0, |f| f.blameless);
    let mut soonest = Timestamp::MAX;
    for ca in turns.after(blameless, case.policy) {
        match case.record.rests(ca, case.now) {
            Some(until) => soonest = soonest.min(until),
            None => return Ok(ca),
        }
    }
    Err(soonest)
}

/// The order that is under way, unless another CA's turn has come since or it is given up.
fn live<'a>(case: &Case<'a>, ca: &CaId) -> Option<&'a Pending> {
    let pending = case.record.pending.as_ref()?;
    let is_stale = case.now.duration_since(pending.begun) > STALE;
    (pending.ca == *ca && !is_stale).then_some(pending)
}

fn go_on(case: &Case<'_>, pending: &Pending) -> Step {
    if let Some(until) = case.failed_until() {
        return failed(until);
    }
    match &pending.url {
        Some(url) => Step::Resume(pending.ca.clone(), url.clone()),
        // Whether there is an order is not known: the CA is asked once more, and then hourly.
        None if pending.tries > 1 => order_hourly(case, &pending.ca),
        None => order(case, &pending.ca),
    }
}

fn begin(case: &Case<'_>, ca: &CaId) -> Step {
    if let Some(until) = case.failed_until() {
        return failed(until);
    }
    let issued = case.record.issued.iter();
    let recent = issued.filter(|at| counts(case.now, **at, HOUR)).count();
    // A certificate that goes missing as often as it is put there is ordered hourly as well.
    if case.record.failing.is_some() || recent > 1 {
        order_hourly(case, ca)
    } else {
        order(case, ca)
    }
}

fn order_hourly(case: &Case<'_>, ca: &CaId) -> Step {
    let orders = case.record.ordered.iter().filter(|o| o.ca == *ca);
    let recent = orders.filter(|o| counts(case.now, o.at, HOUR));
    match recent.map(|o| o.at).max() {
        Some(last) => failed(renewal::later(last, HOUR)),
        None => order(case, ca),
    }
}

fn order(case: &Case<'_>, ca: &CaId) -> Step {
    let is_staging = case.policy.is_staging(ca);
    let names = case.want.names();
    let limits = &case.policy.limits;
    match case.ledger.ask(case.now, ca, names, is_staging, limits) {
        Ok(()) => Step::Order(ca.clone()),
        Err(Spent { until, which }) => Step::Wait {
            until,
            why: Why::Spent(which),
        },
    }
}

fn failed(until: Timestamp) -> Step {
    Step::Wait {
        until,
        why: Why::Failed,
    }
}

impl Case<'_> {
    /// What to do with a certificate that is good still; `None` when there is none, or it is due.
    fn good(&self) -> Option<Step> {
        let There::Ours(held) = self.there else {
            return None;
        };
        if held.names != self.want.names() {
            return None;
        }
        let asked = self.record.asked.as_ref();
        let due = renewal::due(&self.want.id(), held, asked);
        if due <= self.now {
            return None;
        }
        let ca = self.record.issuer.as_ref().unwrap_or(&self.policy.primary);
        if !self.policy.knows(ca) {
            return Some(good(due));
        }
        if renewal::is_to_be_asked(self.now, held, asked) {
            return Some(Step::Ask(ca.clone()));
        }
        Some(good(asked.map_or(due, |asked| due.min(asked.again))))
    }

    /// Until when to wait after the last failure. A failure of the future was noted by a clock that
    /// was wrong, and is waited for no longer.
    fn failed_until(&self) -> Option<Timestamp> {
        let failing = self.record.failing.as_ref()?;
        (failing.at <= self.now && failing.until > self.now).then_some(failing.until)
    }
}

fn good(until: Timestamp) -> Step {
    Step::Wait {
        until,
        why: Why::Good,
    }
}

#[cfg(test)]
mod tests;
