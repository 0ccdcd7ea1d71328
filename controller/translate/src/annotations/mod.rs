//! What annotations say: the engine that reads them by the one table.
//!
//! No annotation under one of our prefixes is ever passed over in silence, and none that asks for
//! protection that cannot be given leaves its routes open.

mod access;
mod acme;
mod affinity;
mod auth;
mod backend;
mod cookie;
mod docs;
mod observe;
mod policies;
mod routing;
mod settings;
mod table;
mod tls;
mod traffic;
mod unknown;
mod value;

use std::collections::BTreeMap;

pub(crate) use cookie::is_attribute;
pub use docs::docs;
pub use policies::{POLICIES, Policy};
pub use settings::{
    AcmeSettings, AffinitySettings, BackendProtocol, RedirectSettings, RetryConditions, Settings,
    UpstreamSettings,
};
pub use table::{
    ANNOTATIONS, Annotation, Consequence, Effect, Group, Holds, OnError, Refusal, all,
};
pub use value::ValueError;

use portreeve_table::shorten;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::object::ObjectRef;

/// Our own prefix, which wins where both are given.
pub const OWN_PREFIX: &str = "portreeve.dev/";

/// ingress-nginx's prefix, under which every annotation is read as well.
pub const NGINX_PREFIX: &str = "nginx.ingress.kubernetes.io/";

/// How the annotations begin that are read of an Ingress: what begins otherwise need not be kept.
pub const READ_PREFIXES: [&str; 5] = [
    NGINX_PREFIX,
    OWN_PREFIX,
    // `ingress.class` and `tls-acme`, which are older than controllers' own prefixes.
    "kubernetes.io/",
    "cert-manager.io/cluster-issuer",
    "cert-manager.io/issuer",
];

/// What the annotations of an Ingress come to.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub settings: Settings,
    /// The key of each annotation that is in force, with its prefix, by its name.
    pub keys: BTreeMap<&'static str, Box<str>>,
    pub verdict: Verdict,
    pub diagnostics: Vec<Diagnostic>,
}

/// What becomes of an Ingress by its annotations.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    #[default]
    Served,
    /// Its routes answer 503, for this reason.
    Closed(Box<str>),
    /// It takes no requests at all.
    LeftOut,
}

/// An annotation as it stands on an object.
struct Given<'a> {
    annotation: &'static Annotation,
    key: &'a str,
    value: &'a str,
}

/// Reads the annotations of an Ingress that has this many routes.
pub(crate) fn read(
    object: &ObjectRef,
    annotations: &BTreeMap<String, String>,
    routes: usize,
) -> Reading {
    let mut reading = Reading::default();
    let mut given: BTreeMap<&'static str, Given<'_>> = BTreeMap::new();
    let mut unknown = Vec::new();
    for (key, value) in annotations {
        let prefixes = [NGINX_PREFIX, OWN_PREFIX].into_iter();
        let Some((prefix, name)) = prefixes
            .filter_map(|prefix| Some((prefix, key.strip_prefix(prefix)?)))
            .next()
        else {
            continue;
        };
        let value = value.trim();
        let is_here = |annotation: &&Annotation| !annotation.is_own || prefix == OWN_PREFIX;
        match table::find(name).filter(is_here) {
            None => unknown.push((key.as_str(), name)),
            Some(annotation) if value.is_empty() => {
                reading.diagnostics.extend(empty(object, annotation, key));
            }
            Some(annotation) => {
                // Keys come sorted, so that ours overwrites ingress-nginx's, and the proper name
                // its alias.
                let this = Given {
                    annotation,
                    key,
                    value,
                };
                if let Some(loser) = given.insert(annotation.name, this) {
                    reading
                        .diagnostics
                        .extend(overridden(object, &loser, key, value));
                }
            }
        }
    }
    reading
        .diagnostics
        .extend(unknown::diagnose(object, &unknown));
    for (name, given) in given {
        reading.keys.insert(name, given.key.into());
        reading.apply(object, &given, routes);
    }
    reading
}

