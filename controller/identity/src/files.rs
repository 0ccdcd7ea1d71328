//! The files of an identity: one version of all three, never half of one and half of the next.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use portreeve_table::Secret;

use crate::pem::{CA_FILE, CHAIN_FILE, KEY_FILE};
use crate::{Pem, Problem};

/// How often it is tried to read a folder that is being replaced.
const TRIES: usize = 5;

/// A version of a file: where its links lead, and the file that is there. A time of change also
/// tells of new permissions; it is too coarse to tell a file that was just emptied from one that
/// was just filled, which the length does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    path: PathBuf,
    inode: (u64, u64),
    changed: (i64, i64),
    length: u64,
}

/// A version of the folder; what cannot be looked at is `None`.
pub(crate) type Version = [Option<Stamp>; 3];

/// Which version is there now.
pub(crate) fn version(folder: &Path) -> Version {
    [CA_FILE, CHAIN_FILE, KEY_FILE].map(|file| stamp(&folder.join(file)).ok())
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let path = fs::canonicalize(path)?;
    let metadata = fs::metadata(&path)?;
    Ok(Stamp {
        path,
        inode: (metadata.dev(), metadata.ino()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        length: metadata.len(),
    })
}

/// Reads one version and says which. It is returned with the error, too.
pub(crate) fn read(folder: &Path) -> (Version, Result<Pem, Problem>) {
    let mut before = version(folder);
    for _ in 0..TRIES {
        let read = read_once(folder);
        let after = version(folder);
        if before == after {
            return (after, read);
        }
        before = after;
    }
    (before, Err(Problem::Restless))
}

fn read_once(folder: &Path) -> Result<Pem, Problem> {
    let text = |file: &'static str| {
        fs::read_to_string(folder.join(file)).map_err(|error| Problem::Read { file, error })
    };
    Ok(Pem {
        ca: text(CA_FILE)?,
        chain: text(CHAIN_FILE)?,
        key: Secret::new(text(KEY_FILE)?),
    })
}
