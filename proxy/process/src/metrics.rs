//! Metric families that are one list: it drives the exposition and its documentation, and each value
//! is looked up when it is asked for.

use std::fmt::Write;

/// A metric family of a program whose state is an `S`.
#[derive(Debug)]
pub struct Family<S> {
    /// Its name.
    pub name: &'static str,
    /// Whether it only ever goes up.
    pub is_counter: bool,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// Its label, if it has one.
    pub label: Option<&'static str>,
    /// Looks its values up.
    pub read: fn(&S) -> Samples,
}

/// Values, each with the value of the family's label.
pub type Samples = Vec<(&'static str, f64)>;

/// The families of a state: `NAME counter|gauge LABEL, HELP, READ;` each.
#[macro_export]
macro_rules! families {
    ($($name:literal $kind:ident $label:expr, $help:literal, $read:expr;)*) => {
        &[$($crate::metrics::Family {
            name: $name,
            is_counter: $crate::families!(@$kind),
            help: $help,
            label: $label,
            read: $read,
        },)*]
    };
    (@counter) => { true };
    (@gauge) => { false };
}

/// Writes families in the Prometheus text format.
pub fn render<S>(families: &[Family<S>], state: &S) -> String {
    let mut text = String::new();
    for family in families {
        head(&mut text, family.name, family.help, family.is_counter);
        for (value, sample) in (family.read)(state) {
            let label = family.label.map(|label| format!("{{{label}=\"{value}\"}}"));
            let label = label.unwrap_or_default();
            let _ = writeln!(text, "{}{label} {sample}", family.name);
        }
    }
    text
}

/// Writes what comes before a family's values.
pub fn head(text: &mut String, name: &str, help: &str, is_counter: bool) {
    let kind = if is_counter { "counter" } else { "gauge" };
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// The value of a family without a label.
pub fn one(value: f64) -> Samples {
    vec![("", value)]
}

/// 1 for yes.
pub fn flag(holds: bool) -> f64 {
    u8::from(holds).into()
}
