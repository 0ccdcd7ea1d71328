//! What translation finds wrong in its own examples is refused, in the same words, and nothing else is.

use std::fs;
use std::path::{Path, PathBuf};

use portreeve_translate::{
    Code, Content, Diagnostic, Kind, Object, ObjectRef, Severity, Snapshot, manifest, translate,
};
use serde_json::Value;

use crate::site::{Site, seen};
use crate::support;

/// What only who sees Secrets can find.
const OF_SECRETS: [Code; 4] = [
    Code::KeyMismatch,
    Code::SecretInvalid,
    Code::SecretMissing,
    Code::TlsNameTaken,
];

fn files() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../controller/translate/tests/golden");
    let files = fs::read_dir(golden).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// The Ingress that a document is.
fn reference(document: &Value) -> ObjectRef {
    let metadata = &document["metadata"];
    ObjectRef {
        kind: Kind::Ingress,
        namespace: metadata["namespace"].as_str().unwrap_or("default").into(),
        name: metadata["name"].as_str().unwrap_or_default().into(),
    }
}

/// Whether a finding is about an Ingress: one with a name that is none is called by its place.
fn is_about(object: &ObjectRef, of: &ObjectRef) -> bool {
    let is_placed = object.kind == Kind::Ingress && object.name.starts_with('(');
    object == of || is_placed && !of.name.is_empty() && !manifest::is_name(&of.name)
}

/// What a controller says of objects that an API server has: what cannot be read is in none.
fn said(case: &support::Case) -> Vec<Diagnostic> {
    let is_read = |object: &&Object| !matches!(object.content, Content::Refused(_));
    let stored = case.objects.iter().filter(is_read).cloned();
    translate(&Snapshot::from_objects(stored).0, &case.options).diagnostics
}

/// What must be told to whoever writes an Ingress: its errors, but for those that only Secrets and
/// endpoints show. One that cannot be read has other words for it.
fn errors(case: &support::Case, of: &ObjectRef) -> Vec<String> {
    let is_error = |found: &&Diagnostic| {
        let object = found.object.as_ref();
        object.is_some_and(|object| is_about(object, of)) && found.severity() == Severity::Error
    };
    let unread: Vec<_> = case
        .found
        .iter()
        .filter(is_error)
        .map(Diagnostic::note)
        .collect();
    if !unread.is_empty() {
        return unread;
    }
    let blind = translate(&seen(&case.objects), &case.options).diagnostics;
    let is_seen = |found: &&Diagnostic| match found.code {
        Code::TargetForbidden => blind.contains(found),
        code => !OF_SECRETS.contains(&code),
    };
    let found = said(case);
    let errors = found.iter().filter(is_error).filter(is_seen);
    errors.map(Diagnostic::note).collect()
}

#[tokio::test(start_paused = true)]
async fn what_translation_finds_wrong_is_refused_in_the_same_words() {
    let (mut denied, mut allowed, mut different) = (0, 0, Vec::new());
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let (yaml, _) = text.split_once("--- config\n").unwrap();
        let case = support::case(yaml);
        for ingress in support::ingresses(yaml) {
            let about = reference(&ingress);
            let others: Vec<Object> = case
                .objects
                .iter()
                .filter(|object| object.reference() != about)
                .cloned()
                .collect();
            let notes = errors(&case, &about);
            let site = Site::of(&others, case.options.clone());
            let answer = site.create(&ingress).await;
            let told = answer["status"]["message"].as_str().unwrap_or_default();
            let told: Vec<_> = told.lines().collect();
            let causes = answer["status"]["details"]["causes"].as_array();
            let is_same = answer["allowed"] == notes.is_empty()
                && told == notes
                && causes.map_or(0, Vec::len) == notes.len();
            if !is_same {
                let file = file.file_name().unwrap().display();
                different.push(format!("{file}: {about}: {notes:#?}\n{answer:#}"));
            }
            *(if notes.is_empty() {
                &mut allowed
            } else {
                &mut denied
            }) += 1;
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(
        denied > 60 && allowed > 60,
        "{denied} denied, {allowed} allowed"
    );
    println!("{denied} denied, {allowed} allowed");
}
