//! Who may name what in the source, and how long a file may be.

use std::fs;

use super::files;
use super::packages::ours;

/// Longer than this, a file is about more than one thing.
const LONGEST: usize = 600;

/// Files that are longer, and why.
const LONG: [(&str, &str); 0] = [];

/// Where private keys are revealed: one place writes them to the wire, the others hand them to
/// the code that must have them. A new place needs a reason here.
const EXPOSE: [(&str, &str); 16] = [
    (
        "controller/acme/src/accounts.rs",
        "reads an account's credentials out of what is kept of it",
    ),
    (
        "controller/acme/src/ca/account.rs",
        "gives an account's own key to the CA's client",
    ),
    (
        "controller/acme/src/check.rs",
        "holds a key against the certificate for it",
    ),
    (
        "controller/acme/src/csr.rs",
        "signs requests for certificates with it",
    ),
    (
        "controller/acme/src/directory.rs",
        "reads what is kept, and tells one writing from another",
    ),
    (
        "controller/acme/src/directory/file.rs",
        "writes what is kept to files that only their owner reads",
    ),
    (
        "controller/acme/src/directory/manifest.rs",
        "writes a certificate's key into its Secret, and reads it there",
    ),
    (
        "controller/acme/src/record.rs",
        "writes the key of an order that is under way into what is kept of it",
    ),
    (
        "controller/identity/src/identity.rs",
        "gives a process's own key to rustls",
    ),
    (
        "controller/src/acme/secrets.rs",
        "writes what is kept to Secrets, and reads it back",
    ),
    ("controller/src/pki/authority.rs", "signs with it"),
    (
        "controller/src/pki/homes/directory.rs",
        "writes what is kept to files that only their owner reads",
    ),
    (
        "controller/src/pki/homes/secrets.rs",
        "writes what is kept to Secrets",
    ),
    (
        "controller/src/pki/material.rs",
        "takes certificates out of what is kept, which holds keys as well",
    ),
    (
        "proxy/table/src/wire/lines.rs",
        "sends a certificate to a proxy",
    ),
    ("proxy/src/tls.rs", "gives the key to rustls"),
];

#[test]
fn every_crate_root_forbids_unsafe_code() {
    for root in ours().into_iter().flat_map(|package| package.roots) {
        let text = fs::read_to_string(&root).unwrap();
        assert!(
            text.contains("#![forbid(unsafe_code)]"),
            "{root}: write #![forbid(unsafe_code)]"
        );
    }
}

#[test]
fn only_the_worker_names_a_runtime() {
    let names = [
        "tokio::runtime",
        "tokio::main",
        "new_current_thread",
        "new_multi_thread",
    ];
    // The others have one runtime each, and their wiring is where it is made.
    let homes = [
        "admission/src/wiring.rs",
        "controller/src/wiring.rs",
        "proxy/src/worker.rs",
    ];
    only_in(
        &names,
        |path| homes.contains(&path),
        "use what worker.rs offers",
    );
}

#[test]
fn only_the_upstream_speaks_to_backends() {
    let upstream = |path: &str| path.starts_with("proxy/src/upstream/");
    // It speaks to controllers.
    let source = |path: &str| path == "proxy/src/source/controller/connect.rs";
    // They speak to CAs, and as a CA to proxies.
    let ca = |path: &str| {
        path == "controller/acme/src/ca/client.rs" || path == "controller/acme/src/ask.rs"
    };
    // It asks proxies what CAs ask.
    let like_a_ca = |path: &str| path == "controller/acme/src/facts.rs";
    only_in(
        &["hyper::client::conn"],
        |path| upstream(path) || source(path) || ca(path) || like_a_ca(path),
        "go through the pool in proxy/src/upstream",
    );
}

#[test]
fn private_keys_are_revealed_only_where_they_must_be() {
    // What tests reveal are keys that they made.
    let here =
        |path: &str| path.ends_with("/tests.rs") || EXPOSE.iter().any(|(file, _)| *file == path);
    only_in(
        &[".expose()"],
        here,
        "add the file to EXPOSE with its reason, or do without the key",
    );
}

/// No line of the product may hold one of `names` unless its file is allowed.
fn only_in(names: &[&str], allowed: impl Fn(&str) -> bool, instead: &str) {
    for file in files::ending(".rs").iter().filter(|file| file.is_product()) {
        for name in names {
            let found = file.lines_with(name).next();
            let line = found.unwrap_or_default();
            assert!(
                found.is_none() || allowed(&file.path),
                "{}: {line}\n{instead}",
                file.path
            );
        }
    }
}

#[test]
fn no_file_is_too_long() {
    for file in files::ending(".rs") {
        let lines = file.text.lines().count();
        let known = LONG.iter().any(|(path, _)| *path == file.path);
        let path = file.path;
        assert!(
            lines <= LONGEST || known,
            "{path} has {lines} lines: split it by nouns"
        );
        assert!(
            lines > LONGEST || !known,
            "{path} is short now: take it off the list"
        );
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in files::ending(".rs") {
        let head = file
            .text
            .lines()
            .find(|line| !line.starts_with("#![") && !line.is_empty());
        let said = head.is_some_and(|line| line.starts_with("//!"));
        assert!(
            said,
            "{}: begin with //! and what the file is for",
            file.path
        );
    }
}

#[test]
fn an_ignored_test_says_what_it_needs() {
    let bare = concat!("#[", "ignore]");
    for file in files::ending(".rs") {
        assert!(
            !file.text.contains(bare),
            "{}: write #[ignore = \"needs ...\"]",
            file.path
        );
    }
}

#[test]
fn an_ignored_test_is_a_step_of_make_test() {
    let steps = fs::read_to_string(files::root().join("loadtest/steps/test.sh")).unwrap();
    let attribute = concat!("\n#[", "ignore");
    for file in files::ending(".rs")
        .iter()
        .filter(|file| file.text.contains(attribute))
    {
        let test = file.path.split_once("tests/").unwrap_or_else(|| {
            panic!(
                "{}: move the ignored test into tests/, where make test can name it",
                file.path
            )
        });
        let name = test.1.split(['/', '.']).next().unwrap_or_default();
        let step = steps
            .lines()
            .any(|line| line.ends_with(&format!(" ignored {name}")));
        assert!(
            step,
            "{}: add a step with 'ignored {name}' to loadtest/steps/test.sh",
            file.path
        );
    }
}
