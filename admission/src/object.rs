//! The object of a review to the object that is translated.
//!
//! Only what is translated is read: the rest may be large, and a document that is read whole takes
//! many times its size.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass, IngressClassSpec, IngressSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use portreeve_translate::annotations::READ_PREFIXES;
use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Diagnostic, Kind};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::request::Request;

/// How much all annotations of an object may have, in bytes (`TotalAnnotationSizeLimitB` of
/// k8s.io/apimachinery).
const ANNOTATIONS: usize = 256 << 10;

/// Up to which size an object that cannot be read is read again to say more of what is wrong.
const EXPLAINED: usize = 32 << 10;

/// An object that cannot be reviewed.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// What is wrong with it.
    Found(Vec<Diagnostic>),
    /// It is not what its resource says.
    Mismatched(String),
}

/// What all objects have, as far as it is read, and what each kind may have beside it.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lean<S> {
    api_version: Option<String>,
    kind: Option<String>,
    metadata: Option<Metadata>,
    spec: Option<S>,
    data: Option<BTreeMap<String, String>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    creation_timestamp: Option<Time>,
    annotations: Annotations,
}

/// A field that is not read, of a kind that has none that is.
#[derive(serde::Deserialize)]
struct Nothing {}

/// Annotations, but for those that nobody reads here.
#[derive(Default)]
struct Annotations(BTreeMap<String, String>);

/// Reads an Ingress.
pub(crate) fn ingress(request: &Request<'_>, object: &RawValue) -> Result<Ingress, Unfit> {
    let lean: Lean<IngressSpec> = read(Kind::Ingress, request, object)?;
    Ok(Ingress {
        metadata: metadata(request, lean.metadata),
        spec: lean.spec,
        status: None,
    })
}

/// Reads an IngressClass.
pub(crate) fn class(request: &Request<'_>, object: &RawValue) -> Result<IngressClass, Unfit> {
    let lean: Lean<IngressClassSpec> = read(Kind::IngressClass, request, object)?;
    let metadata = ObjectMeta {
        namespace: None,
        ..metadata(request, lean.metadata)
    };
    let spec = lean.spec;
    Ok(IngressClass { metadata, spec })
}

/// Reads a ConfigMap.
pub(crate) fn config_map(request: &Request<'_>, object: &RawValue) -> Result<ConfigMap, Unfit> {
    let lean: Lean<Nothing> = read(Kind::ConfigMap, request, object)?;
    Ok(ConfigMap {
        metadata: metadata(request, lean.metadata),
        data: lean.data,
        ..ConfigMap::default()
    })
}

fn read<S: DeserializeOwned>(
    kind: Kind,
    request: &Request<'_>,
    object: &RawValue,
) -> Result<Lean<S>, Unfit> {
    let (ours, version) = (kind.as_str(), kind.api_version());
    let read: Result<Lean<S>, _> = serde_json::from_str(object.get());
    let lean = read.map_err(|error| unreadable(kind, object, &error))?;
    let of = |text: &Option<String>| text.clone().unwrap_or_default();
    let (its, its_version) = (of(&lean.kind), of(&lean.api_version));
    if its != ours {
        return Err(Unfit::Mismatched(format!(
            "The resource is of the kind {ours}, and the object of another."
        )));
    }
    if its_version != version {
        return Err(explained(object).unwrap_or_else(|| {
            Unfit::Mismatched(format!(
                "The object is not of {version}, which alone is read."
            ))
        }));
    }
    let names = lean.metadata.as_ref();
    let name = names.and_then(|metadata| metadata.name.as_deref());
    if name.is_some_and(|name| !request.name.is_empty() && name != request.name) {
        let message = "The object has another name than the request.";
        return Err(Unfit::Mismatched(message.into()));
    }
    let namespace = names.and_then(|metadata| metadata.namespace.as_deref());
    let given = [
        name,
        namespace,
        Some(&*request.name),
        Some(&*request.namespace),
    ];
    check_names(object, given)?;
    Ok(lean)
}

/// Whoever is no API server may send any name; what has none yet is to be given one.
fn check_names(object: &RawValue, given: [Option<&str>; 4]) -> Result<(), Unfit> {
    let mut given = given.into_iter().flatten().filter(|name| !name.is_empty());
    if given.all(manifest::is_name) {
        return Ok(());
    }
    Err(explained(object).unwrap_or_else(|| {
        Unfit::Mismatched("The object has a name that no API server takes.".into())
    }))
}

fn metadata(request: &Request<'_>, read: Option<Metadata>) -> ObjectMeta {
    let read = read.unwrap_or_default();
    let or = |own: Option<String>, given: &str| match own {
        Some(own) if !own.is_empty() => Some(own),
        _ => (!given.is_empty()).then(|| given.to_string()),
    };
    ObjectMeta {
        name: or(read.name, &request.name),
        namespace: or(read.namespace, &request.namespace),
        creation_timestamp: read.creation_timestamp,
        annotations: Some(read.annotations.0).filter(|all| !all.is_empty()),
        ..ObjectMeta::default()
    }
}

fn unreadable(kind: Kind, object: &RawValue, error: &serde_json::Error) -> Unfit {
    explained(object).unwrap_or_else(|| {
        let kind = kind.as_str();
        Unfit::Mismatched(format!("The object cannot be read as {kind}: {error}."))
    })
}

/// What a manifest's reader says of an object that is not too large to be read twice.
fn explained(object: &RawValue) -> Option<Unfit> {
    let text = object.get();
    if text.len() > EXPLAINED {
        return None;
    }
    let (_, found) = manifest::parse("review.json", text, &Limits::default()).ok()?;
    let without_source = |found| Diagnostic {
        source: None,
        ..found
    };
    let found: Vec<_> = found.into_iter().map(without_source).collect();
    (!found.is_empty()).then_some(Unfit::Found(found))
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(ReadAnnotations)
    }
}

struct ReadAnnotations;

impl<'de> Visitor<'de> for ReadAnnotations {
    type Value = Annotations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of texts")
    }

    fn visit_none<E: Error>(self) -> Result<Annotations, E> {
        Ok(Annotations::default())
    }

    fn visit_unit<E: Error>(self) -> Result<Annotations, E> {
        Ok(Annotations::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Annotations, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
        let (mut all, mut size) = (BTreeMap::new(), 0_usize);
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            size = size.saturating_add(key.len()).saturating_add(value.len());
            if size > ANNOTATIONS {
                return Err(A::Error::custom("annotations have more than 256 KiB"));
            }
            if READ_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
                all.insert(key, value);
            }
        }
        Ok(Annotations(all))
    }
}
