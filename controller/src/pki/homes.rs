//! Where certificates are kept: a directory, or Secrets.

mod directory;
mod secrets;

use std::io;
use std::path::PathBuf;

use kube::Client;
use kube::api::ObjectMeta;

use super::entry::{Entry, Files};
use crate::refusal::{is_conflict, refusal};

/// Where certificates are kept. Each entry is read and written as a whole.
pub enum Home {
    /// In a directory, for whoever runs beside a cluster. One that controllers share is kept by
    /// the one that leads; one of its own, by each, whether it leads or not.
    Directory(PathBuf),
    /// In Secrets of a namespace, which Pods mount.
    Secrets(Secrets),
}

/// The Secrets of a namespace.
pub struct Secrets {
    client: Client,
    namespace: String,
}

/// What was there when an entry was read, so that nothing else is overwritten.
#[derive(Debug, Clone, Default)]
pub(super) struct Version(Option<(ObjectMeta, Option<String>)>);

/// Why an entry was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// By the file system.
    #[error(
        "{place} (--pki-dir): {error}; see that this process may write there, and that there is room"
    )]
    File {
        /// The folder.
        place: String,
        /// What the kernel said.
        error: io::Error,
    },
    /// By the API server.
    #[error("{place}: {}; {}", refusal(error), hint(error))]
    Api {
        /// The Secret.
        place: String,
        /// What it said.
        error: kube::Error,
    },
    /// By nobody.
    #[error("{place}: the API server does not answer; it is tried again")]
    Timeout {
        /// The Secret.
        place: String,
    },
}

impl Home {
    /// In Secrets of a namespace.
    pub fn secrets(client: Client, namespace: &str) -> Self {
        Self::Secrets(Secrets {
            client,
            namespace: namespace.into(),
        })
    }

    /// Where an entry is, for messages.
    pub(super) fn place(&self, entry: Entry) -> String {
        match self {
            Self::Directory(root) => root.join(entry.folder()).display().to_string(),
            Self::Secrets(secrets) => format!("Secret {}/{}", secrets.namespace, entry.secret()),
        }
    }

    /// Reads an entry; one that is not there is empty.
    pub(super) async fn load(&self, entry: Entry) -> Result<(Files, Version), HomeError> {
        match self {
            Self::Directory(root) => {
                let read = directory::load(&root.join(entry.folder()));
                let files = read.map_err(|error| self.file_error(entry, error))?;
                Ok((files, Version::default()))
            }
            Self::Secrets(secrets) => secrets.load(entry, self.place(entry)).await,
        }
    }

    /// Writes an entry in place of the version that was read, and says which it is now.
    pub(super) async fn store(
        &self,
        entry: Entry,
        files: &Files,
        version: &Version,
    ) -> Result<Version, HomeError> {
        match self {
            Self::Directory(root) => {
                let written = directory::store(&root.join(entry.folder()), files);
                written.map_err(|error| self.file_error(entry, error))?;
                Ok(Version::default())
            }
            Self::Secrets(secrets) => {
                let place = self.place(entry);
                secrets.store(entry, files, version, place).await
            }
        }
    }

    fn file_error(&self, entry: Entry, error: io::Error) -> HomeError {
        let place = self.place(entry);
        HomeError::File { place, error }
    }
}

fn hint(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            "allow this ServiceAccount to get, create and update Secrets of this namespace"
        }
        kube::Error::Api(status) if status.is_not_found() => {
            "see that the namespace exists (--namespace)"
        }
        error if is_conflict(error) => "somebody else wrote it; it is read again",
        _ => "it is tried again",
    }
}
