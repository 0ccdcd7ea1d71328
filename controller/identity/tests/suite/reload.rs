//! An identity in a folder, while the folder changes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portreeve_identity::{CA_FILE, CHAIN_FILE, KEY_FILE, Reload, Role};

use crate::authority::{Authority, write};

/// A folder of its own for each test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("portreeve-identity-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn it_appears_changes_and_survives_damage() {
    let folder = Folder::new();
    let mut reload = Reload::client(Role::Proxy, &folder.0);
    let told = reload.refresh().unwrap_err().to_string();
    assert!(told.contains("ca.crt cannot be read"), "{told}");
    assert!(told.contains(folder.0.to_str().unwrap()), "{told}");
    assert!(!reload.refresh().unwrap(), "it is said once");
    assert!(reload.config().is_none());

    let authority = Authority::new();
    write(&folder.0, &authority.certify(Role::Proxy));
    assert!(reload.refresh().unwrap());
    let first = reload.config().unwrap();
    assert!(!reload.refresh().unwrap());
    assert!(Arc::ptr_eq(&first, &reload.config().unwrap()));

    fs::write(folder.0.join(KEY_FILE), "").unwrap();
    assert!(reload.refresh().is_err());
    assert!(Arc::ptr_eq(&first, &reload.config().unwrap()));

    write(&folder.0, &authority.certify(Role::Proxy));
    assert!(reload.refresh().unwrap());
    assert!(!Arc::ptr_eq(&first, &reload.config().unwrap()));
}

/// Kubernetes swaps one link, through which the names of all files lead.
#[test]
fn a_link_that_is_swapped_is_a_change() {
    let folder = Folder::new();
    let authority = Authority::new();
    for file in [CA_FILE, CHAIN_FILE, KEY_FILE] {
        symlink(Path::new("..data").join(file), folder.0.join(file)).unwrap();
    }
    let mut reload = Reload::server(Role::Controller, &folder.0, Role::Proxy);
    for version in ["..1", "..2"] {
        write(
            &folder.0.join(version),
            &authority.certify(Role::Controller),
        );
        symlink(version, folder.0.join("..new")).unwrap();
        fs::rename(folder.0.join("..new"), folder.0.join("..data")).unwrap();
        assert!(reload.refresh().unwrap());
        assert!(!reload.refresh().unwrap());
    }
}
