//! ACME's problem documents (RFC 8555, section 6.7), and what each comes to as a [`Failure`].

use instant_acme::{Error, Identifier};
use serde::Deserialize;

use super::client::{CallError, Refusal, Why};
use super::note::Notes;
use crate::failure::{Failure, FailureKind, Subproblem, words};
use crate::want::Name;

/// What ACME's types of problems begin with.
const URN: &str = "urn:ietf:params:acme:error:";
/// A nonce that the CA does not take (section 6.5).
pub(super) const BAD_NONCE: &str = "urn:ietf:params:acme:error:badNonce";

/// What a call is about: the same problem means something else of each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The account.
    Account,
    /// An order or what belongs to it.
    Order,
    /// What the CA saw when it looked at a name.
    Name,
}

/// A problem document, read as leniently as CAs write.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem {
    r#type: Option<String>,
    detail: Option<String>,
    subproblems: Vec<Sub>,
}

/// What a problem document says of one identifier.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Sub {
    r#type: Option<String>,
    detail: Option<String>,
    identifier: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Value {
    value: String,
}

impl Problem {
    /// Reads an answer; `None` when it is no problem document.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let problem: Self = serde_json::from_slice(body).ok()?;
        (problem.r#type.is_some() || problem.detail.is_some()).then_some(problem)
    }

    /// What it comes to.
    pub(super) fn failure(&self, about: About) -> Failure {
        let kind = self.kind(about);
        let problem = self.r#type.as_deref();
        let detail = self.detail.as_deref().unwrap_or("the CA says no more");
        let mut failure = Failure::new(kind, format!("{}: {detail}", problem.unwrap_or("problem")));
        failure.problem = problem.map(|problem| words(problem).into());
        failure.subproblems = self.subproblems.iter().filter_map(Sub::told).collect();
        failure
    }

    fn kind(&self, about: About) -> FailureKind {
        let own = kind(self.r#type.as_deref().unwrap_or_default(), about);
        // `compound` and `malformed` say no more than that there is something below them.
        let below = self
            .subproblems
            .iter()
            .find_map(|sub| sub.r#type.as_deref());
        match (own, below) {
            (FailureKind::Refused, Some(below)) => match kind(below, About::Name) {
                FailureKind::Refused => FailureKind::RejectedIdentifier,
                below => below,
            },
            _ => own,
        }
    }
}

impl Sub {
    fn told(&self) -> Option<Subproblem> {
        let name: Name = self.identifier.as_ref()?.value.parse().ok()?;
        Some(Subproblem {
            name,
            problem: words(self.r#type.as_deref().unwrap_or_default()).into(),
            detail: words(self.detail.as_deref().unwrap_or_default()).into(),
        })
    }
}

impl From<instant_acme::Problem> for Problem {
    fn from(problem: instant_acme::Problem) -> Self {
        let sub = |sub: instant_acme::Subproblem| Sub {
            r#type: sub.r#type,
            detail: sub.detail,
            identifier: sub.identifier.map(|identifier| Value {
                value: text(&identifier),
            }),
        };
        Self {
            r#type: problem.r#type,
            detail: problem.detail,
            subproblems: problem.subproblems.into_iter().map(sub).collect(),
        }
    }
}

/// An identifier as text.
pub(super) fn text(identifier: &Identifier) -> String {
    identifier.authorized(false).to_string()
}

/// Whether it is only about the nonce.
pub(super) fn is_bad_nonce(problem: &Problem) -> bool {
    problem.r#type.as_deref() == Some(BAD_NONCE)
}

/// What a type of problem comes to.
fn kind(problem: &str, about: About) -> FailureKind {
    match problem.strip_prefix(URN).unwrap_or(problem) {
        "badNonce" => FailureKind::BadNonce,
        "rateLimited" => FailureKind::RateLimited,
        "serverInternal" => FailureKind::ServerInternal,
        "dns" => FailureKind::Dns,
        "caa" => FailureKind::Caa,
        "connection" | "tls" | "incorrectResponse" => FailureKind::Challenge,
        "rejectedIdentifier" | "unsupportedIdentifier" => FailureKind::RejectedIdentifier,
        "invalidProfile" => FailureKind::Configuration,
        "orderNotReady" => FailureKind::OrderInvalid,
        "unauthorized" if about == About::Name => FailureKind::Challenge,
        "unauthorized"
        | "accountDoesNotExist"
        | "externalAccountRequired"
        | "userActionRequired"
        | "invalidContact"
        | "unsupportedContact" => FailureKind::Account,
        _ => FailureKind::Refused,
    }
}

/// What an error of the CA's client comes to.
pub(super) fn failure(error: Error, notes: &Notes, about: About) -> Failure {
    let asked = &notes.asked;
    let malformed = |what: &dyn std::fmt::Display| {
        let detail = format!("{asked}: the answer is not what RFC 8555 says: {what}");
        Failure::new(FailureKind::Malformed, detail)
    };
    match error {
        Error::Api(problem) => Problem::from(problem).failure(about),
        Error::Other(other) => match other.downcast::<CallError>() {
            Ok(call) => of_call(&call, about),
            Err(other) => malformed(&other),
        },
        Error::Unsupported(what) => {
            let detail = format!("the CA does not support {what}");
            Failure::new(FailureKind::Configuration, detail)
        }
        Error::Crypto | Error::KeyRejected => {
            let detail = "the account's key cannot be used";
            Failure::new(FailureKind::Store, detail)
        }
        other => malformed(&other),
    }
}

/// What a call that came to nothing comes to.
pub(super) fn of_call(call: &CallError, about: About) -> Failure {
    match &call.why {
        Why::Answer(refusal) => refused(&call.asked, refusal, about),
        Why::Connection(_) => Failure::new(FailureKind::Connection, call.to_string()),
        Why::Timeout => Failure::new(FailureKind::Timeout, call.to_string()),
        Why::TooLarge | Why::Elsewhere(_) => Failure::new(FailureKind::Malformed, call.to_string()),
    }
}

fn refused(asked: &str, refusal: &Refusal, about: About) -> Failure {
    let status = refusal.status;
    let mut failure = match &refusal.problem {
        Some(problem) => problem.failure(about),
        None => {
            let detail = format!("{asked}: {status}, and no problem document");
            Failure::new(FailureKind::Malformed, detail)
        }
    };
    // The status is the word of whatever stands before the CA, too, and of CAs with types of
    // their own.
    failure.kind = match (failure.kind, status.as_u16()) {
        (_, 429) => FailureKind::RateLimited,
        (FailureKind::Refused | FailureKind::Malformed, 500..) => FailureKind::ServerInternal,
        (FailureKind::Refused | FailureKind::Malformed, 404 | 410) if about == About::Order => {
            FailureKind::OrderInvalid
        }
        (kind, _) => kind,
    };
    failure.retry_after = refusal.retry_after;
    failure
}

#[cfg(test)]
mod tests;
