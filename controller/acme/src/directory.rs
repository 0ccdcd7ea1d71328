//! ACME's state in a directory, for a proxy without a cluster.
//!
//! `accounts/` and `records/` are ours alone. `manifests/` holds certificates and challenges as
//! Secrets, so that they are read like every other manifest.
//! Only one process may use a directory, and only its owner may read it.
//! Files are few and small, and are written where they are asked for: a write that was begun is
//! whole before anybody is stopped.

mod file;
mod manifest;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use portreeve_table::{CertKey, Origin, Secret};
use sha2::{Digest, Sha256};

use self::manifest::Manifest;
use crate::record::Record;
use crate::staged::Staged;
use crate::store::{CaId, Kept, Mark, Store, StoreError, Version};
use crate::want::WantId;

const ACCOUNTS: &str = "accounts";
const RECORDS: &str = "records";
const MANIFESTS: &str = "manifests";

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process has it.
    #[error("{0:?} is used by another process: give each its own directory, or stop the other one")]
    Used(PathBuf),
    /// It cannot be made, or not be written.
    #[error("{path:?} cannot be used: {error}")]
    Io {
        /// What of it.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A directory that is ours for as long as this lives.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    /// In whose namespace challenges are put.
    namespace: Box<str>,
    _lock: File,
}

impl Directory {
    /// Makes the directory if it is not there, and keeps other processes from using it.
    ///
    /// `namespace` is where the Secrets with challenges are said to be.
    ///
    /// # Errors
    /// When another process has it, or it cannot be written.
    pub fn open(root: &Path, namespace: &str) -> Result<Self, DirectoryError> {
        let lock = file::lock(root)?;
        for folder in [ACCOUNTS, RECORDS, MANIFESTS] {
            let path = root.join(folder);
            file::make(&path).map_err(|error| DirectoryError::Io { path, error })?;
        }
        Ok(Self {
            root: root.into(),
            namespace: namespace.into(),
            _lock: lock,
        })
    }

    /// Where the manifests are that are to be served.
    pub fn manifests(&self) -> PathBuf {
        self.root.join(MANIFESTS)
    }

    fn account_path(&self, ca: &CaId) -> PathBuf {
        let name = format!("{}.json", ca.short());
        self.root.join(ACCOUNTS).join(name)
    }

    fn record_path(&self, id: &WantId) -> PathBuf {
        let name = format!("{}.json", id.as_str());
        self.root.join(RECORDS).join(name)
    }

    /// Neither a namespace nor the name of an object holds a slash, and a namespace no dot either.
    fn certificate_path(&self, key: &CertKey) -> Result<PathBuf, StoreError> {
        let is_plain = |text: &str| !text.is_empty() && !text.contains(['/', '\0']);
        if !is_plain(&key.namespace) || !is_plain(&key.secret) || key.namespace.contains('.') {
            return Err(StoreError::Failed {
                object: key.to_string(),
                why: "it is not the name of a Secret".into(),
            });
        }
        let name = format!("certificate.{}.{}.json", key.namespace, key.secret);
        Ok(self.manifests().join(name))
    }

    fn challenges_path(&self, id: &WantId) -> PathBuf {
        self.manifests().join(format!("{}.json", challenges(id)))
    }
}

/// The name of the Secret that holds the challenges of a want.
fn challenges(id: &WantId) -> String {
    let short: String = id.as_str().chars().take(16).collect();
    format!("portreeve-acme-challenge-{short}")
}

fn read(path: &Path) -> Result<Option<Secret<String>>, StoreError> {
    file::read(path).map_err(|error| failed(path, &error))
}

fn write(path: &Path, text: &Secret<String>) -> Result<(), StoreError> {
    file::write(path, text).map_err(|error| failed(path, &error))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    file::remove(path).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Failed {
        object: path.display().to_string(),
        why: error.to_string(),
    }
}

/// What is wrong is not said in its own words, which could hold a key.
fn unreadable(path: &Path, error: &serde_json::Error) -> StoreError {
    StoreError::Unreadable {
        object: path.display().to_string(),
        why: format!("line {} is not as we write it", error.line()),
    }
}

fn version(text: &Secret<String>) -> Version {
    let digest = Sha256::digest(text.expose());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Version(hex.into())
}

impl Store for Directory {
    async fn account(&self, ca: &CaId) -> Result<Option<Secret<String>>, StoreError> {
        read(&self.account_path(ca))
    }

    async fn put_account(&self, ca: &CaId, account: &Secret<String>) -> Result<(), StoreError> {
        write(&self.account_path(ca), account)
    }

    async fn records(&self) -> Result<Vec<WantId>, StoreError> {
        let folder = self.root.join(RECORDS);
        let names = file::names(&folder).map_err(|error| failed(&folder, &error))?;
        let ids = names.iter().filter_map(|name| name.strip_suffix(".json"));
        Ok(ids.filter_map(|id| id.parse().ok()).collect())
    }

    async fn record(&self, id: &WantId) -> Result<Option<(Record, Version)>, StoreError> {
        let path = self.record_path(id);
        let Some(text) = read(&path)? else {
            return Ok(None);
        };
        let record = serde_json::from_str(text.expose());
        let record = record.map_err(|error| unreadable(&path, &error))?;
        Ok(Some((record, version(&text))))
    }

    async fn put_record(
        &self,
        id: &WantId,
        record: &Record,
        after: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let path = self.record_path(id);
        if read(&path)?.as_ref().map(version).as_ref() != after {
            return Err(StoreError::Conflict(path.display().to_string()));
        }
        let text = serde_json::to_string(record).map_err(|error| unreadable(&path, &error))?;
        let text = Secret::new(text);
        write(&path, &text)?;
        Ok(version(&text))
    }

    async fn remove_record(&self, id: &WantId) -> Result<(), StoreError> {
        remove(&self.record_path(id))
    }

    async fn certificate(&self, key: &CertKey) -> Result<Kept, StoreError> {
        let path = self.certificate_path(key)?;
        let Some(text) = read(&path)? else {
            return Ok(Kept::Nothing);
        };
        Ok(manifest::kept(&text))
    }

    async fn put_certificate(
        &self,
        key: &CertKey,
        chain: &str,
        private: &Secret<String>,
        mark: &Mark,
    ) -> Result<(), StoreError> {
        let path = self.certificate_path(key)?;
        if self.certificate(key).await? == Kept::Foreign {
            return Err(StoreError::Foreign(path.display().to_string()));
        }
        let manifest = Manifest::certificate(key, chain, private, mark);
        write(
            &path,
            &manifest.text().map_err(|error| unreadable(&path, &error))?,
        )
    }

    async fn remove_certificate(&self, key: &CertKey) -> Result<(), StoreError> {
        let path = self.certificate_path(key)?;
        match self.certificate(key).await? {
            Kept::Foreign => Err(StoreError::Foreign(path.display().to_string())),
            Kept::Nothing => Ok(()),
            Kept::Ours { .. } => remove(&path),
        }
    }

    async fn put_challenges(
        &self,
        id: &WantId,
        origin: &Origin,
        staged: &[Staged],
    ) -> Result<(), StoreError> {
        let path = self.challenges_path(id);
        if staged.is_empty() {
            return remove(&path);
        }
        let text = Staged::list(staged, origin)
            .and_then(|list| Manifest::challenges(&self.namespace, &challenges(id), &list).text());
        write(&path, &text.map_err(|error| unreadable(&path, &error))?)
    }
}
