//! A volume's files, changed all at once: a link to the folder of the present ones is replaced.
//!
//! That is the kubelet's own layout, on which programs that watch their files rely: `..data` leads
//! to a folder that never changes, and every name of the volume leads through it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

/// The files of a volume: path and content.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Makes `files` what is in the volume. Paths that lead out of it are left out.
pub(crate) fn write(volume: &Path, version: u64, files: &Files, mode: u32) -> io::Result<()> {
    let name = format!("..{version}");
    let folder = volume.join(&name);
    fs::create_dir_all(&folder)?;
    let mut shown = BTreeSet::new();
    for (path, content) in files.iter().filter(|(path, _)| stays_inside(path)) {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap_or(&folder))?;
        fs::write(&file, content)?;
        fs::set_permissions(&file, Permissions::from_mode(mode))?;
        shown.extend(
            path.components()
                .next()
                .map(|first| PathBuf::from(first.as_os_str())),
        );
    }
    let before = fs::read_link(volume.join("..data")).ok();
    symlink(&name, volume.join("..new"))?;
    fs::rename(volume.join("..new"), volume.join("..data"))?;
    show(volume, &shown)?;
    if let Some(before) = before.filter(|before| before.as_os_str() != name.as_str()) {
        fs::remove_dir_all(volume.join(before))?;
    }
    Ok(())
}

fn stays_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
}

/// Links every name to what it is now, and removes those that are gone.
fn show(volume: &Path, names: &BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(volume)? {
        let entry = entry?;
        let ours = entry.file_name().to_string_lossy().starts_with("..");
        if !ours
            && entry.file_type()?.is_symlink()
            && !names.contains(Path::new(&entry.file_name()))
        {
            fs::remove_file(entry.path())?;
        }
    }
    for name in names {
        let link = volume.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new("..data").join(name), link)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;

    fn files(list: &[(&str, &str)]) -> Files {
        let file = |(path, text): &(&str, &str)| (PathBuf::from(path), text.as_bytes().to_vec());
        list.iter().map(file).collect()
    }

    #[test]
    fn a_volume_changes_all_at_once_and_forgets_what_is_gone() {
        let folder = Folder::temporary().unwrap();
        let read = |path: &str| fs::read_to_string(folder.path().join(path)).ok();
        write(
            folder.path(),
            1,
            &files(&[("a", "1"), ("b/c", "1"), ("../portreeve-outside", "no")]),
            0o644,
        )
        .unwrap();
        assert_eq!(
            (read("a"), read("b/c"), read("../portreeve-outside")),
            (Some("1".into()), Some("1".into()), None)
        );
        let held = fs::canonicalize(folder.path().join("a")).unwrap();
        write(folder.path(), 2, &files(&[("a", "2"), ("d", "2")]), 0o600).unwrap();
        assert_eq!(
            (read("a"), read("b/c"), read("d")),
            (Some("2".into()), None, Some("2".into()))
        );
        assert!(!held.exists(), "the old files are gone");
        let mode = fs::metadata(folder.path().join("d"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_dir_all(folder.path()).unwrap();
    }
}
