//! One thing to say about one object.

use portreeve_table::Shared;
use portreeve_translate::{Diagnostic, Kind, NOTE, ObjectRef, Snapshot, cut};
use serde::Serialize;

/// How much of an object's name is in its Events' names.
const MAX_NAME: usize = 200;

/// Whether something is wrong: an Event's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Severity {
    /// Nothing is.
    Normal,
    /// Something is.
    Warning,
}

impl Severity {
    /// Its name in an Event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

impl From<portreeve_translate::Severity> for Severity {
    /// Even the milder finding is a warning: to call it normal would hide it from whoever lists
    /// warnings, and an expired certificate is among them.
    fn from(severity: portreeve_translate::Severity) -> Self {
        match severity {
            portreeve_translate::Severity::Warning | portreeve_translate::Severity::Error => {
                Self::Warning
            }
        }
    }
}

/// Something to say, for as long as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Notice {
    /// About which object.
    pub object: ObjectRef,
    /// Tells it from others that had its name; without it, the object is shown without the Event.
    pub uid: Option<Box<str>>,
    /// How bad it is.
    pub severity: Severity,
    /// What kind of thing it is, as one word in CamelCase.
    pub reason: Box<str>,
    /// What was being done when it was found, as one word in CamelCase.
    pub action: Box<str>,
    /// What it is and what to do about it, in at most 1024 bytes.
    pub note: Box<str>,
}

impl Notice {
    /// Something is wrong with `object`.
    pub fn warning(
        object: ObjectRef,
        uid: Option<&str>,
        reason: &str,
        action: &str,
        note: &str,
    ) -> Self {
        Self {
            object,
            uid: uid.map(Into::into),
            severity: Severity::Warning,
            reason: reason.into(),
            action: action.into(),
            note: cut(note, NOTE).into(),
        }
    }

    /// What a translation found, if it is about an object. `snapshot` is what was translated.
    pub fn of(diagnostic: &Diagnostic, snapshot: &Snapshot) -> Option<Self> {
        let object = diagnostic.object.clone()?;
        let uid = snapshot.uid(&object);
        let note = diagnostic.note();
        let mut notice = Self::warning(
            object,
            uid,
            &diagnostic.code.to_string(),
            "Translate",
            &note,
        );
        notice.severity = diagnostic.severity().into();
        Some(notice)
    }

    /// The Event's namespace; what has none is told of in `default`.
    pub(super) fn namespace(&self) -> &str {
        match &*self.object.namespace {
            "" => "default",
            namespace => namespace,
        }
    }

    /// The Event's name, which is the same whoever says the same of the same object.
    pub(super) fn name(&self) -> String {
        let name = cut_at(&self.object.name, MAX_NAME).trim_end_matches(['-', '.']);
        let hash = Shared::new(self).hash() >> 64;
        format!("{name}.{hash:016x}")
    }

    /// The API version of the object's kind.
    pub(super) fn api_version(&self) -> &'static str {
        Kind::api_version(self.object.kind)
    }
}

/// The beginning of a text, in whole characters.
fn cut_at(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_translate::{Options, translate};
    use serde_json::json;

    fn object(name: &str) -> ObjectRef {
        ObjectRef {
            kind: Kind::Ingress,
            namespace: "shop".into(),
            name: name.into(),
        }
    }

    #[test]
    fn a_finding_is_said_of_its_object_with_what_to_write() {
        let ingress = json!({
            "metadata": {"namespace": "shop", "name": "web", "uid": "u-1"},
            "spec": {"rules": [{"host": "a b"}]},
        });
        let ingress: k8s_openapi::api::networking::v1::Ingress =
            serde_json::from_value(ingress).unwrap();
        let (snapshot, _) = Snapshot::from_objects([ingress.into()]);
        let found = translate(&snapshot, &Options::standalone()).diagnostics;
        let found = found
            .iter()
            .find(|d| d.code.to_string() == "HostInvalid")
            .unwrap();
        let notice = Notice::of(found, &snapshot).unwrap();
        assert_eq!(
            (&*notice.reason, notice.uid.as_deref()),
            ("HostInvalid", Some("u-1"))
        );
        assert_eq!(
            (notice.severity, notice.namespace()),
            (Severity::Warning, "shop")
        );
        assert!(
            notice.note.starts_with("spec.rules[0].host: "),
            "{}",
            notice.note
        );
        assert!(notice.note.ends_with(&found.hint), "{}", notice.note);
    }

    #[test]
    fn a_note_is_cut_between_characters_and_keeps_what_to_write() {
        let long = "ä".repeat(900);
        let notice = Notice::warning(object("web"), None, "A", "B", &long);
        assert_eq!(notice.note.len(), 1023);
        assert!(notice.note.ends_with("ä…"));

        let (snapshot, _) = Snapshot::from_objects([]);
        let diagnostic = Diagnostic {
            object: Some(object("web")),
            source: None,
            field: "spec".into(),
            code: portreeve_translate::Code::PathInvalid,
            message: long,
            hint: "/path".into(),
        };
        let note = Notice::of(&diagnostic, &snapshot).unwrap().note;
        assert!(
            note.len() <= NOTE && note.ends_with("ä… Write: /path"),
            "{note}"
        );
        let hint = "ö".repeat(900);
        let note = Notice::of(&Diagnostic { hint, ..diagnostic }, &snapshot)
            .unwrap()
            .note;
        assert!(note.len() <= NOTE && note.ends_with('…'), "{note}");
    }

    #[test]
    fn a_name_depends_on_all_that_is_said_and_fits() {
        let one = Notice::warning(object("web"), Some("1"), "A", "B", "note");
        assert_eq!(one.name(), one.clone().name());
        assert!(one.name().starts_with("web.") && one.name().len() == 20);
        let others = [
            Notice {
                uid: Some("2".into()),
                ..one.clone()
            },
            Notice {
                note: "other".into(),
                ..one.clone()
            },
            Notice {
                reason: "C".into(),
                ..one.clone()
            },
        ];
        assert!(others.iter().all(|other| other.name() != one.name()));
        let long = format!("{}.{}", "a".repeat(199), "b".repeat(50));
        let long = Notice {
            object: object(&long),
            ..one
        };
        assert!(long.name().starts_with(&format!("{}.", "a".repeat(199))));
        assert!(long.name().len() == 199 + 17);
    }
}
