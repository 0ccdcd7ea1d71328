//! One behaviour a file: objects, then the configuration, then the diagnostics.
//!
//! `UPDATE=1 cargo test -p portreeve-translate` rewrites what is expected.

#![cfg(test)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use portreeve_translate::annotations::{self, Effect};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.collect();
    files.sort();
    files
}

/// The objects of a golden file, without what is expected of them.
fn objects(text: &str) -> &str {
    text.split_once("--- config\n")
        .map_or(text, |(objects, _)| objects)
}

fn expected(objects: &str) -> String {
    let case = support::case(objects);
    let translation = case.translate();
    let several = case.ingresses > 1;
    let config = support::render::config(&translation.config, several)
        + &support::render::wants(&translation.wants);
    let shown: Vec<_> = translation
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    let shown = if shown.is_empty() {
        "[]".into()
    } else {
        shown.join("\n")
    };
    format!("{}--- config\n{config}--- diagnostics\n{shown}\n", objects)
}

#[test]
fn every_file_says_what_happens() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut stale = Vec::new();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let now = expected(objects(&text));
        if now != text && update {
            fs::write(&file, now).unwrap();
        } else if now != text {
            stale.push(format!("{}:\n{now}", file.display()));
        }
    }
    assert!(
        stale.is_empty(),
        "run with UPDATE=1 and read the difference:\n{}",
        stale.join("\n")
    );
}

#[test]
fn every_annotation_has_a_file_of_its_name() {
    let set = annotations::all().filter(|a| matches!(a.effect, Effect::Set { .. }));
    let missing: Vec<_> = set
        .map(|a| a.name)
        .filter(|name| !directory().join(format!("{name}.yaml")).exists())
        .collect();
    assert!(missing.is_empty(), "without a golden file: {missing:?}");
}

#[test]
fn every_file_begins_with_what_it_shows() {
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("# ") && text.contains(".\n"),
            "{}",
            file.display()
        );
    }
}
