//! Manifests as text, for the tests of how they are read.

use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Content, Diagnostic, Object};

/// An Ingress of which nothing is wrong.
pub(crate) const INGRESS: &str = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {defaultBackend: {service: {name: web, port: {number: 80}}}}\n";

/// What is read of a text, but for what stands for an Ingress that cannot be used.
pub(crate) fn parse(text: &str) -> (Vec<Object>, Vec<Diagnostic>) {
    let (mut objects, found) = manifest::parse("a.yaml", text, &Limits::default()).unwrap();
    objects.retain(|object| !matches!(object.content, Content::Refused(_)));
    (objects, found)
}

pub(crate) fn names(objects: &[Object]) -> Vec<String> {
    objects
        .iter()
        .map(|object| object.reference().to_string())
        .collect()
}
