//! What a container sees as its file system: the machine's own, with its volumes in their places.
//!
//! A place that the machine does not have must not be made there. So the root is a folder of its
//! own in which every entry of `/` is mounted; a folder on the way to a missing place is made anew
//! too, and what it has on the machine is linked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Where the machine's own root can be reached within a container.
const MACHINE: &str = ".machine";

/// A volume in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The place within the container.
    pub(crate) at: PathBuf,
    /// The folder or file that is shown there.
    pub(crate) source: PathBuf,
    pub(crate) read_only: bool,
}

/// Makes the folders of a root in `root` and returns what to mount there, as the lines of an fstab.
pub(crate) fn build(root: &Path, mounts: &[Mount], machine: &Path) -> io::Result<String> {
    let mut placed = BTreeMap::new();
    for mount in mounts {
        placed.insert(resolve(machine, &mount.at), mount);
    }
    let opened = opened(machine, placed.keys());
    let mut lines = vec![line(machine, &root.join(MACHINE), "rbind")];
    fs::create_dir_all(root.join(MACHINE))?;
    for folder in &opened {
        fill(root, machine, folder, &opened, &placed, &mut lines)?;
    }
    // Parents come first: a volume may have its place in another one.
    for (at, mount) in &placed {
        place(root, at, mount, &placed, &opened)?;
        let how = if mount.read_only { "bind,ro" } else { "rbind" };
        let source = fs::canonicalize(&mount.source)?;
        lines.push(line(&source, &root.join(at), how));
    }
    Ok(lines.join("\n") + "\n")
}

/// The folders, from the machine's root, that need a place in them which is not there.
fn opened<'a>(machine: &Path, places: impl Iterator<Item = &'a PathBuf>) -> BTreeSet<PathBuf> {
    let mut opened = BTreeSet::from([PathBuf::new()]);
    for place in places.filter(|place| !machine.join(place).exists()) {
        opened.extend(place.ancestors().skip(1).map(Path::to_owned));
    }
    opened
}

/// Makes one folder anew, with all that it has on the machine.
fn fill(
    root: &Path,
    machine: &Path,
    folder: &Path,
    opened: &BTreeSet<PathBuf>,
    placed: &BTreeMap<PathBuf, &Mount>,
    lines: &mut Vec<String>,
) -> io::Result<()> {
    fs::create_dir_all(root.join(folder))?;
    let entries = match fs::read_dir(machine.join(folder)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        let (here, kind) = (root.join(&path), entry.file_type()?);
        if opened.contains(&path) || placed.contains_key(&path) {
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, here)?;
        } else if kind.is_dir() && folder.as_os_str().is_empty() {
            fs::create_dir(&here)?;
            lines.push(line(&entry.path(), &here, "rbind"));
        } else {
            symlink(Path::new("/").join(MACHINE).join(&path), here)?;
        }
    }
    Ok(())
}

/// Makes what a volume is mounted on, unless it is in a folder that is the machine's own.
fn place(
    root: &Path,
    at: &Path,
    mount: &Mount,
    placed: &BTreeMap<PathBuf, &Mount>,
    opened: &BTreeSet<PathBuf>,
) -> io::Result<()> {
    let around = at
        .ancestors()
        .skip(1)
        .find_map(|above| Some((above, placed.get(above)?)));
    let here = match around {
        // Within another volume, the place is made there.
        Some((above, outer)) => outer.source.join(at.strip_prefix(above).unwrap_or(at)),
        // A folder is made anew for the sake of others in it, and has none of its own then.
        None if at.parent().is_some_and(|folder| opened.contains(folder)) => root.join(at),
        None => return Ok(()),
    };
    if mount.source.is_dir() {
        return fs::create_dir_all(here);
    }
    if let Some(folder) = here.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(here)
        .map(|_| ())
}

/// A place without links on the way to it, relative to the root.
fn resolve(machine: &Path, at: &Path) -> PathBuf {
    let inner = at.strip_prefix("/").unwrap_or(at);
    for above in inner.ancestors() {
        let Ok(found) = fs::canonicalize(machine.join(above)) else {
            continue;
        };
        let rest = inner.strip_prefix(above).unwrap_or(Path::new(""));
        let found = found.strip_prefix(machine).unwrap_or(&found);
        return if rest.as_os_str().is_empty() {
            found.into()
        } else {
            found.join(rest)
        };
    }
    inner.into()
}

fn line(source: &Path, target: &Path, options: &str) -> String {
    format!("{} {} none {options} 0 0", escape(source), escape(target))
}

