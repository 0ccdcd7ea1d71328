//! The text of a manifest, YAML or JSON, to objects.
//!
//! This is the only module that knows the YAML library.
//! What is wrong with one object never harms another, and a text that is not YAML at all gives
//! nothing, so that its reader can keep what the file said before.
//! A message must never quote the value of a Secret.

mod decode;
mod fields;

use serde_json::Value;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::object::Kind;
use crate::snapshot::Object;

/// How much a manifest may ask of its reader.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The size of the text, in bytes.
    pub bytes: usize,
    /// What its aliases may expand to, in bytes.
    pub alias_bytes: usize,
    /// How deep mappings and lists may stand in each other.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            alias_bytes: 64 << 20,
            depth: 64,
        }
    }
}

/// Reads all documents of a file, `kind: List` included. Kinds that are not served are left out.
///
/// An object that cannot be used is named in the diagnostics, with an error.
///
/// # Errors
/// When the text as a whole cannot be read: it is not YAML, cut short or too large. Nothing is
/// known then about any object of the file, and its last good objects should be kept.
pub fn parse(
    file: &str,
    text: &str,
    limits: &Limits,
) -> Result<(Vec<Object>, Vec<Diagnostic>), Box<Diagnostic>> {
    let unreadable =
        |why: String| Box::new(Diagnostic::about_file(Code::ManifestUnreadable, file, why));
    if text.len() > limits.bytes {
        let (has, may) = (text.len(), limits.bytes);
        return Err(unreadable(format!(
            "It has {has} bytes, and {may} are allowed; split it into several files."
        )));
    }
    let (language, documents) = match file.ends_with(".json") {
        true => ("JSON", json(text)),
        false => ("YAML", yaml(text, limits)),
    };
    let documents = documents
        .map_err(|error| unreadable(format!("It is not {language}, or cut short: {error}.")))?;
    let mut reader = Reader::new(file);
    for (number, document) in (1..).zip(documents) {
        reader.document(number, document);
    }
    Ok((reader.objects, reader.diagnostics))
}

fn json(text: &str) -> Result<Vec<Value>, String> {
    let documents = serde_json::Deserializer::from_str(text).into_iter();
    let documents: Result<_, _> = documents.collect();
    documents.map_err(|error| error.to_string())
}

fn yaml(text: &str, limits: &Limits) -> Result<Vec<Value>, String> {
    // A document without aliases has no more events than bytes, so only aliases need bounds of
    // their own; the rest is bounded by the size of the text. An event that an alias repeats is
    // no larger than the text either.
    let bytes = text.len() + 16;
    let alias_events = limits.alias_bytes / bytes;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits.depth,
            max_documents: bytes,
            max_events: bytes * 2 + alias_events,
            max_nodes: bytes + alias_events,
            max_total_scalar_bytes: bytes,
            max_recorded_anchor_events: bytes * 2,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: alias_events,
            max_replay_stack_depth: 16,
        },
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| error.render_with_formatter(&serde_saphyr::UserMessageFormatter))
}

/// Collects what the documents of one file hold.
struct Reader<'a> {
    file: &'a str,
    objects: Vec<Object>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str) -> Self {
        Self {
            file,
            objects: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    fn document(&mut self, number: usize, document: Value) {
        let Value::Object(mut fields) = document else {
            if !document.is_null() {
                self.nameless(number, "is not an object");
            }
            return;
        };
        let Some(kind) = text(&fields, "kind").map(String::from) else {
            return self.nameless(number, "has no kind");
        };
        match fields.remove("items") {
            Some(Value::Array(items)) if kind.ends_with("List") => {
                let item_kind = kind.trim_end_matches("List");
                for item in items {
                    self.document(number, with_type(item, item_kind, &fields));
                }
            }
            items => {
                fields.extend(items.map(|items| ("items".into(), items)));
                if let Some(kind) = Kind::ALL.into_iter().find(|k| k.as_str() == kind) {
                    self.object(kind, number, fields);
                }
            }
        }
    }

    fn object(&mut self, kind: Kind, number: usize, fields: serde_json::Map<String, Value>) {
        let Some(reference) = decode::reference(kind, &fields) else {
            return self.nameless(
                number,
                &format!("is of kind {} but has no name", kind.as_str()),
            );
        };
        if decode::is_foreign(kind, &fields) {
            return;
        }
        let (content, findings) = decode::object(kind, &reference, Value::Object(fields));
        let source: std::sync::Arc<str> = self.file.into();
        self.diagnostics
            .extend(findings.into_iter().map(|found| Diagnostic {
                source: Some(source.clone()),
                ..found
            }));
        self.objects.extend(content.map(|content| Object {
            source: Some(source),
            content,
        }));
    }

    fn nameless(&mut self, number: usize, what: &str) {
        let message = format!("Document {number} {what}; it is not used.");
        let found = Diagnostic::about_file(Code::ObjectInvalid, self.file, message);
        self.diagnostics
            .push(found.hint("apiVersion, kind and metadata.name at the start of each document"));
    }
}

fn text<'v>(fields: &'v serde_json::Map<String, Value>, name: &str) -> Option<&'v str> {
    fields.get(name).and_then(Value::as_str)
}

/// An item of a typed list such as `IngressList` takes its kind and version from the list.
fn with_type(mut item: Value, kind: &str, list: &serde_json::Map<String, Value>) -> Value {
    if let Value::Object(fields) = &mut item
        && !kind.is_empty()
        && !fields.contains_key("kind")
    {
        fields.insert("kind".into(), kind.into());
        if let Some(version) = list.get("apiVersion") {
            fields.insert("apiVersion".into(), version.clone());
        }
    }
    item
}
