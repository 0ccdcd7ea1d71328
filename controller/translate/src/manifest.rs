//! The text of a manifest, YAML or JSON, to objects.
//!
//! What is wrong with one object never harms another, and a text that is not YAML at all gives
//! nothing, so that its reader can keep what the file said before.
//! A message must never quote the value of a Secret.

mod decode;
mod documents;
mod fields;
mod keep;
mod kind;
mod refused;

use std::sync::Arc;

use serde_json::Value;

use crate::code::Code;
use crate::content::Object;
use crate::diagnostic::Diagnostic;

pub use decode::is_name;
pub use keep::keep_refused;
use kind::Meant;

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
/// An object that cannot be used is named in the diagnostics, with an error: see [`keep_refused`].
///
/// # Errors
/// When the text as a whole cannot be read: it is not YAML, cut short or too large. Nothing is
/// known then about any object of the file, and its last good objects should be kept.
pub fn parse(
    file: &str,
    text: &str,
    limits: &Limits,
) -> Result<(Vec<Object>, Vec<Diagnostic>), Box<Diagnostic>> {
    let unreadable = |why: String| Box::new(unreadable(file, why));
    if text.len() > limits.bytes {
        let (has, may) = (text.len(), limits.bytes);
        return Err(unreadable(format!(
            "It has {has} bytes, and {may} are allowed; split it into several files."
        )));
    }
    let mut reader = Reader::new(file);
    let each = |document| reader.next(document);
    let (language, read) = match file.ends_with(".json") {
        true => ("JSON", documents::json(text, each)),
        false => ("YAML", documents::yaml(text, limits, each)),
    };
    read.map_err(|error| unreadable(format!("It is not {language}, or cut short: {error}.")))?;
    Ok((reader.objects, reader.diagnostics))
}

/// What is said of a file whose objects cannot be known now.
pub fn unreadable(file: &str, why: impl Into<String>) -> Diagnostic {
    Diagnostic::about_file(Code::ManifestUnreadable, file, why)
}

/// Collects what the documents of one file hold.
struct Reader<'a> {
    file: &'a str,
    /// The same, as objects name it.
    source: Arc<str>,
    /// How many documents there were so far.
    documents: usize,
    /// How many items of lists there were so far in this one.
    items: usize,
    objects: Vec<Object>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str) -> Self {
        Self {
            file,
            source: file.into(),
            documents: 0,
            items: 0,
            objects: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    fn next(&mut self, document: Value) {
        (self.documents, self.items) = (self.documents + 1, 0);
        self.document(document);
    }

    fn document(&mut self, document: Value) {
        let Value::Object(mut fields) = document else {
            if !document.is_null() {
                self.unknown("is not an object");
            }
            return;
        };
        let kind = text(&fields, "kind").unwrap_or_default().to_string();
        match fields.remove("items") {
            Some(Value::Array(items)) if kind.ends_with("List") => {
                let item_kind = kind.trim_end_matches("List");
                for item in items {
                    self.items += 1;
                    self.document(with_type(item, item_kind, &fields));
                }
            }
            items => {
                fields.extend(items.map(|items| ("items".into(), items)));
                self.object(fields);
            }
        }
    }

    fn object(&mut self, fields: serde_json::Map<String, Value>) {
        let kind = match kind::meant(&fields) {
            Meant::Served(kind) => kind,
            Meant::Other => return,
            Meant::Unknown(why) => return self.unknown(&why),
        };
        let place = || format!("{} of {}", self.place().to_lowercase(), self.file);
        let reference = decode::reference(kind, &fields, place);
        let (content, findings) = decode::object(kind, &reference, &Value::Object(fields));
        let source = &self.source;
        self.diagnostics
            .extend(findings.into_iter().map(|found| Diagnostic {
                source: Some(source.clone()),
                ..found
            }));
        self.objects.extend(content.map(|content| Object {
            source: Some(source.clone()),
            content,
        }));
    }

    /// Says of what cannot be told what it is meant to be that it is not used.
    fn unknown(&mut self, what: &str) {
        let message = format!(
            "{} {what}; it is not used, and what the file said before and does not say now \
             still holds.",
            self.place()
        );
        let found = Diagnostic::about_file(Code::ObjectInvalid, self.file, message);
        self.diagnostics
            .push(found.hint("apiVersion, kind and metadata.name at the start of each document"));
    }

    /// Where in the file that is which is being read.
    fn place(&self) -> String {
        match (self.documents, self.items) {
            (document, 0) => format!("Document {document}"),
            (document, item) => format!("Item {item} of document {document}"),
        }
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
