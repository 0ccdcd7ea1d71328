//! What one watch is for: mostly a kind.

use std::fmt;

use portreeve_translate::Kind;

/// What one watch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// The objects of a kind; of Secrets, those that hold certificates.
    Kind(Kind),
    /// The Secrets that hold ACME challenges, in one namespace: a server can select objects by one
    /// type and not by either of two.
    Challenges,
}

impl Watched {
    /// The kind of its objects.
    pub fn kind(self) -> Kind {
        match self {
            Self::Kind(kind) => kind,
            Self::Challenges => Kind::Secret,
        }
    }

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.as_str(),
            Self::Challenges => "Challenge",
        }
    }

    /// Whether its objects count whatever their namespace: classes have none, and their settings and
    /// challenges are in the controller's.
    pub(crate) fn is_everybodys(self) -> bool {
        match self {
            Self::Kind(kind) => matches!(kind, Kind::IngressClass | Kind::ConfigMap),
            Self::Challenges => true,
        }
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
