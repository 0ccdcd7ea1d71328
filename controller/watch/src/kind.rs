//! The kinds that are watched.

use std::fmt;

use portreeve_translate::Kind;

/// A kind that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watched {
    /// A kind that is translated.
    Translated(Kind),
    /// Whose labels may decide which objects count.
    Namespace,
}

impl Watched {
    /// The kind as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Translated(kind) => kind.as_str(),
            Self::Namespace => "Namespace",
        }
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of the translated kinds are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    secrets: bool,
}

impl Kinds {
    /// Every kind.
    pub fn all() -> Self {
        Self { secrets: true }
    }

    /// Every kind but Secrets, which are then unknown: for those who must never see one.
    pub fn without_secrets() -> Self {
        Self { secrets: false }
    }

    pub(crate) fn has_secrets(self) -> bool {
        self.secrets
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Kind> {
        let all = Kind::ALL.into_iter();
        all.filter(move |kind| self.secrets || *kind != Kind::Secret)
    }
}
