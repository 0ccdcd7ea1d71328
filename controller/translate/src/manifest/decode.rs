//! One document to one typed object.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::{ByteString, Metadata};
use portreeve_table::shorten;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{fields, refused, text};
use crate::code::Code;
use crate::content::Content;
use crate::diagnostic::Diagnostic;
use crate::object::{Kind, ObjectKey, ObjectRef};
use crate::secret::SecretObject;
use crate::snapshot::SERVICE_NAME;

/// A second copy of the whole object, which `kubectl apply` leaves on it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What becomes of an object that is refused. What an Ingress closes then depends on its class, so
/// it is said where that is known.
const KEPT: &str = "what it said before still holds, if it was ever right";

/// The name of an object, as far as it can be told before it is decoded; one without, or with what
/// is none, is called by its `place`, before all names, as its own could be any.
pub(super) fn reference(
    kind: Kind,
    object: &Map<String, Value>,
    place: impl FnOnce() -> String,
) -> ObjectRef {
    let metadata = object.get("metadata").and_then(Value::as_object);
    let given = |field| {
        let text = metadata.and_then(|metadata| text(metadata, field));
        text.filter(|text| !text.is_empty())
    };
    let namespace = match kind.is_namespaced() {
        false => Some(""),
        true => Some(given("namespace").unwrap_or("default")).filter(|it| is_name(it)),
    };
    let name = given("name").filter(|name| is_name(name));
    match (namespace, name) {
        (Some(namespace), Some(name)) => ObjectKey::new(namespace, name).reference(kind),
        (namespace, _) => {
            let namespace = namespace.unwrap_or("default");
            ObjectKey::new(namespace, &format!("({})", place())).reference(kind)
        }
    }
}

/// Whether the API server would take a text for the name of an object of ours (RFC 1123, section
/// 2.1). Names that hold other characters could be taken for two, or say what is not so in a log.
pub fn is_name(text: &str) -> bool {
    let is_legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    (1..=253).contains(&text.len()) && text.bytes().all(is_legal)
}

/// The object, unless it cannot be used, and what was found on the way. In place of an Ingress that
/// cannot be used stands one that closes its paths.
pub(super) fn object(
    kind: Kind,
    object: &ObjectRef,
    value: &Value,
) -> (Option<Content>, Vec<Diagnostic>) {
    let (content, findings) = usable(kind, object, value);
    let is_refused = content.is_none() && kind == Kind::Ingress;
    let stand_in = || Content::Refused(Arc::new(refused::stand_in(object, value)));
    (content.or_else(|| is_refused.then(stand_in)), findings)
}

fn usable(kind: Kind, object: &ObjectRef, value: &Value) -> (Option<Content>, Vec<Diagnostic>) {
    let findings = wrong_kind(kind, object, value)
        .or_else(|| nameless(object, value))
        .or_else(|| wrong_version(kind, object, value))
        .map(|found| vec![found])
        .unwrap_or_else(|| not_text(object, value));
    if !findings.is_empty() {
        return (None, findings);
    }
    match kind {
        Kind::Ingress => typed(object, value, |o: Ingress| Content::Ingress(Arc::new(o))),
        Kind::IngressClass => typed(object, value, |o: IngressClass| {
            Content::IngressClass(Arc::new(o))
        }),
        Kind::Service => typed(object, value, |o: Service| Content::Service(Arc::new(o))),
        Kind::EndpointSlice => typed(object, value, |o: EndpointSlice| {
            Content::EndpointSlice(Arc::new(o))
        }),
        Kind::ConfigMap => typed(object, value, |o: ConfigMap| {
            Content::ConfigMap(Arc::new(o))
        }),
        Kind::Namespace => typed(object, value, |o: Namespace| {
            Content::Namespace(Arc::new(o))
        }),
        Kind::Secret => typed(object, value, |o: Secret| {
            Content::Secret(SecretObject::new(Arc::new(with_string_data(o))))
        }),
    }
}

fn wrong_kind(kind: Kind, object: &ObjectRef, value: &Value) -> Option<Diagnostic> {
    let ours = kind.as_str();
    let message = match value.get("kind").and_then(Value::as_str) {
        Some(written) if written == ours => return None,
        None | Some("") => {
            format!("It has no kind; did you mean {ours}? It is refused; {KEPT}.")
        }
        Some(written) => {
            let written = shorten(written);
            format!("{written:?} is not a kind; did you mean {ours}? It is refused; {KEPT}.")
        }
    };
    let found = Diagnostic::new(Code::ObjectInvalid, object.clone(), message);
    Some(found.field("kind").hint(ours))
}

