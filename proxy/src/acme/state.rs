//! The directory that `--acme-dir` names: taken for this process, and away from people's manifests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use portreeve_acme::{Directory, DirectoryError};

use crate::holder;

/// The file that whoever uses a directory has locked.
const LOCK: &str = "lock";

/// Why the directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process has it.
    #[error(
        "{directory:?} (--acme-dir) is in use{holder}; stop that process, or give each proxy a directory of its own"
    )]
    InUse {
        /// As it was given.
        directory: PathBuf,
        /// ` by NAME (process ID)`, when that can be known.
        holder: String,
    },
    /// It cannot be made or written.
    #[error(
        "{directory:?} (--acme-dir) cannot be used: {error}; name a directory that this process may make and write"
    )]
    Io {
        /// What of it.
        directory: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// What is in one would be read as part of the other.
    #[error(
        "{directory:?} (--acme-dir) and {manifests:?} (--manifests) lie within each other; what is kept in one must not be read as the other"
    )]
    Within {
        /// The one of ACME.
        directory: PathBuf,
        /// The one of manifests.
        manifests: PathBuf,
    },
}

/// Makes the directory if it is not there, and keeps it from other processes and from `manifests`.
///
/// # Errors
/// When it is in use, cannot be written, or lies where manifests are read.
pub(super) fn open(
    folder: &Path,
    manifests: &Path,
    namespace: &str,
) -> Result<Directory, StateError> {
    if is_within(folder, manifests) || is_within(manifests, folder) {
        return Err(StateError::Within {
            directory: folder.into(),
            manifests: manifests.into(),
        });
    }
    Directory::open(folder, namespace).map_err(|error| match error {
        DirectoryError::Used(directory) => StateError::InUse {
            holder: holder::of_lock(&folder.join(LOCK))
                .map_or_else(String::new, |who| format!(" by {who}")),
            directory,
        },
        DirectoryError::Io { path, error } => StateError::Io {
            directory: path,
            error,
        },
    })
}

/// Whether `inner` is `outer` or lies below it, as far as they are there already.
fn is_within(inner: &Path, outer: &Path) -> bool {
    let Ok(outer) = fs::canonicalize(outer) else {
        return false;
    };
    // Of what is not there yet, that which is decides.
    let known = inner.ancestors().find_map(|it| {
        let it = if it.as_os_str().is_empty() {
            Path::new(".")
        } else {
            it
        };
        fs::canonicalize(it).ok()
    });
    known.is_some_and(|known| known.starts_with(outer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_and_state_are_apart() {
        let root = std::env::temp_dir().join(format!("portreeve-state-{}", std::process::id()));
        let manifests = root.join("manifests");
        fs::create_dir_all(&manifests).unwrap();
        for (folder, is_apart) in [
            (root.join("acme"), true),
            (root.join("manifests-too"), true),
            (manifests.clone(), false),
            (manifests.join("a/b"), false),
            (root.clone(), false),
        ] {
            let opened = open(&folder, &manifests, "portreeve");
            assert_eq!(opened.is_ok(), is_apart, "{folder:?}: {:?}", opened.err());
        }
        let file = root.join("file");
        fs::write(&file, "").unwrap();
        let error = open(&file, &manifests, "portreeve")
            .unwrap_err()
            .to_string();
        assert!(error.contains("(--acme-dir) cannot be used: "), "{error}");
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn whoever_has_it_is_named() {
        let root = std::env::temp_dir().join(format!("portreeve-lock-{}", std::process::id()));
        let first = open(&root, Path::new("/nowhere"), "portreeve").unwrap();
        let second = open(&root, Path::new("/nowhere"), "portreeve");
        let said = second.unwrap_err().to_string();
        assert!(said.contains("is in use by "), "{said}");
        assert!(
            said.contains(&format!("(process {})", std::process::id())),
            "{said}"
        );
        drop(first);
        assert!(open(&root, Path::new("/nowhere"), "portreeve").is_ok());
        fs::remove_dir_all(&root).unwrap();
    }
}
