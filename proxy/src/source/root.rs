//! A directory that manifests are read from, and what its files are called in messages.

use std::path::{Path, PathBuf};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::directory::SourceError;
use super::tree;

/// A directory that manifests are read from.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    /// Whether it holds what ACME brings, and not what people wrote.
    is_ours: bool,
}

impl Root {
    /// The flag that names the directory of people's own manifests.
    pub(super) const MANIFESTS: &str = "--manifests";
    const ACME: &str = "--acme-dir";

    /// The directory of people's own manifests.
    pub(super) fn manifests(path: &Path) -> Self {
        Self {
            path: path.into(),
            is_ours: false,
        }
    }

    /// The directory of what ACME brings.
    pub(super) fn acme(path: &Path) -> Self {
        Self {
            path: path.into(),
            is_ours: true,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it holds what ACME brings, and not what people wrote.
    pub(super) fn is_ours(&self) -> bool {
        self.is_ours
    }

    /// The flag that named it.
    fn flag(&self) -> &'static str {
        match self.is_ours {
            true => Self::ACME,
            false => Self::MANIFESTS,
        }
    }

    /// What a file is called: people's own as they see it below their directory, ours with the whole
    /// path, so that nobody looks for it among theirs.
    pub(super) fn name(&self, file: &Path) -> String {
        let below = match self.is_ours {
            true => file,
            false => file.strip_prefix(&self.path).unwrap_or(file),
        };
        below.display().to_string()
    }

    /// Begins to watch it, if it can be read.
    ///
    /// # Errors
    /// When it cannot be read, or the kernel does not tell of changes.
    pub(super) fn watch(&self, watcher: &mut RecommendedWatcher) -> Result<(), SourceError> {
        tree::manifests(&self.path).map_err(|error| SourceError::Directory {
            directory: self.path.clone(),
            flag: self.flag(),
            error,
        })?;
        let watched = watcher.watch(&self.path, RecursiveMode::Recursive);
        watched.map_err(|error| SourceError::Watch {
            directory: self.path.clone(),
            flag: self.flag(),
            error,
        })
    }
}
