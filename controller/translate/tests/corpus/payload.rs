//! One file of the corpus.
#![allow(dead_code, reason = "each test binary uses some of it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use portreeve_translate::{Options, Profile, Snapshot, Translation, translate};
use serde_json::Value;

use crate::support;

pub(crate) const PROFILES: [Profile; 2] = [Profile::Standard, Profile::Nginx];

/// Somebody who has nothing to do with it.
const BYSTANDER: &str = "
kind: Ingress
metadata: {name: bystander, namespace: shop, annotations: {portreeve.dev/affinity: cookie}}
spec:
  ingressClassName: portreeve
  rules:
    - host: bystander.example
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: api, port: {number: 80}}}}
";

#[derive(Clone, Debug)]
pub(crate) struct Payload {
    /// The name of the file, without its ending.
    pub(crate) name: String,
    /// All of it.
    pub(crate) text: String,
    pub(crate) expected: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// With errors of these codes, and no others.
    Denied(BTreeSet<String>),
    Harmless,
}

/// All of them, by name.
pub(crate) fn payloads() -> Vec<Payload> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut folders = above.map(|folder| folder.join("admission/tests/corpus"));
    let folder = folders.find(|folder| folder.is_dir()).unwrap();
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    let mut payloads: Vec<_> = files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            let text = fs::read_to_string(file.path()).unwrap();
            Payload {
                name: name.strip_suffix(".yaml").unwrap().into(),
                expected: expected(&text).unwrap_or_else(|| panic!("{name}: what is expected?")),
                text,
            }
        })
        .collect();
    payloads.sort_by(|a, b| a.name.cmp(&b.name));
    payloads
}

fn expected(text: &str) -> Option<Expected> {
    let head = text.lines().take_while(|line| line.starts_with('#'));
    let mut expected = head.filter_map(|line| line.strip_prefix("# expect: "));
    let (verdict, rest) = expected.next()?.split_once(' ')?;
    let codes = rest.split(", ").map(ToOwned::to_owned);
    match verdict {
        "denied" => Some(Expected::Denied(codes.collect())),
        "harmless" => Some(Expected::Harmless),
        _ => None,
    }
}

impl Payload {
    /// The bystander, as if he were one.
    pub(crate) fn bystander() -> Self {
        Self {
            name: "bystander".into(),
            text: BYSTANDER.into(),
            expected: Expected::Harmless,
        }
    }

    pub(crate) fn beside_bystander(&self) -> Self {
        Self {
            text: format!("{}---{BYSTANDER}", self.text),
            ..self.clone()
        }
    }

    /// Its documents.
    pub(crate) fn documents(&self) -> Vec<Value> {
        serde_saphyr::from_multiple(&self.text).unwrap()
    }

    /// The same with other documents.
    pub(crate) fn of(&self, documents: &[Value]) -> Self {
        let documents = documents.iter();
        Self {
            text: documents.map(|it| format!("---\n{it}\n")).collect(),
            ..self.clone()
        }
    }

    /// As admission sees it: Secrets are unknown.
    pub(crate) fn translate(&self, profile: Profile) -> Translation {
        self.translated(profile, Snapshot::without_secrets)
    }

    /// As the controller sees it.
    pub(crate) fn with_secrets(&self, profile: Profile) -> Translation {
        self.translated(profile, |snapshot| snapshot)
    }

    fn translated(&self, profile: Profile, seen: fn(Snapshot) -> Snapshot) -> Translation {
        let case = support::case(&self.text);
        let (snapshot, found) = case.snapshot();
        let options = Options {
            profile,
            ..case.options.clone()
        };
        let mut translation = translate(&seen(snapshot), &options);
        translation.diagnostics.extend(found);
        translation.diagnostics.extend(case.found.iter().cloned());
        translation
    }
}
