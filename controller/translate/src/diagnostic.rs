//! What is wrong with an object, what that does to traffic now, and what to write instead.
//!
//! A diagnostic belongs to one object. It must never hold a private key or a character that a
//! terminal obeys, and it is the same text in a log, an Event, an admission review and on the command
//! line.

use std::fmt;
use std::sync::Arc;

use portreeve_table::legible;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::code::{Code, Severity};
use crate::object::ObjectRef;

/// How long a note may be, in bytes (events.k8s.io/v1).
pub const NOTE: usize = 1024;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The object; `None` when a file could not be read at all.
    pub object: Option<ObjectRef>,
    /// The file that the object came from.
    pub source: Option<Arc<str>>,
    /// Where in the object, such as `spec.rules[0].host`; empty when it is about the whole.
    pub field: String,
    /// What kind of finding it is.
    pub code: Code,
    /// What is wrong, and what that does to traffic now.
    pub message: String,
    /// What to write; empty when the message leaves no question.
    pub hint: String,
}

impl Diagnostic {
    pub(crate) fn new(code: Code, object: ObjectRef, message: impl Into<String>) -> Self {
        Self {
            object: Some(object),
            source: None,
            field: String::new(),
            code,
            message: legible(message),
            hint: String::new(),
        }
    }

    /// A finding about a file rather than about an object in it.
    pub(crate) fn about_file(code: Code, file: &str, message: impl Into<String>) -> Self {
        Self {
            object: None,
            source: Some(file.into()),
            field: String::new(),
            code,
            message: legible(message),
            hint: String::new(),
        }
    }

    #[must_use]
    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = legible(field);
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = legible(hint);
        self
    }

    /// The finding as one line of at most [`NOTE`] bytes: where, what, and what to write.
    ///
    /// When it is too long, what to write is worth more than the end of the explanation.
    pub fn note(&self) -> String {
        let place = match &*self.field {
            "" => String::new(),
            field => format!("{field}: "),
        };
        let text = self.text(NOTE.saturating_sub(place.len()));
        cut(&format!("{place}{text}"), NOTE)
    }

    /// What is wrong and what to write, in at most about so many bytes; a longer fix stays whole.
    pub fn text(&self, bytes: usize) -> String {
        let fix = match &*self.hint {
            "" => String::new(),
            hint => format!(" Write: {hint}"),
        };
        match fix.len() < bytes / 2 {
            true => cut(&self.message, bytes.saturating_sub(fix.len())) + &fix,
            false => self.message.clone() + &fix,
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// The beginning of a text, in whole characters, when it is longer than `bytes`.
pub fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.into();
    }
    let end = text.floor_char_boundary(bytes.saturating_sub('…'.len_utf8()));
    format!("{}…", text.get(..end).unwrap_or_default())
}

impl Serialize for Diagnostic {
    /// With its severity, which its readers should not have to know by heart.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Diagnostic", 7)?;
        fields.serialize_field("severity", &self.severity())?;
        fields.serialize_field("object", &self.object)?;
        fields.serialize_field("source", &self.source.as_deref())?;
        fields.serialize_field("field", &self.field)?;
        fields.serialize_field("code", &self.code)?;
        fields.serialize_field("message", &self.message)?;
        fields.serialize_field("hint", &self.hint)?;
        fields.end()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.source {
            write!(f, "{file}: ")?;
        }
        if let Some(object) = &self.object {
            write!(f, "{object}  ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}  ", self.field)?;
        }
        write!(f, "{}\n  {}", self.code, self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n  Write: {}", self.hint)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Kind, ObjectKey};

    #[test]
    fn it_reads_as_object_field_code_message_and_fix() {
        let object = ObjectKey::new("shop", "web").reference(Kind::Ingress);
        let diagnostic = Diagnostic::new(Code::HostInvalid, object, "\"a b\" is not a host name.")
            .field("spec.rules[0].host")
            .hint("shop.example.com");
        assert_eq!(
            diagnostic.to_string(),
            "shop/web  spec.rules[0].host  HostInvalid\n  \
             \"a b\" is not a host name.\n  \
             Write: shop.example.com"
        );
        let json = serde_json::to_value(&diagnostic).unwrap();
        assert_eq!(
            (&json["severity"], &json["code"]),
            (&"error".into(), &"HostInvalid".into())
        );
        let file = Diagnostic::about_file(Code::ManifestUnreadable, "a.yaml", "It is cut short.");
        assert_eq!(
            file.to_string(),
            "a.yaml: ManifestUnreadable\n  It is cut short."
        );
    }
}
