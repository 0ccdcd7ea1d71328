//! The generated pages and manifests are as the code says; `UPDATE=1` rewrites them.

#![cfg(test)]

use std::fs;
use std::path::Path;

use portreeve_translate::annotations::POLICIES;

fn check(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == text,
        "{path} is stale: run UPDATE=1 cargo test -p portreeve-translate"
    );
}

#[test]
fn annotations() {
    check(
        "docs/annotations.md",
        &portreeve_translate::annotations::docs(),
    );
}

#[test]
fn diagnostics() {
    check(
        "docs/diagnostics.md",
        &portreeve_translate::diagnostics_docs(),
    );
}

#[test]
fn policies() {
    for policy in POLICIES {
        check(policy.path, &policy.manifest());
    }
}
