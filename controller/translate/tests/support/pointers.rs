//! The places in a value.

use serde_json::Value;

/// A JSON pointer (RFC 6901) to every place in `value`, the whole last.
pub(crate) fn all(value: &Value) -> Vec<String> {
    let mut pointers = Vec::new();
    collect(value, String::new(), &mut pointers);
    pointers
}

fn collect(value: &Value, at: String, pointers: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                collect(value, format!("{at}/{}", escape(key)), pointers);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                collect(item, format!("{at}/{place}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(at);
}
