//! Where in a document something is: fields that no type has, and the field that has a wrong type.
//!
//! The types of the Kubernetes API neither report unknown fields nor say where a value did not
//! fit, so both are found from outside, by comparing what goes in with what comes out.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How many values are tried in search of the one that does not fit.
const TRIES: usize = 2000;

/// The fields of `value` that did not make it into `typed`.
pub(super) fn unknown<T: Serialize>(typed: &T, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(known) = serde_json::to_value(typed) {
        compare(value, &known, &mut Path::default(), &mut found);
    }
    found
}

fn compare(value: &Value, known: &Value, path: &mut Path, found: &mut Vec<String>) {
    match (value, known) {
        (Value::Object(value), Value::Object(known)) => {
            for (key, value) in value.iter().filter(|(_, value)| !value.is_null()) {
                path.0.push(Step::Key(key.clone()));
                match known.get(key) {
                    Some(known) => compare(value, known, path, found),
                    None => found.push(path.to_string()),
                }
                path.0.pop();
            }
        }
        (Value::Array(value), Value::Array(known)) => {
            for (place, (value, known)) in value.iter().zip(known).enumerate() {
                path.0.push(Step::Place(place));
                compare(value, known, path, found);
                path.0.pop();
            }
        }
        _ => {}
    }
}

/// What the older forms of an Ingress are called now.
pub(super) fn instead(field: &str) -> &'static str {
    match field.rsplit_once('.').map(|(_, last)| last) {
        Some("serviceName" | "servicePort") => "service: {name: NAME, port: {number: PORT}}",
        _ => "another spelling or indentation, or nothing",
    }
}

/// The field whose value made decoding fail with `error`.
///
/// Decoding stops at the first value that does not fit. A value of a wrong type that is put
/// behind it changes nothing; put before it or in its place, it changes the error. So the field
/// is the last one in which a wrong value changes the error.
pub(super) fn culprit<T: DeserializeOwned>(value: &Value, error: &str) -> Option<String> {
    let mut places = Vec::new();
    collect(value, &mut Path::default(), &mut places);
    let mut trial = value.clone();
    places.into_iter().rev().take(TRIES).find_map(|path| {
        let place = path.find(&mut trial)?;
        let wrong = match place {
            Value::Array(_) => Value::Bool(true),
            _ => Value::Array(Vec::new()),
        };
        let right = std::mem::replace(place, wrong);
        let changed = T::deserialize(&trial).err().map(|e| e.to_string());
        *path.find(&mut trial)? = right;
        (changed.as_deref() != Some(error)).then(|| path.to_string())
    })
}

/// Every place in a value, in the order in which they are decoded: a field before its parts.
fn collect(value: &Value, path: &mut Path, places: &mut Vec<Path>) {
    let mut each = |step: Step, value: &Value| {
        path.0.push(step);
        places.push(path.clone());
        collect(value, path, places);
        path.0.pop();
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                each(Step::Key(key.clone()), value);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                each(Step::Place(place), item);
            }
        }
        _ => {}
    }
}

/// The way from the top of a document to a value.
#[derive(Clone, Debug, Default)]
struct Path(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Place(usize),
}

impl Path {
    fn find<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Key(key) => value.get_mut(key),
            Step::Place(place) => value.get_mut(place),
        })
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Place(place) => write!(f, "[{place}]")?,
                Step::Key(key) if key.contains(['.', '/']) => write!(f, "[{key}]")?,
                Step::Key(key) if number == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}
