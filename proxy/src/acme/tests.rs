//! Which flags go together, and what is said of those that do not.

use clap::Parser;

use super::*;

fn open(flags: &[&str]) -> Result<Option<Acme>, String> {
    let flags = std::iter::once(&"portreeve-proxy").chain(flags);
    Acme::open(&Options::parse_from(flags)).map_err(|error| error.to_string())
}

/// A folder that is not there.
fn folder(name: &str) -> String {
    let name = format!("portreeve-acme-{name}-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    path.to_str().unwrap().into()
}

#[test]
fn without_flags_there_is_none() {
    assert!(open(&["--manifests", "a"]).unwrap().is_none());
    let flags = ["--controller", "a:1", "--identity", "a"];
    assert!(open(&flags).unwrap().is_none());
}

#[test]
fn flags_that_do_not_go_together_say_which_is_missing() {
    let controller = ["--controller", "a:1", "--identity", "a"];
    let ca = ["--acme-directory", "letsencrypt"];
    let dir = ["--acme-dir", "/nowhere/acme"];
    for (flags, expected) in [
        (
            [&["--manifests", "a"][..], &ca].concat(),
            "needs --acme-dir DIR",
        ),
        (
            [&controller[..], &ca].concat(),
            "--acme-directory goes only with --manifests",
        ),
        (
            [&controller[..], &dir].concat(),
            "--acme-dir goes only with --manifests",
        ),
        (
            [&controller[..], &ca, &dir].concat(),
            "--acme-dir goes only with --manifests",
        ),
    ] {
        let error = open(&flags).err().unwrap();
        assert!(error.contains(expected), "{flags:?}: {error}");
    }
}

#[test]
fn without_a_ca_what_is_there_is_served_and_nothing_is_ordered() {
    let folder = folder("off");
    let flags = ["--manifests", "a", "--acme-dir", &folder];
    let acme = open(&flags).unwrap().unwrap();
    assert!(acme.manifests().is_dir());
    let options = acme.allow(portreeve_translate::Options::standalone());
    assert_eq!((options.acme, options.challenges), (false, None));
    assert!(acme.wants().is_none());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn with_a_ca_translation_is_told_what_it_may() {
    let folder = folder("on");
    let acme = open(&[
        "--manifests",
        "a",
        "--acme-dir",
        &folder,
        "--acme-directory",
        "https://ca.example/dir",
        "--acme-tls-acme",
        "--acme-allow",
        "shop=*.shop.example",
    ]);
    let acme = acme.unwrap().unwrap();
    let options = acme.allow(portreeve_translate::Options::standalone());
    assert!(options.acme && options.tls_acme && options.watch_without_class);
    let hosts = "*.shop.example".parse().unwrap();
    assert_eq!(options.acme_allowed, [("shop".to_string(), hosts)]);
    assert_eq!(options.challenges.as_deref(), Some(NAMESPACE));
    assert!(acme.wants().is_some());
    std::fs::remove_dir_all(folder).unwrap();
}
