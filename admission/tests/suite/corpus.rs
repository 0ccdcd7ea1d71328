//! What was used against ingress-nginx is refused where its file says so, and let pass where it is
//! harmless; the tests of translation show that it is.

use std::collections::BTreeSet;

use portreeve_translate::{Object, Options};
use serde_json::Value;

use crate::payload::{Expected, PROFILES, Payload, payloads};
use crate::site::Site;
use crate::support;

/// The answers to all of the Ingresses of a payload, each beside the other objects.
async fn answers(payload: &Payload) -> Vec<Value> {
    let case = support::case(&payload.text);
    let mut answers = Vec::new();
    for profile in PROFILES {
        for ingress in support::ingresses(&payload.text) {
            let name = ingress["metadata"]["name"].as_str();
            let is_other = |object: &&Object| Some(&*object.reference().name) != name;
            let others: Vec<_> = case.objects.iter().filter(is_other).cloned().collect();
            let options = Options {
                profile,
                ..case.options.clone()
            };
            answers.push(Site::of(&others, options).create(&ingress).await);
        }
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn every_payload_is_refused_or_harmless() {
    let (mut denied, mut harmless) = (0, 0);
    for payload in payloads() {
        for answer in answers(&payload).await {
            let causes = answer["status"]["details"]["causes"].as_array();
            let causes = causes.into_iter().flatten();
            let codes: BTreeSet<_> = causes
                .map(|cause| cause["reason"].as_str().unwrap().to_string())
                .collect();
            let expected = match &payload.expected {
                Expected::Denied(codes) => codes.clone(),
                Expected::Harmless => BTreeSet::new(),
            };
            assert_eq!(codes, expected, "{}: {answer:#}", payload.name);
            assert_eq!(answer["allowed"], expected.is_empty(), "{}", payload.name);
            match expected.is_empty() {
                true => harmless += 1,
                false => denied += 1,
            }
        }
    }
    assert!(denied > 90 && harmless > 90, "{denied} {harmless}");
}

/// A line of the answer is a finding, or a piece of one, and nothing that a payload wrote.
#[tokio::test(start_paused = true)]
async fn no_answer_holds_what_a_terminal_obeys() {
    for payload in payloads() {
        for answer in answers(&payload).await {
            let message = answer["status"]["message"].as_str().unwrap_or_default();
            let warnings = answer["warnings"].as_array().into_iter().flatten();
            let warnings = warnings.map(|warning| warning.as_str().unwrap());
            let causes = answer["status"]["details"]["causes"].as_array();
            let causes = causes.into_iter().flatten();
            let causes = causes.flat_map(|it| [&it["field"], &it["message"]]);
            let causes = causes.filter_map(Value::as_str);
            for line in message.lines().chain(warnings).chain(causes) {
                let is_obeyed = |c: char| c.is_control() || c == '\u{202e}';
                assert!(!line.contains(is_obeyed), "{}: {line:?}", payload.name);
            }
            let (lines, causes) = (
                message.lines().count(),
                &answer["status"]["details"]["causes"],
            );
            assert_eq!(lines, causes.as_array().map_or(0, Vec::len), "{message}");
        }
    }
}
