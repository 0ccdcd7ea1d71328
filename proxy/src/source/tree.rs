//! The files of a directory of manifests, and which of them have changed.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How deep a directory is followed: symbolic links can make it endless.
const MAX_DEPTH: usize = 32;

/// Which version of a file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<Metadata> for Stamp {
    fn from(file: Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

/// The manifests below `root`, each with its version.
///
/// Names that begin with a dot are passed over, so a mounted ConfigMap is read through its links
/// and not a second time in `..data`.
///
/// # Errors
/// When `root` itself cannot be read. What lies below it may come and go while it is being read.
pub(crate) fn manifests(root: &Path) -> io::Result<BTreeMap<PathBuf, Stamp>> {
    let mut found = BTreeMap::new();
    let mut open = vec![(root.to_path_buf(), 0)];
    fs::read_dir(root)?;
    while let Some((directory, depth)) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            let Some(file) = fs::metadata(&path).ok().filter(|_| !is_hidden) else {
                continue;
            };
            if file.is_dir() && depth < MAX_DEPTH {
                open.push((path, depth + 1));
            } else if file.is_file() && is_manifest(&path) {
                found.insert(path, file.into());
            }
        }
    }
    Ok(found)
}

/// Whether a file is certainly not there any more.
///
/// A listing can miss one that is being replaced, and shows nothing at all when the process has
/// no descriptor left.
pub(crate) fn is_gone(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(file) => !file.is_file(),
        Err(error) => matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        ),
    }
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml" | "json"))
}
