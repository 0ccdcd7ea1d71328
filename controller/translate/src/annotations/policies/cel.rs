//! Pieces of expressions in CEL, as they are written into a manifest.

use std::fmt;

use crate::annotations::table::{Annotation, Holds, all};
use crate::annotations::{NGINX_PREFIX, OWN_PREFIX};

/// One variable of a policy.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    name: &'static str,
    expression: String,
}

/// The class that an Ingress names, by its field or else by the annotation from before there was one.
macro_rules! class_of {
    ($object:literal) => {
        concat!(
            $object,
            ".spec.?ingressClassName.orValue(\n  ",
            $object,
            ".metadata.?annotations[?'kubernetes.io/ingress.class'].orValue(''))"
        )
    };
}

/// What all policies have: whose Ingresses they look at. An Ingress that comes from somebody else's
/// class brings nothing that may stay.
pub(super) const COMMON: [(&str, &str); 3] = [
    ("classes", "['portreeve']"),
    (
        "isOurs",
        concat!(class_of!("object"), " in variables.classes"),
    ),
    (
        "wasOurs",
        concat!(
            "oldObject != null && ",
            class_of!("oldObject"),
            " in variables.classes"
        ),
    ),
];

/// What policies about annotations have: those that there are, and those that may stay.
pub(super) const ANNOTATIONS: [(&str, &str); 2] = [
    ("annotations", "object.metadata.?annotations.orValue({})"),
    (
        "before",
        "variables.wasOurs ? oldObject.metadata.?annotations.orValue({}) : {}",
    ),
];

impl Variable {
    pub(super) fn new(name: &'static str, expression: impl Into<String>) -> Self {
        Self {
            name,
            expression: expression.into(),
        }
    }

    /// Those of a table.
    pub(super) fn all<const N: usize>(table: [(&'static str, &'static str); N]) -> [Self; N] {
        table.map(|(name, expression)| Self::new(name, expression))
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expression = block(&self.expression, 8);
        writeln!(
            f,
            "    - name: {}\n      expression: |-\n{expression}",
            self.name
        )
    }
}

/// Lines of a block in YAML that stands so many spaces in.
pub(super) fn block(text: &str, spaces: usize) -> String {
    let indent = " ".repeat(spaces);
    let lines: Vec<_> = text.lines().map(|line| format!("{indent}{line}")).collect();
    lines.join("\n")
}

/// A text; what JSON writes is one in CEL too.
pub(super) fn text(text: &str) -> String {
    serde_json::json!(text).to_string()
}

/// A list with a line for each item.
pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    let items: String = items.map(|item| block(&item, 2) + ",\n").collect();
    format!("[\n{items}]")
}

/// The annotations with such values, with each of their keys.
pub(super) fn keys(holds: Holds) -> impl Iterator<Item = (String, &'static Annotation)> {
    let annotations = all().filter(move |annotation| annotation.holds == holds);
    annotations.flat_map(|annotation| {
        let names = [Some(annotation.name), annotation.alias]
            .into_iter()
            .flatten();
        let keys = names.flat_map(|name| [NGINX_PREFIX, OWN_PREFIX].map(|p| format!("{p}{name}")));
        keys.map(move |key| (key, annotation))
    })
}

/// What each annotation with such values says in the Ingress `of`; our prefix wins where it is given.
pub(super) fn values(holds: Holds, of: &str) -> Vec<String> {
    let annotations = all().filter(|annotation| annotation.holds == holds);
    let values = annotations.map(|annotation| {
        let value = |prefix| {
            let key = text(&format!("{prefix}{}", annotation.name));
            format!("{of}.metadata.?annotations[?{key}].orValue('').trim()")
        };
        let (own, nginx) = (value(OWN_PREFIX), value(NGINX_PREFIX));
        format!("({own} != ''\n  ? {own}\n  : {nginx})")
    });
    values.collect()
}
