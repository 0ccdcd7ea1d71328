//! A text to its documents, one after the other.
//!
//! This is the only module that knows the YAML library.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Limits;

/// How much of a text is read at once, when it has more than one document.
///
/// A document as a tree needs many times the memory of its text, and is only needed until it is
/// an object.
const PART: usize = 256 << 10;

/// What an event costs at least.
const EVENT_BYTES: usize = 64;

/// Hands the documents of a JSON text to `each`, until one cannot be read.
pub(super) fn json(text: &str, mut each: impl FnMut(Value)) -> Result<(), String> {
    for document in serde_json::Deserializer::from_str(text).into_iter() {
        let Unique(document) = document.map_err(|error| error.to_string())?;
        each(document);
    }
    Ok(())
}

/// A JSON value in which no key stands twice: which of the two its author means cannot be told.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, Unique(value))) = fields.next_entry::<String, _>()? {
            if map.insert(key, value).is_some() {
                let twice = "a key of an object stands twice; remove one of the two";
                return Err(A::Error::custom(twice));
            }
        }
        Ok(map.into())
    }
}

/// Hands the documents of a YAML text to `each`, until one cannot be read.
pub(super) fn yaml(text: &str, limits: &Limits, mut each: impl FnMut(Value)) -> Result<(), String> {
    for part in parts(text) {
        let documents = read(part, limits);
        // Seen from the start of the text, the error says the line where it is.
        let documents = documents.map_err(|error| read(text, limits).err().unwrap_or(error));
        documents?.into_iter().for_each(&mut each);
    }
    Ok(())
}

/// A text in parts of whole documents.
///
/// An alias or a directive may concern documents of another part, so a text that could have one
/// is read as a whole; and so its limits hold for the whole.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let is_one = text.contains('&') || text.starts_with('%') || text.contains("\n%");
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = if is_one { None } else { next_document(rest) };
        let (part, after) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

/// Where, after a part's length, a document begins: at a line with nothing but its marker, or
/// more behind a space (YAML 1.2.2, section 9.1.2).
fn next_document(text: &str) -> Option<usize> {
    let after = text.as_bytes().get(PART..)?;
    let mut lines = after.windows(5);
    let marker = lines.position(|five| {
        let is_marker = five.starts_with(b"\n---");
        is_marker && five.last().is_some_and(u8::is_ascii_whitespace)
    });
    marker.map(|at| PART + at + 1)
}

fn read(text: &str, limits: &Limits) -> Result<Vec<Value>, String> {
    // A document without aliases has no more events than bytes, so only aliases need bounds of
    // their own: on what they repeat in bytes, and in events, which cost more than a byte.
    let bytes = text.len() + 16;
    let alias_events = limits.alias_bytes / EVENT_BYTES;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits.depth,
            max_documents: bytes,
            max_events: bytes * 2 + alias_events,
            max_nodes: bytes + alias_events,
            max_total_scalar_bytes: bytes + limits.alias_bytes,
            max_recorded_anchor_events: bytes * 2,
            max_merge_keys: bytes,
            // What aliases come to is bounded, so how many there are need not be.
            max_aliases: bytes,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: alias_events,
            max_replay_stack_depth: 16,
        },
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| explain(&error.render_with_formatter(&serde_saphyr::UserMessageFormatter)))
}

/// The library's message, with what to do where that is not what it says.
///
/// A key that stands twice is not quoted: it may be a Secret's data, wrongly indented.
fn explain(message: &str) -> String {
    let said = [
        (
            TWICE,
            "a key of a mapping stands twice; remove one of the two",
        ),
        (
            TOO_LARGE,
            "it comes to more than is allowed; write out what the aliases repeat, \
             nest it less, or split it into several files",
        ),
    ];
    let found = said.iter().find(|(theirs, _)| message.contains(theirs));
    let Some((_, ours)) = found else {
        return message.into();
    };
    let place = [" (defined at", " at line"].iter();
    let place = place.filter_map(|begin| message.rfind(begin)).min();
    let place = place.and_then(|at| message.get(at..));
    format!("{ours}{}", place.unwrap_or_default())
}

/// What the library says in these cases.
const TWICE: &str = "duplicate mapping key";
const TOO_LARGE: &str = "YAML document too large or too complex";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_whole_documents_and_together_the_text() {
        let document = format!("---\na: {}\n", "x".repeat(PART / 3));
        let text = document.repeat(10);
        let all: Vec<_> = parts(&text).collect();
        assert_eq!(all.concat(), text);
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|part| part.starts_with("---\n")));
        let with_anchor = text.replacen("a: x", "a: &x x", 1);
        assert_eq!(parts(&with_anchor).count(), 1);
        assert_eq!(parts("").count(), 0);
    }

    #[test]
    fn what_only_looks_like_a_marker_is_text() {
        let text = format!("a: {}\n---b\n ---\n", "x".repeat(PART));
        assert_eq!(parts(&text).count(), 1);
    }

    #[test]
    fn documents_come_in_order_and_an_error_says_its_line() {
        let document = |n: usize| format!("---\nn: {n}\nx: {}\n", "x".repeat(PART / 3));
        let mut text: String = (0..10).map(document).collect();
        let mut seen = Vec::new();
        let read = yaml(&text, &Limits::default(), |document| seen.push(document));
        assert_eq!(read, Ok(()));
        let numbers: Vec<_> = seen.iter().map(|d| d["n"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..10).collect::<Vec<_>>());
        text.push_str("---\nn: [");
        let error = yaml(&text, &Limits::default(), drop).unwrap_err();
        assert!(error.contains("line 32"), "{error}");
    }
}
