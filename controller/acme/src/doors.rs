//! Whether challenges are answered wherever a CA may ask.

use std::future::Future;

use crate::staged::Staged;

/// Who did not answer as it should in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not answered by {}", .0.join(", "))]
pub struct Closed(pub Vec<String>);

/// Who is asked whether a challenge is answered, before the CA is told.
pub trait Doors: Send + Sync + 'static {
    /// Resolves when every proxy answers `staged`.
    ///
    /// # Errors
    /// Names the proxies that did not by the implementation's own deadline, and why not.
    fn open(&self, staged: &[Staged]) -> impl Future<Output = Result<(), Closed>> + Send;
}