/// An fstab has its own way to write spaces.
fn escape(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "\\134");
    text.replace(' ', "\\040").replace('\t', "\\011")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Folder;

    /// A machine with /etc/hosts, /etc/tls/old, /run/lock and /var/run, a link to /run; and volumes.
    fn machine(folder: &Path) -> PathBuf {
        let machine = folder.join("machine");
        for path in ["etc/tls/old", "run/lock", "var/lib", "usr"] {
            fs::create_dir_all(machine.join(path)).unwrap();
        }
        fs::write(machine.join("etc/hosts"), "").unwrap();
        symlink(machine.join("run"), machine.join("var/run")).unwrap();
        symlink("usr/lib", machine.join("lib")).unwrap();
        machine
    }

    fn built(at: &[&str]) -> (Folder, Vec<String>) {
        let folder = Folder::temporary().unwrap();
        let machine = machine(folder.path());
        let mounts = at.iter().enumerate().map(|(number, at)| {
            let source = folder.path().join(format!("volume{number}"));
            fs::create_dir(&source).unwrap();
            Mount {
                at: at.into(),
                source,
                read_only: true,
            }
        });
        let mounts: Vec<_> = mounts.collect();
        let root = folder.path().join("new");
        let text = build(&root, &mounts, &machine).unwrap();
        let short = text.replace(&*folder.path().to_string_lossy(), "");
        (
            folder,
            short
                .lines()
                .map(|line| line.replace(" none ", " ").replace(" 0 0", ""))
                .collect(),
        )
    }

    #[test]
    fn without_volumes_the_root_is_the_machines() {
        let (folder, mut lines) = built(&[]);
        lines.sort();
        assert_eq!(
            lines,
            [
                "/machine /new/.machine rbind",
                "/machine/etc /new/etc rbind",
                "/machine/run /new/run rbind",
                "/machine/usr /new/usr rbind",
                "/machine/var /new/var rbind",
            ]
        );
        let lib = fs::read_link(folder.path().join("new/lib")).unwrap();
        assert_eq!(lib, Path::new("usr/lib"));
        fs::remove_dir_all(folder.path()).unwrap();
    }

    #[test]
    fn a_place_that_the_machine_has_is_only_mounted_on() {
        let (folder, lines) = built(&["/etc/tls/old"]);
        assert_eq!(lines.last().unwrap(), "/volume0 /new/etc/tls/old bind,ro");
        assert!(
            lines
                .iter()
                .any(|line| line == "/machine/etc /new/etc rbind")
        );
        fs::remove_dir_all(folder.path()).unwrap();
    }

    #[test]
    fn the_way_to_a_new_place_is_made_anew_and_shows_the_rest() {
        let (folder, lines) = built(&["/var/run/secrets/x", "/etc/tls/new", "/top"]);
        let root = folder.path().join("new");
        for line in [
            "/volume0 /new/run/secrets/x bind,ro",
            "/volume1 /new/etc/tls/new bind,ro",
            "/volume2 /new/top bind,ro",
            "/machine/var /new/var rbind",
        ] {
            assert!(
                lines.iter().any(|found| found == line),
                "{line} in {lines:#?}"
            );
        }
        assert!(!lines.iter().any(|line| line.starts_with("/machine/etc ")));
        for folder in ["run/secrets/x", "etc/tls/new", "top"] {
            assert!(root.join(folder).is_dir(), "{folder}");
        }
        for (link, target) in [
            ("etc/hosts", "/.machine/etc/hosts"),
            ("etc/tls/old", "/.machine/etc/tls/old"),
            ("run/lock", "/.machine/run/lock"),
        ] {
            assert_eq!(fs::read_link(root.join(link)).unwrap(), Path::new(target));
        }
        assert!(
            !folder.path().join("machine/top").exists(),
            "the machine is not touched"
        );
        fs::remove_dir_all(folder.path()).unwrap();
    }

    #[test]
    fn a_volume_has_its_place_in_another_one() {
        let (folder, lines) = built(&["/data", "/data/deep/er"]);
        let last: Vec<_> = lines.iter().rev().take(2).rev().collect();
        assert_eq!(
            last,
            [
                "/volume0 /new/data bind,ro",
                "/volume1 /new/data/deep/er bind,ro"
            ]
        );
        assert!(folder.path().join("volume0/deep/er").is_dir());
        fs::remove_dir_all(folder.path()).unwrap();
    }
}
