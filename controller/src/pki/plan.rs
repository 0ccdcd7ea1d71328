//! What to do next about the certificates: the rules, without files, keys or a clock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use portreeve_identity::Role;

use super::certificate::Id;

/// How long an authority lasts; another takes its place after two thirds.
pub(super) const AUTHORITY_LIFETIME: SignedDuration = SignedDuration::from_hours(3650 * 24);
/// How long a certificate lasts; it is renewed after two thirds.
pub(super) const LEAF_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How much earlier a certificate is valid than it was made: clocks differ.
pub(super) const BACKDATE: SignedDuration = SignedDuration::from_mins(10);
/// How long everybody has to read what was written, before others depend on it. A kubelet needs
/// about two minutes.
pub(super) const SETTLE: SignedDuration = SignedDuration::from_hours(1);
/// When to look again whether the API server has been told.
const AGAIN: SignedDuration = SignedDuration::from_mins(1);

/// What there is.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Who signs, or why there is nobody.
    pub(super) signer: Result<Authority, String>,
    /// Who will sign next.
    pub(super) next: Option<Authority>,
    /// Who signed before, and is still believed.
    pub(super) old: BTreeSet<Id>,
    /// What each role has, or why that is nothing.
    pub(super) leaves: BTreeMap<Role, Result<Leaf, String>>,
    /// Since when the API server believes whom everybody does, for it is told by other means; `None`
    /// while it does not.
    pub(super) told: Option<Timestamp>,
}

/// What matters of an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authority {
    pub(super) id: Id,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

/// What matters of what a role has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// Whom it believes.
    pub(super) believes: BTreeSet<Id>,
}

/// One thing to do. Each leaves everybody able to reach everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Start anew: nothing that was signed is worth anything.
    Establish,
    /// Make the next authority, which everybody comes to believe.
    Prepare,
    /// Let the next authority sign, and believe the former one for the time being.
    Promote,
    /// Believe the former authority no longer.
    Retire,
    /// Give a role a new certificate and the authorities to believe.
    Issue(Role),
}

/// What to do now, and why; or when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    Now(Step, String),
    At(Timestamp),
}

/// Says what to do next about what was `found`.
pub(super) fn plan(now: Timestamp, found: &Found) -> Plan {
    let signer = match usable(now, found) {
        Ok(signer) => signer,
        Err(plan) => return plan,
    };
    let renewal = due(signer.from, signer.until);
    if renewal <= now && found.next.is_none() {
        return Plan::Now(Step::Prepare, "the authority is to be replaced".into());
    }
    let authorities = [Some(signer), found.next.as_ref()];
    let mut believed: BTreeSet<_> = authorities.into_iter().flatten().map(|a| &a.id).collect();
    believed.extend(&found.old);

    let mut looks = vec![];
    let mut last_issued = Timestamp::MIN;
    for role in Role::ALL {
        let leaf = match sound(now, found.leaves.get(&role), &believed) {
            Ok(leaf) => leaf,
            Err(why) => return Plan::Now(Step::Issue(role), why),
        };
        looks.push(due(leaf.from, leaf.until));
        last_issued = last_issued.max(leaf.from + BACKDATE);
    }
    // Whom to believe is written with each certificate, so that its age is the age of both.
    let settled = last_issued + SETTLE;
    let pending = match &found.next {
        Some(_) => {
            // Else the API server would take the admission webhook for a stranger.
            let told = found
                .told
                .map_or(now + AGAIN, |told| told.max(last_issued) + SETTLE);
            let why = "everybody believes the next authority";
            Some((Step::Promote, settled.max(told), why))
        }
        None if found.old.is_empty() => None,
        None => {
            let why = "nothing is signed by the former authority";
            Some((Step::Retire, settled, why))
        }
    };
    match pending {
        Some((step, at, why)) if at <= now => return Plan::Now(step, why.into()),
        Some((_, at, _)) => looks.push(at),
        None => looks.push(renewal),
    }
    Plan::At(looks.into_iter().min().unwrap_or(now))
}

/// Who signs, unless there is something to be done about that first.
fn usable(now: Timestamp, found: &Found) -> Result<&Authority, Plan> {
    let why = match &found.signer {
        Ok(signer) if now < signer.until => return Ok(signer),
        Ok(_) => "the authority has expired".into(),
        Err(why) => why.clone(),
    };
    let next = found.next.as_ref().is_some_and(|next| now < next.until);
    let step = if next { Step::Promote } else { Step::Establish };
    Err(Plan::Now(step, why))
}

/// What a role has, or why it must have something new.
fn sound<'a>(
    now: Timestamp,
    leaf: Option<&'a Result<Leaf, String>>,
    believed: &BTreeSet<&Id>,
) -> Result<&'a Leaf, String> {
    let leaf = match leaf {
        Some(Ok(leaf)) => leaf,
        Some(Err(why)) => return Err(why.clone()),
        None => return Err("it is not there".into()),
    };
    if leaf.believes.iter().collect::<BTreeSet<_>>() != *believed {
        return Err("the authorities to believe have changed".into());
    }
    if leaf.until <= now {
        return Err("it has expired".into());
    }
    if due(leaf.from, leaf.until) <= now {
        return Err("it is to be renewed".into());
    }
    if now < leaf.from {
        return Err("it is not valid yet: look at the clocks of the controllers".into());
    }
    Ok(leaf)
}

/// When two thirds of a lifetime are over.
fn due(from: Timestamp, until: Timestamp) -> Timestamp {
    let made = from + BACKDATE;
    made + until.duration_since(made) / 3 * 2
}

#[cfg(test)]
mod tests;
