//! What went wrong while watching, for the log.

use std::fmt;
use std::sync::Arc;

use portreeve_translate::ObjectKey;

use crate::watched::Watched;

/// What went wrong with a kind or with one object of it.
///
/// Everything goes on: what was known stays, and the rest is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The kind.
    pub kind: Watched,
    /// The object, if it is about one.
    pub object: Option<ObjectKey>,
    /// What it is.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.object {
            Some(object) => write!(f, "{} {object}: {}", self.kind.kind(), self.message),
            None => write!(f, "watching {}: {}", self.kind, self.message),
        }
    }
}

/// Who is told.
pub(crate) type Report = Arc<dyn Fn(&Problem) + Send + Sync>;
