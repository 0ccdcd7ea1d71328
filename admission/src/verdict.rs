//! What a review comes to: findings that refuse the object, and findings that only warn.

use std::collections::BTreeMap;

use portreeve_translate::{Code, Diagnostic, Severity};

/// How long a warning may be, in bytes: the API asks for no more characters (admission.k8s.io/v1).
pub const WARNING: usize = 120;

/// What a review comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is none of our business.
    Other,
    /// It could not be reviewed, for this reason, and is let pass.
    Unknown(&'static str),
    /// It cannot be what it is said to be, for this reason.
    Mismatched(String),
    /// It was reviewed.
    Reviewed {
        /// Why it is refused, if it is.
        errors: Vec<Diagnostic>,
        /// What its author should know all the same.
        warnings: Vec<Diagnostic>,
    },
}

/// The kinds of verdicts, as metrics tell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Allowed,
    Denied,
    Other,
    Unknown,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Allowed, Self::Denied, Self::Other, Self::Unknown];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

impl Verdict {
    /// What findings come to by their severity.
    pub(crate) fn of(found: impl IntoIterator<Item = Diagnostic>) -> Self {
        let is_error = |found: &Diagnostic| found.severity() == Severity::Error;
        let (errors, warnings) = found.into_iter().partition(is_error);
        Self::Reviewed { errors, warnings }
    }

    /// Whether the object is let pass.
    pub fn is_allowed(&self) -> bool {
        self.kind() != Kind::Denied
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Other => Kind::Other,
            Self::Unknown(_) => Kind::Unknown,
            Self::Mismatched(_) => Kind::Denied,
            Self::Reviewed { errors, .. } if errors.is_empty() => Kind::Allowed,
            Self::Reviewed { .. } => Kind::Denied,
        }
    }

    /// The findings that refuse the object.
    pub fn errors(&self) -> &[Diagnostic] {
        match self {
            Self::Reviewed { errors, .. } => errors,
            _ => &[],
        }
    }

    /// The findings that only warn.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        let warnings: &[Diagnostic] = match self {
            Self::Reviewed { warnings, .. } => warnings,
            _ => &[],
        };
        warnings.iter()
    }

    /// The same, with errors that only warn: those that `is_mild` takes.
    #[must_use]
    pub(crate) fn milder(self, is_mild: impl FnMut(&Diagnostic) -> bool) -> Self {
        let Self::Reviewed { errors, warnings } = self else {
            return self;
        };
        let (mild, errors): (Vec<_>, Vec<_>) = errors.into_iter().partition(is_mild);
        let warnings = mild.into_iter().chain(warnings).collect();
        Self::Reviewed { errors, warnings }
    }

    /// The same, where what was wrong before only warns: whoever mends one of two mistakes, or
    /// removes a finalizer, makes nothing worse. What was wrong once is wrong once, not twice.
    #[must_use]
    pub(crate) fn against(self, before: &Self) -> Self {
        let mut known: BTreeMap<_, usize> = BTreeMap::new();
        for found in before.errors() {
            *known.entry(mistake(found)).or_default() += 1;
        }
        self.milder(|found| match known.get_mut(&mistake(found)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        })
    }
}

/// By what a mistake is known again after an edit: by the annotation that it is in; by why a backend
/// is none, without what that does to its route; else by what is said. Places move when others go.
fn mistake(found: &Diagnostic) -> (Code, String) {
    let cause = match &*found.field {
        annotation if annotation.starts_with("metadata.annotations") => annotation,
        place if place.contains("ackend") => {
            let parts = found.message.split_once(": ");
            parts.map_or(&*found.message, |(_, why)| why)
        }
        _ => &*found.message,
    };
    (found.code, cause.into())
}
