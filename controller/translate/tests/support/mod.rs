//! What the tests share: objects from short YAML, certificates on demand, a configuration as text.
#![allow(dead_code, reason = "each test binary uses some of it")]

pub(crate) mod pointers;
pub(crate) mod reading;
pub(crate) mod render;

use portreeve_table::{Forbidden, Targets};
use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{
    ByName, Diagnostic, Kind, Object, ObjectKey, Options, Own, Profile, Snapshot, Translation,
    translate,
};
use serde_json::{Map, Value, json};

/// 1 June 2026.
pub(crate) const NOW: i64 = 1_780_272_000;

/// The Services that most tests need: `shop/web` and `shop/api`, port 80 (http), one endpoint each.
const FIXTURES: &str = include_str!("fixtures.yaml");

/// Objects, options and everything else that one test begins with.
pub(crate) struct Case {
    pub(crate) objects: Vec<Object>,
    pub(crate) options: Options,
    pub(crate) found: Vec<Diagnostic>,
    pub(crate) ingresses: usize,
    without_secrets: bool,
}

/// Reads YAML in which apiVersion may be left out, `kind: Certificate` makes a TLS Secret and
/// `kind: Options` sets options.
pub(crate) fn case(yaml: &str) -> Case {
    let mut case = Case {
        objects: Vec::new(),
        options: Options {
            now: NOW,
            ..Options::standalone()
        },
        found: Vec::new(),
        ingresses: 0,
        without_secrets: false,
    };
    let mut written = Vec::new();
    for document in documents(yaml) {
        match document.get("kind").and_then(Value::as_str) {
            Some("Options") => case.set_options(&document),
            Some("Certificate") => written.push(certificate(&document)),
            kind => {
                case.ingresses += usize::from(kind == Some("Ingress"));
                written.push(document);
            }
        }
    }
    let names: Vec<_> = written.iter().map(kind_and_name).collect();
    let fixture = |object: &Value| !names.contains(&kind_and_name(object));
    written.extend(documents(FIXTURES).into_iter().filter(fixture));
    let text: String = written
        .into_iter()
        .map(|o| with_version(o).to_string() + "\n")
        .collect();
    let (objects, found) = manifest::parse("case.json", &text, &Limits::default()).unwrap();
    case.objects = objects
        .into_iter()
        .map(|o| Object { source: None, ..o })
        .collect();
    case.found = found
        .into_iter()
        .map(|d| Diagnostic { source: None, ..d })
        .collect();
    case
}

impl Case {
    pub(crate) fn snapshot(&self) -> (Snapshot, Vec<Diagnostic>) {
        let (snapshot, found) = Snapshot::from_objects(self.objects.iter().cloned());
        match self.without_secrets {
            true => (snapshot.without_secrets(), found),
            false => (snapshot, found),
        }
    }

    /// The translation, with what was found while reading the objects.
    pub(crate) fn translate(&self) -> Translation {
        let (snapshot, found) = self.snapshot();
        let mut translation = translate(&snapshot, &self.options);
        translation.diagnostics.extend(found);
        translation.diagnostics.extend(self.found.iter().cloned());
        translation
    }

