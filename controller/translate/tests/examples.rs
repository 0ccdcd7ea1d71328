//! The examples are translated without a finding, in standalone mode.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Options, Snapshot, translate};

fn manifests(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_manifest = |path: &PathBuf| path.extension().is_some_and(|e| e == "yaml" || e == "json");
    let mut files: Vec<_> = entries.filter(is_manifest).collect();
    files.sort();
    files
}

#[test]
fn every_example_is_without_a_finding() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut checked = 0;
    for example in fs::read_dir(examples)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        let files = if example.is_dir() {
            manifests(&example)
        } else {
            Vec::new()
        };
        let mut objects = Vec::new();
        for file in &files {
            let text = fs::read_to_string(file).unwrap();
            let name = file.display().to_string();
            let (read, found) = manifest::parse(&name, &text, &Limits::default()).unwrap();
            assert_eq!(found, []);
            objects.extend(read);
        }
        let (snapshot, twice) = Snapshot::from_objects(objects);
        assert_eq!(twice, []);
        let flags = fs::read_to_string(example.join("flags")).unwrap_or_default();
        let options = Options {
            acme: flags.contains("--acme-directory"),
            ..Options::standalone()
        };
        let translation = translate(&snapshot, &options);
        let shown: Vec<_> = translation
            .diagnostics
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            shown.is_empty(),
            "{}:\n{}",
            example.display(),
            shown.join("\n")
        );
        assert!(
            files.is_empty() || !translation.config.hosts.is_empty(),
            "{}",
            example.display()
        );
        checked += files.len();
    }
    assert!(checked > 0, "there are examples");
}