/// An annotation that protects and is empty protects from nothing, which is hardly what is meant.
fn empty(object: &ObjectRef, annotation: &Annotation, key: &str) -> Option<Diagnostic> {
    let protects = match annotation.effect {
        Effect::Set { on_error, .. } => on_error == OnError::Refuse,
        Effect::Refused(refusal) => refusal.consequence == Consequence::Closes,
        Effect::Hint => false,
    };
    let message = "It is empty, which counts as if it were not there.";
    let found = Diagnostic::new(Code::AnnotationIgnored, object.clone(), message);
    protects.then(|| found.field(field(key)).hint("a value, or nothing at all"))
}

/// Two keys of one annotation that say different things.
fn overridden(object: &ObjectRef, loser: &Given<'_>, key: &str, value: &str) -> Option<Diagnostic> {
    let message = format!(
        "{key} says {:?} and wins; {:?} is not looked at.",
        shorten(value),
        shorten(loser.value)
    );
    let found = Diagnostic::new(Code::AnnotationIgnored, object.clone(), message);
    (loser.value != value).then(|| found.field(field(loser.key)).hint("one of the two keys"))
}

impl Reading {
    fn apply(&mut self, object: &ObjectRef, given: &Given<'_>, routes: usize) {
        match &given.annotation.effect {
            Effect::Hint => {}
            Effect::Set { on_error, set } => {
                if let Err(error) = set(given.value, &mut self.settings) {
                    self.bad_value(object, given, *on_error, error, routes);
                }
            }
            Effect::Refused(refusal) if (refusal.harmless)(given.value) => {}
            Effect::Refused(refusal) => self.refuse(object, given, refusal, routes),
        }
    }

    fn bad_value(
        &mut self,
        object: &ObjectRef,
        given: &Given<'_>,
        on_error: OnError,
        error: ValueError,
        routes: usize,
    ) {
        let Given {
            annotation,
            key,
            value,
        } = given;
        let (ValueError { why, write }, value) = (error, shorten(value));
        let (code, message) = match on_error {
            OnError::Refuse => {
                self.close(format!("{key}: {value:?} {why}"));
                let closed = closed(routes);
                let message = format!("{value:?} {why}, so {closed} until it is fixed.");
                (Code::AnnotationInvalid, message)
            }
            OnError::Ignore => {
                let used = match annotation.default {
                    "" => "it is ignored".to_string(),
                    default => format!("the default, {default}, is used"),
                };
                (Code::AnnotationIgnored, format!("{value:?} {why}; {used}."))
            }
        };
        let found = Diagnostic::new(code, object.clone(), message);
        self.diagnostics.push(found.field(field(key)).hint(write));
    }

    fn refuse(&mut self, object: &ObjectRef, given: &Given<'_>, refusal: &Refusal, routes: usize) {
        let Refusal { why, instead, .. } = refusal;
        let (code, effect) = match refusal.consequence {
            Consequence::Warns => (Code::AnnotationUnsupported, "It does nothing.".to_string()),
            Consequence::Closes => {
                self.close(format!("{}: {why}", given.key));
                let closed = closed(routes);
                (
                    Code::AnnotationRefused,
                    format!("So {closed} until it is removed."),
                )
            }
            Consequence::LeavesOut => {
                self.verdict = Verdict::LeftOut;
                (
                    Code::AnnotationRefused,
                    "So this Ingress takes none.".to_string(),
                )
            }
        };
        let found = Diagnostic::new(code, object.clone(), format!("{why} {effect} {instead}"));
        self.diagnostics.push(found.field(field(given.key)));
    }

    fn close(&mut self, reason: String) {
        if self.verdict == Verdict::Served {
            self.verdict = Verdict::Closed(reason.into());
        }
    }
}

fn closed(routes: usize) -> String {
    match routes {
        0 => "whatever routes this Ingress gets answer 503".into(),
        1 => "this Ingress' route answers 503".into(),
        many => format!("this Ingress' {many} routes answer 503"),
    }
}

/// Where an annotation stands in its object.
fn field(key: &str) -> String {
    format!("metadata.annotations[{key}]")
}
