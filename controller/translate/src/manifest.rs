//! The text of a manifest, YAML or JSON, to objects.
//!
//! What is wrong with one object never harms another, and a text that is not YAML at all gives
//! nothing, so that its reader can keep what the file said before.
//! A message must never quote the value of a Secret.

mod decode;
mod documents;
mod fields;
mod refused;

use std::collections::BTreeSet;
use std::sync::Arc;

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

/// Adds to what was read of a file the `last` good values of the objects that were refused, by
/// what was found: without them, what such an object restricts would be open, or closed at best.
pub fn keep_refused(objects: &mut Vec<Object>, found: &[Diagnostic], last: &[Object]) {
    let refused = found
        .iter()
        .filter(|found| matches!(found.code, Code::ObjectInvalid | Code::ApiVersionUnknown));
    let refused: BTreeSet<_> = refused.filter_map(|found| found.object.as_ref()).collect();
    if refused.is_empty() {
        return;
    }
    let good = last.iter().filter(|last| !last.is_refused());
    let kept = good.filter(|last| refused.contains(&last.reference()));
    let kept: Vec<_> = kept.cloned().collect();
    let names: BTreeSet<_> = kept.iter().map(Object::reference).collect();
    objects.retain(|object| !(object.is_refused() && names.contains(&object.reference())));
    objects.extend(kept);
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
    objects: Vec<Object>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str) -> Self {
        Self {
            file,
            source: file.into(),
            documents: 0,
            objects: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    fn next(&mut self, document: Value) {
        self.documents += 1;
        self.document(self.documents, document);
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
