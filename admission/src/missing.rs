//! What becomes of an Ingress when what it needs does not exist, or is not known yet.

use std::fmt;
use std::str::FromStr;

use portreeve_translate::Code;

/// What becomes of an Ingress whose Service, or the port of it, does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// It is refused.
    #[default]
    Deny,
    /// It is taken with a warning: for who applies Ingresses before their Services.
    Warn,
}

/// Whether a finding may be about a Service that is only about to come.
pub(crate) fn is_missing(code: Code) -> bool {
    matches!(code, Code::ServiceMissing | Code::PortMissing)
}

/// Whether a finding may be about what was created a moment ago and is only about to be known, a
/// Service or the Namespace that lists the host; or about what was deleted a moment ago: an Ingress
/// that has the path or the host.
pub(crate) fn may_be_late(code: Code) -> bool {
    use Code::{DefaultBackendTaken, HostNotAllowed, HostTaken, PathTaken};
    is_missing(code)
        || matches!(
            code,
            DefaultBackendTaken | HostNotAllowed | HostTaken | PathTaken
        )
}

impl fmt::Display for OnMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deny => "deny",
            Self::Warn => "warn",
        })
    }
}

impl FromStr for OnMissing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "deny" => Ok(Self::Deny),
            "warn" => Ok(Self::Warn),
            _ => Err("write deny or warn".into()),
        }
    }
}