    fn set_options(&mut self, document: &Value) {
        let options = &mut self.options;
        if document.get("cluster").is_some() {
            *options = Options {
                now: NOW,
                ..Options::default()
            };
        }
        for (name, value) in document.as_object().unwrap() {
            match (name.as_str(), value) {
                ("kind" | "cluster", _) => {}
                ("parameters", Value::String(namespace)) => {
                    options.parameters = Some(namespace.clone());
                }
                ("profile", Value::String(profile)) => options.profile = profile.parse().unwrap(),
                ("hostOwnership", Value::String(ownership)) => {
                    options.host_ownership = ownership.parse().unwrap();
                }
                ("secrets", Value::String(unknown)) if unknown == "unknown" => {
                    self.without_secrets = true;
                }
                ("defaultCert", Value::String(key)) => {
                    options.default_cert = Some(key.parse().unwrap());
                }
                ("allowLoopback", Value::Bool(on)) => {
                    options.targets = if *on {
                        Targets::local()
                    } else {
                        Targets::default()
                    };
                }
                ("allow" | "forbid", Value::Array(targets)) => {
                    for target in targets {
                        let target = target.as_str().unwrap().parse().unwrap();
                        match name.as_str() {
                            "allow" => options.targets.allow(target),
                            _ => options.targets.deny(target, Forbidden::Listed),
                        }
                    }
                }
                ("own", own) => {
                    let proxies = own["proxies"].as_str();
                    let port = |name: &str| own[name].as_u64().and_then(|n| n.try_into().ok());
                    options.own = Some(Own {
                        namespace: own["namespace"].as_str().unwrap().into(),
                        config: port("config").unwrap(),
                        admin: port("admin").unwrap(),
                        proxies: proxies.map(|name| ObjectKey::new("portreeve", name)),
                    });
                }
                ("externalNames", Value::Bool(on)) => options.external_names = *on,
                ("acme", Value::Bool(on)) => options.acme = *on,
                ("tlsAcme", Value::Bool(on)) => options.tls_acme = *on,
                ("acmeAllowed", Value::Array(allowed)) => {
                    let allowed = allowed.iter().map(|pair| {
                        let (namespace, host) = pair.as_str().unwrap().split_once('=').unwrap();
                        (namespace.to_string(), host.parse().unwrap())
                    });
                    options.acme_allowed = allowed.collect();
                }
                ("challenges", Value::String(namespace)) => {
                    options.challenges = Some(namespace.clone());
                }
                ("classByName", Value::Bool(on)) => {
                    options.class_by_name = if *on { ByName::Yes } else { ByName::No };
                }
                ("watchWithoutClass", Value::Bool(on)) => options.watch_without_class = *on,
                other => panic!("unknown option {other:?}"),
            }
        }
    }
}

/// The Services and EndpointSlices of every test, as documents.
pub(crate) fn fixtures() -> Vec<Value> {
    documents(FIXTURES).into_iter().map(with_version).collect()
}

/// The Ingresses of a test as they are written.
pub(crate) fn ingresses(yaml: &str) -> Vec<Value> {
    let is_ingress = |document: &Value| document["kind"] == "Ingress";
    let written = documents(yaml).into_iter().filter(is_ingress);
    written.map(with_version).collect()
}

/// Options of the nginx profile.
pub(crate) fn nginx() -> Options {
    Options {
        profile: Profile::Nginx,
        now: NOW,
        ..Options::standalone()
    }
}

fn kind_and_name(object: &Value) -> (Option<Value>, Option<Value>) {
    let name = object.pointer("/metadata/name");
    (object.get("kind").cloned(), name.cloned())
}

fn documents(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).expect("a test's YAML is YAML");
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .collect()
}

fn with_version(mut object: Value) -> Value {
    let kind = object
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let known = Kind::ALL.into_iter().find(|k| k.as_str() == kind);
    if let (Some(kind), None) = (known, object.get("apiVersion")) {
        object["apiVersion"] = kind.api_version().into();
    }
    object
}

/// A TLS Secret for `names`; `expired`, `otherKey` and `format` (pkcs8, sec1) say how.
fn certificate(document: &Value) -> Value {
    let names = document["names"].as_array().unwrap().iter();
    let names: Vec<_> = names
        .map(|name| name.as_str().unwrap().to_string())
        .collect();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(names).unwrap();
    if document.get("expired").is_some() {
        parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
    }
    let chain = parameters.self_signed(&key).unwrap().pem();
    let key = match document.get("otherKey") {
        Some(_) => rcgen::KeyPair::generate().unwrap().serialize_pem(),
        None => key.serialize_pem(),
    };
    let mut data = Map::new();
    data.insert("tls.crt".into(), chain.into());
    data.insert("tls.key".into(), key.into());
    for (name, text) in document
        .get("stringData")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        data.insert(name.clone(), text.clone());
    }
    json!({
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": document["metadata"],
        "stringData": data,
    })
}