fn nameless(object: &ObjectRef, value: &Value) -> Option<Diagnostic> {
    if !object.is_nameless() {
        return None;
    }
    let given = |field| value.pointer(field).and_then(Value::as_str);
    let is_wrong = |text: &&str| !text.is_empty() && !is_name(text);
    let wrong = |field| Some((field, given(field).filter(is_wrong)?));
    let wrong = wrong("/metadata/name").or_else(|| wrong("/metadata/namespace"));
    let (field, message, hint) = match wrong {
        Some((field, text)) => {
            let text = shorten(text);
            let message = format!("{text:?} is not a name, so this object is refused; {KEPT}.");
            let field = field.trim_start_matches('/').replace('/', ".");
            (field, message, "lower-case letters, digits, - and .")
        }
        None => {
            let kind = object.kind.as_str();
            let message = format!("This {kind} has no name, so it is refused; {KEPT}.");
            ("metadata.name".into(), message, "a name")
        }
    };
    let found = Diagnostic::new(Code::ObjectInvalid, object.clone(), message);
    Some(found.field(field).hint(hint))
}

fn wrong_version(kind: Kind, object: &ObjectRef, value: &Value) -> Option<Diagnostic> {
    let ours = kind.api_version();
    let version = value.get("apiVersion").and_then(Value::as_str);
    let message = match version {
        Some(version) if version == ours => return None,
        Some(version) => {
            let version = shorten(version);
            format!("{version:?} is not served, so this object is refused; {KEPT}.")
        }
        None => format!("It has no apiVersion, so this object is refused; {KEPT}."),
    };
    let moved = match (kind, version) {
        (Kind::Ingress, Some("extensions/v1beta1" | "networking.k8s.io/v1beta1")) => {
            ", with backends as service: {name: NAME, port: {number: PORT}} \
             and a pathType for each path"
        }
        _ => "",
    };
    let found = Diagnostic::new(Code::ApiVersionUnknown, object.clone(), message);
    Some(found.field("apiVersion").hint(format!("{ours}{moved}")))
}

/// Annotations and labels are texts; a bare `true` or `80` is the most common mistake of all.
fn not_text(object: &ObjectRef, value: &Value) -> Vec<Diagnostic> {
    let maps = ["annotations", "labels"].into_iter().filter_map(|name| {
        let map = value.get("metadata")?.get(name)?.as_object()?;
        Some(map.iter().map(move |(key, value)| (name, key, value)))
    });
    let bad = maps.flatten().filter(|(_, _, value)| !value.is_string());
    bad.map(|(map, key, value)| {
        let quoted = match value {
            // A Secret's data may stand here by a mistake of indentation.
            _ if object.kind == Kind::Secret => None,
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            _ => None,
        };
        let what = quoted.as_deref().unwrap_or(type_name(value));
        let message = format!("{what} is not a text, so this object is refused; {KEPT}.");
        let hint = quoted.map_or("a text, in quotes".into(), |q| format!("{q:?}, in quotes"));
        Diagnostic::new(Code::ObjectInvalid, object.clone(), message)
            .field(format!("metadata.{map}[{}]", shorten(key)))
            .hint(hint)
    })
    .collect()
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn typed<T: DeserializeOwned + Serialize + Metadata<Ty = ObjectMeta>>(
    object: &ObjectRef,
    value: &Value,
    content: impl FnOnce(T) -> Content,
) -> (Option<Content>, Vec<Diagnostic>) {
    match T::deserialize(value) {
        Ok(mut typed) => {
            let unknown = fields::unknown(&typed, value);
            trim(typed.metadata_mut());
            let unknown = unknown.into_iter().map(|field| {
                let kind = object.kind.as_str();
                let message = format!("{kind} objects have no such field; it does nothing.");
                Diagnostic::new(Code::FieldUnknown, object.clone(), message)
                    .hint(fields::instead(&field))
                    .field(field)
            });
            let unknown = unknown.collect();
            (Some(content(typed)), unknown)
        }
        Err(error) => {
            let error = error.to_string();
            let field = fields::culprit::<T>(value, &error).unwrap_or_default();
            // serde's message quotes the value, and a Secret's must not be shown.
            let error = match object.kind {
                Kind::Secret => {
                    "data holds base64 (RFC 4648, section 4), stringData holds text".to_string()
                }
                _ => error,
            };
            let message = format!("It cannot be used: {}; {KEPT}.", shorten(&error));
            let found = Diagnostic::new(Code::ObjectInvalid, object.clone(), message).field(field);
            (None, vec![found])
        }
    }
}

/// Leaves out what nobody reads and of which there is much: it would be kept for as long as the
/// object is.
fn trim(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    metadata.owner_references = None;
    metadata.finalizers = None;
    metadata.labels = metadata.labels.take().and_then(|mut labels| {
        let service = labels.remove_entry(SERVICE_NAME)?;
        Some([service].into())
    });
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// As the API server does: texts under `stringData` become `data`, and win over what is there.
fn with_string_data(mut secret: Secret) -> Secret {
    if let Some(texts) = secret.string_data.take() {
        let bytes = texts
            .into_iter()
            .map(|(key, text)| (key, ByteString(text.into_bytes())));
        secret.data.get_or_insert_default().extend(bytes);
    }
    secret
}
