//! Which kinds of challenges may be used for a certificate.

use std::fmt;
use std::str::FromStr;

use portreeve_table::ChallengeKind;

/// Which kinds of challenges may be used for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChallengeChoice {
    /// Any of them.
    #[default]
    Any,
    /// This one.
    Only(ChallengeKind),
}

impl ChallengeChoice {
    /// Whether a kind may be used.
    pub fn allows(self, kind: ChallengeKind) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => only == kind,
        }
    }
}

impl fmt::Display for ChallengeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Only(kind) => kind.fmt(f),
        }
    }
}

/// Which text is not a choice of challenges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a choice of challenges; write http-01, tls-alpn-01 or any")]
pub struct ChallengeChoiceError(String);

impl FromStr for ChallengeChoice {
    type Err = ChallengeChoiceError;

    fn from_str(text: &str) -> Result<Self, ChallengeChoiceError> {
        match text {
            "any" => Ok(Self::Any),
            kind => kind
                .parse()
                .map(Self::Only)
                .map_err(|_| ChallengeChoiceError(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_back_from_its_text() {
        for text in ["any", "http-01", "tls-alpn-01"] {
            assert_eq!(text.parse::<ChallengeChoice>().unwrap().to_string(), text);
        }
        assert!("dns-01".parse::<ChallengeChoice>().is_err());
    }
}
