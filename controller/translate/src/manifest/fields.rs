//! Where in a document something is: fields that no type has, and the field that has a wrong type.
//!
//! The types of the Kubernetes API neither report unknown fields nor say where a value did not
//! fit, so both are found from outside, by comparing what goes in with what comes out.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

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
/// behind it changes nothing; put before it, around it or in its place, it changes the error. So
/// on each level the culprit is, or is in, the last part in which a wrong value changes the error.
pub(super) fn culprit<T: DeserializeOwned>(value: &Value, error: &str) -> Option<String> {
    let mut search = Search {
        trial: value.clone(),
        error,
        fails: |trial| T::deserialize(trial).err().map(|error| error.to_string()),
    };
    let mut path = Path::default();
    while let Some(step) = search.last_that_matters(&mut path) {
        path.0.push(step);
    }
    (!path.0.is_empty()).then(|| path.to_string())
}

struct Search<'a> {
    trial: Value,
    error: &'a str,
    fails: fn(&Value) -> Option<String>,
}

impl Search<'_> {
    fn last_that_matters(&mut self, path: &mut Path) -> Option<Step> {
        match path.find(&mut self.trial)? {
            Value::Object(fields) => {
                let keys: Vec<_> = fields.keys().cloned().map(Step::Key).collect();
                let mut keys = keys.into_iter().rev();
                keys.find(|step| self.matters(path, step))
            }
            Value::Array(items) => {
                let places: Vec<_> = (0..items.len()).map(Step::Place).collect();
                // The items are all of one type, so each one before the culprit matters.
                let matter = places.partition_point(|step| self.matters(path, step));
                matter.checked_sub(1).map(Step::Place)
            }
            _ => None,
        }
    }

    /// Whether a wrong value in this place changes the error.
    fn matters(&mut self, path: &mut Path, step: &Step) -> bool {
        path.0.push(step.clone());
        let mut changed = false;
        if let Some(place) = path.find(&mut self.trial) {
            let wrong = match place {
                Value::Array(_) => Value::Bool(true),
                _ => Value::Array(Vec::new()),
            };
            let right = std::mem::replace(place, wrong);
            changed = (self.fails)(&self.trial).as_deref() != Some(self.error);
            if let Some(place) = path.find(&mut self.trial) {
                *place = right;
            }
        }
        path.0.pop();
        changed
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
