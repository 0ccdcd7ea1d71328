//! One name's authorization (RFC 8555, section 7.1.4): which challenge proves it, and why it failed.

use instant_acme::{AuthorizationState, Challenge, ChallengeStatus, ChallengeType};

use super::problem::{About, Problem, text};
use crate::failure::{Failure, FailureKind, Subproblem};
use crate::staged::{ChallengeKind, Staged};
use crate::want::{ChallengeChoice, Name};

/// Whose authorization it is.
pub(super) fn name(authorization: &AuthorizationState) -> Result<Name, Failure> {
    let text = text(authorization.identifier().identifier);
    text.parse().map_err(|_| {
        let detail = format!("the CA asks for a proof of {text:?}, which was not ordered");
        Failure::new(FailureKind::Malformed, detail)
    })
}

/// Which challenge proves a name: the one that the CA was told of already, else by preference.
pub(super) fn pick(
    authorization: &AuthorizationState,
    prefer: ChallengeChoice,
    name: &Name,
) -> Result<ChallengeType, Failure> {
    let order: &[ChallengeType] = match prefer {
        ChallengeChoice::Http01 => &[ChallengeType::Http01],
        ChallengeChoice::TlsAlpn01 => &[ChallengeType::TlsAlpn01],
        ChallengeChoice::Any => &[ChallengeType::Http01, ChallengeType::TlsAlpn01],
    };
    let offered = &authorization.challenges;
    let begun = offered.iter().find(|challenge| {
        kind(&challenge.r#type).is_some() && challenge.status != ChallengeStatus::Pending
    });
    let preferred = order
        .iter()
        .find_map(|wanted| offered.iter().find(|challenge| challenge.r#type == *wanted));
    let picked = begun
        .or(preferred)
        .map(|challenge| challenge.r#type.clone());
    picked.ok_or_else(|| {
        let offered: Vec<_> = offered.iter().map(|c| shown(&c.r#type)).collect();
        let wanted: Vec<_> = order.iter().map(shown).collect();
        let detail = format!(
            "the CA lets {name} be proven by {}, and not by {}: see --acme-challenge and \
             portreeve.dev/acme-challenge",
            offered.join(" or "),
            wanted.join(" or ")
        );
        Failure::new(FailureKind::Configuration, detail)
    })
}

fn kind(challenge: &ChallengeType) -> Option<ChallengeKind> {
    match challenge {
        ChallengeType::Http01 => Some(ChallengeKind::Http01),
        ChallengeType::TlsAlpn01 => Some(ChallengeKind::TlsAlpn01),
        _ => None,
    }
}

fn shown(challenge: &ChallengeType) -> String {
    match challenge {
        ChallengeType::Http01 => "http-01".into(),
        ChallengeType::TlsAlpn01 => "tls-alpn-01".into(),
        ChallengeType::Dns01 => "dns-01".into(),
        ChallengeType::Unknown(other) => other.clone(),
        other => format!("{other:?}"),
    }
}

pub(super) fn stage(
    challenge: &Challenge,
    key_authorization: &str,
    host: Name,
) -> Result<Staged, Failure> {
    // A token stands in a path: what is no token is not let near one.
    let token = challenge.token.parse().map_err(|_| {
        let detail = format!(
            "the CA's token {:?} is none (RFC 8555, section 8.3)",
            challenge.token
        );
        Failure::new(FailureKind::Malformed, detail)
    })?;
    Ok(Staged {
        token,
        host,
        key_authorization: key_authorization.into(),
        kind: kind(&challenge.r#type).unwrap_or_default(),
    })
}

/// What became of a name that cannot be proven any more, with what the CA saw.
pub(super) fn failed(authorization: &AuthorizationState, name: Name) -> (Name, Failure) {
    let errors = authorization
        .challenges
        .iter()
        .filter_map(|c| c.error.clone());
    let seen = errors
        .map(|error| Problem::from(error).failure(About::Name))
        .next();
    let failure = seen.unwrap_or_else(|| {
        let status = format!("{:?}", authorization.status).to_ascii_lowercase();
        let detail = format!("the authorization for {name} is {status}");
        Failure::new(FailureKind::OrderInvalid, detail)
    });
    (name, failure)
}

/// One failure of all the names that failed.
pub(super) fn invalid(names: Vec<(Name, Failure)>) -> Failure {
    let subproblems = names.iter().map(|(name, failure)| Subproblem {
        name: name.clone(),
        problem: failure.problem.clone().unwrap_or_default(),
        detail: failure.detail.as_str().into(),
    });
    let subproblems = subproblems.collect();
    let more = names.len().saturating_sub(1);
    let Some((name, first)) = names.into_iter().next() else {
        return Failure::new(FailureKind::OrderInvalid, "the order is invalid");
    };
    let more = if more == 0 {
        String::new()
    } else {
        format!(" (and {more} more names)")
    };
    let mut failure = Failure::new(first.kind, format!("{name}: {}{more}", first.detail));
    failure.problem = first.problem;
    failure.subproblems = subproblems;
    failure
}
