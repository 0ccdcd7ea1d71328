//! What can be wrong with a list or a watch.

use kube::core::Status;

use super::Deaf;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server says so, at once or in the middle of a watch.
    #[error("the API server answers {} {}: {}", .0.code, .0.reason, .0.message)]
    Answer(Box<Status>),
    #[error("the API server did not answer in time")]
    NoAnswer,
    #[error("the API server cannot be reached: {}", deepest(.0))]
    Unreached(#[source] kube::Error),
    #[error("the API server breaks off: {}", deepest(.0))]
    Broken(#[source] kube::Error),
    /// What it was, nobody knows, so something may have been missed.
    #[error("the API server sent what cannot be read")]
    Garbage,
    #[error("the list has no version to go on from")]
    NoVersion,
    #[error("the list was not said to be whole in time")]
    NeverWhole,
    #[error("the list broke off")]
    NotWhole,
    #[error("nothing was heard of a watch any more")]
    Silent,
    #[error("watches end at once")]
    Short,
    #[error("nobody listens")]
    Deaf,
}

/// The cause of it all: what is around it names layers of the client.
fn deepest(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => deepest(source),
        None => error.to_string(),
    }
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Answer(status),
            // Its text may show what it could not read, and that may be secret.
            kube::Error::SerdeError(_) => Self::Garbage,
            other => Self::Broken(other),
        }
    }
}

impl From<Deaf> for Error {
    fn from(Deaf: Deaf) -> Self {
        Self::Deaf
    }
}

impl Error {
    /// What is wrong with a call that was not answered well.
    pub(super) fn of_call(error: kube::Error) -> Self {
        match Self::from(error) {
            Self::Broken(error) => Self::Unreached(error),
            other => other,
        }
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Answer(status) => Some(status.code),
            _ => None,
        }
    }

    pub(super) fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// Whether the version that was asked for is too old.
    pub(super) fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    /// Whether a server that does not stream lists says this.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.code(), Some(400 | 405 | 406 | 415 | 422 | 501))
    }

    /// Whether only a list can tell what was missed.
    pub(super) fn needs_list(&self) -> bool {
        self.is_expired() || matches!(self, Self::Garbage | Self::Deaf)
    }

    /// Whether the server is there, and yet this watch does not go on. One that does not begin may
    /// be held back by something that waits for its end.
    pub(super) fn is_by_server(&self) -> bool {
        let not_now = matches!(self.code(), Some(401 | 403 | 429));
        matches!(self, Self::Answer(_) | Self::NoAnswer | Self::Short) && !not_now
    }
}
