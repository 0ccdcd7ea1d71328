//! A folder that is replaced as Kubernetes replaces a mounted Secret: the files are links through
//! one link, `..data`, and that is swapped. So nobody reads half of one version and half of the
//! next, and what is bound to the folder stays bound to it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use portreeve_table::Secret;

use crate::pki::entry::{FILES, Files};

const CURRENT: &str = "..data";
const INCOMING: &str = "..incoming";

pub(super) fn load(folder: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    for name in FILES {
        match fs::read(folder.join(name)) {
            Ok(bytes) => {
                // What is not text is damaged, and is found to be when it is parsed.
                let text = String::from_utf8_lossy(&bytes).into_owned();
                files.insert(name, Secret::new(text));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

pub(super) fn store(folder: &Path, files: &Files) -> io::Result<()> {
    private_folder().recursive(true).create(folder)?;
    let version = write_version(folder, files)?;
    swap(folder, &version, CURRENT)?;
    for name in FILES {
        let link = Path::new(CURRENT).join(name);
        let is_linked = fs::read_link(folder.join(name)).is_ok_and(|to| to == link);
        if files.contains_key(name) && !is_linked {
            swap(folder, &link, name)?;
        }
        if !files.contains_key(name) && is_linked {
            fs::remove_file(folder.join(name))?;
        }
    }
    remove_others(folder, &version)
}

/// Writes the files into a folder of their own, of a name that was never used.
fn write_version(folder: &Path, files: &Files) -> io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let version = PathBuf::from(format!("..{}", now.unwrap_or_default().as_nanos()));
    let home = folder.join(&version);
    private_folder().create(&home)?;
    for (name, text) in files {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(home.join(name))?;
        file.write_all(text.expose().as_bytes())?;
        // Before anything leads to it: a name must not survive a loss of power without its file.
        file.sync_all()?;
    }
    Ok(version)
}

/// Makes a name lead elsewhere, at once.
fn swap(folder: &Path, to: &Path, name: &str) -> io::Result<()> {
    let incoming = folder.join(INCOMING);
    match fs::remove_file(&incoming) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => symlink(to, &incoming)?,
    }
    fs::rename(&incoming, folder.join(name))
}

/// Removes former versions, and what a crash left of one.
fn remove_others(folder: &Path, version: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_version = name.to_string_lossy().starts_with("..") && entry.file_type()?.is_dir();
        if is_version && Path::new(&name) != version {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}
