//! Where ACME's state is kept: in a directory, or in Secrets.

use std::fmt;
use std::future::Future;

use portreeve_table::{CertKey, Origin, Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::record::Record;
use crate::staged::Staged;
use crate::want::{Name, WantId};

/// Which CA: the URL of its directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaId(Box<str>);

impl CaId {
    /// The CA whose directory is at `url`.
    pub fn new(url: &str) -> Self {
        Self(url.into())
    }

    /// The URL of its directory.
    pub fn url(&self) -> &str {
        &self.0
    }

    /// A name for it that is good in a file's or an object's: sixteen hexadecimal digits.
    pub fn short(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }
}

impl fmt::Display for CaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which writing of a record was read: what is written next must follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub Box<str>);

/// What stands where a certificate is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// A certificate that bears our mark.
    Ours {
        /// The chain, leaf first, as PEM.
        chain: String,
        /// The leaf's private key, as PEM.
        key: Secret<String>,
    },
    /// Something without our mark, which is never written.
    Foreign,
}

/// The annotation of a certificate's Secret that says which CA it is from: our mark. A Secret without
/// it is never written.
pub const ISSUER: &str = "portreeve.dev/acme-issuer";
/// The annotation that says which names it is for, with commas between them.
pub const NAMES: &str = "portreeve.dev/acme-names";
/// The label, and its value, of everything that is ours.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "portreeve");

/// What a certificate is marked with, so that it is known to be ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The CA that issued it: the value of [`ISSUER`].
    pub issuer: CaId,
    /// Its names.
    pub names: Vec<Name>,
}

impl Mark {
    /// The value of [`NAMES`].
    pub fn names(&self) -> String {
        let names: Vec<_> = self.names.iter().map(Name::to_string).collect();
        names.join(",")
    }
}

/// Why something could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote since it was read, or leads now.
    #[error("{0}: somebody else has written it since it was read")]
    Conflict(String),
    /// What stands there does not bear our mark.
    #[error("{0} is not ours: it has no annotation portreeve.dev/acme-issuer")]
    Foreign(String),
    /// It is there and cannot be understood.
    #[error("{object} cannot be read: {why}")]
    Unreadable {
        /// Which object or file.
        object: String,
        /// What is wrong with it.
        why: String,
    },
    /// The directory or the API server failed.
    #[error("{object}: {why}")]
    Failed {
        /// Which object or file.
        object: String,
        /// What went wrong.
        why: String,
    },
}

/// Where ACME's state is kept. Every write is whole, and keys are never logged.
pub trait Store: Send + Sync + 'static {
    /// The credentials of the account at `ca`, as JSON; `None` when there is none yet.
    fn account(
        &self,
        ca: &CaId,
    ) -> impl Future<Output = Result<Option<Secret<String>>, StoreError>> + Send;

    /// Keeps the credentials of the account at `ca`, instead of what was there.
    fn put_account(
        &self,
        ca: &CaId,
        credentials: &Secret<String>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Every want that something is kept of, wanted still or not.
    fn records(&self) -> impl Future<Output = Result<Vec<WantId>, StoreError>> + Send;

    /// What is kept of one want.
    fn record(
        &self,
        id: &WantId,
    ) -> impl Future<Output = Result<Option<(Record, Version)>, StoreError>> + Send;

    /// Keeps `record`, if what is there is still `version`, or nothing without one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else wrote since.
    fn put_record(
        &self,
        id: &WantId,
        record: &Record,
        version: Option<&Version>,
    ) -> impl Future<Output = Result<Version, StoreError>> + Send;

    /// Takes away what is kept of a want; nothing there is no error.
    fn remove_record(&self, id: &WantId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What stands where a certificate is to go.
    fn certificate(&self, key: &CertKey) -> impl Future<Output = Result<Kept, StoreError>> + Send;

    /// Puts a certificate there.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] when what is there does not bear our mark; it is left as it is.
    fn put_certificate(
        &self,
        key: &CertKey,
        chain: &str,
        private: &Secret<String>,
        mark: &Mark,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes a certificate away that bears our mark; nothing there is no error.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] when what is there does not bear our mark; it is left as it is.
    fn remove_certificate(
        &self,
        key: &CertKey,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lets proxies answer `challenges` for a want, instead of those that were there; none takes
    /// them away.
    fn put_challenges(
        &self,
        id: &WantId,
        origin: &Origin,
        challenges: &[Staged],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
