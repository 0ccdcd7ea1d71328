//! Files that only their owner reads, each replaced as a whole.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use portreeve_table::Secret;

use super::DirectoryError;

const LOCK: &str = "lock";
const INCOMING: &str = ".incoming";

/// Makes `root` and locks it. The kernel lets go of the lock when the process ends, however it does.
pub(super) fn lock(root: &Path) -> Result<File, DirectoryError> {
    let io = |error| DirectoryError::Io {
        path: root.into(),
        error,
    };
    make(root).map_err(io)?;
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(root.join(LOCK)).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DirectoryError::Used(root.into())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Makes a folder that only its owner enters, with those above it, unless it is there.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).recursive(true).create(folder)
}

/// The text of a file; `None` when there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Secret<String>>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a file as a whole, so that nobody ever reads half of it, not even after a loss of power.
pub(super) fn write(path: &Path, text: &Secret<String>) -> io::Result<()> {
    let Some(folder) = path.parent() else {
        return Err(ErrorKind::InvalidInput.into());
    };
    // Its name begins with a dot, so that whoever reads manifests passes it over.
    let incoming = folder.join(INCOMING);
    // What a crash left there may be somebody else's to read.
    remove(&incoming)?;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&incoming)?;
    let written = file
        .write_all(text.expose().as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&incoming, path));
    written.inspect_err(|_| drop(fs::remove_file(&incoming)))?;
    sync(folder)
}

/// Removes a file; that there is none is no error.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => path.parent().map_or(Ok(()), sync),
    }
}

/// The names of the files in a folder, sorted.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Has the names in a folder survive a loss of power.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
