//! What can be told of an Ingress that cannot be used: which hosts and paths it is about.
//!
//! They answer 503. Without that, what such an Ingress restricts would be open to other Ingresses.
//! The older versions of an Ingress have their hosts and paths in the same places.

use jiff::Timestamp;
use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::object::ObjectRef;

/// Stands for a text that is none: no host, and no type of path.
const UNREADABLE: &str = "?";

/// An Ingress with all of `value` that can be told.
pub(super) fn stand_in(object: &ObjectRef, value: &Value) -> Ingress {
    let (no_metadata, no_spec) = Default::default();
    let metadata = value.get("metadata").unwrap_or(&no_metadata);
    let spec = value.get("spec").unwrap_or(&no_spec);
    let annotations = metadata.get("annotations").and_then(Value::as_object);
    let annotations = annotations.into_iter().flatten();
    let default = given(spec, "defaultBackend").or_else(|| given(spec, "backend"));
    Ingress {
        metadata: ObjectMeta {
            name: Some(object.name.to_string()),
            namespace: Some(object.namespace.to_string()),
            creation_timestamp: given(metadata, "creationTimestamp").map(created),
            annotations: Some(annotations.map(|(k, v)| (k.clone(), as_text(v))).collect()),
            ..ObjectMeta::default()
        },
        spec: Some(IngressSpec {
            default_backend: default.map(|_| IngressBackend::default()),
            ingress_class_name: read(spec, "ingressClassName"),
            rules: given(spec, "rules").map(|rules| each(rules, rule)),
            tls: given(spec, "tls").map(|tls| {
                let entries = tls.as_array().into_iter().flatten();
                entries.filter_map(decoded).collect()
            }),
        }),
        status: None,
    }
}

/// When it was created. Where that is no time it is as young as can be: what it closes then is
/// nothing of those that are older.
fn created(value: &Value) -> Time {
    decoded(value).unwrap_or(Time(Timestamp::MAX))
}

fn rule(rule: &Value) -> IngressRule {
    let paths = rule.get("http").and_then(|http| given(http, "paths"));
    IngressRule {
        host: match rule {
            Value::Object(_) => given(rule, "host").map(text),
            _ => Some(UNREADABLE.into()),
        },
        http: paths.map(|paths| HTTPIngressRuleValue {
            paths: each(paths, path),
        }),
    }
}

fn path(path: &Value) -> HTTPIngressPath {
    let is_text = path.is_object() && given(path, "path").is_none_or(Value::is_string);
    HTTPIngressPath {
        backend: IngressBackend::default(),
        path: read(path, "path"),
        path_type: match given(path, "pathType") {
            Some(path_type) if is_text => text(path_type),
            None if is_text => String::new(),
            // It may be any path.
            _ => UNREADABLE.into(),
        },
    }
}

/// The entries of a list; of what is none, one that cannot be read.
fn each<T>(list: &Value, entry: fn(&Value) -> T) -> Vec<T> {
    match list {
        Value::Array(entries) => entries.iter().map(entry).collect(),
        _ => vec![entry(&Value::Null)],
    }
}

fn given<'v>(object: &'v Value, field: &str) -> Option<&'v Value> {
    object.get(field).filter(|value| !value.is_null())
}

fn read<T: DeserializeOwned>(object: &Value, field: &str) -> Option<T> {
    decoded(object.get(field)?)
}

fn decoded<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or(UNREADABLE).into()
}

/// An annotation as it was meant: most that are no text lack their quotes.
fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}
