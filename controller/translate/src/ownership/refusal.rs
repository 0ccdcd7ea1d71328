//! Why a namespace may not use a host, in words for whoever wrote the Ingress.

use std::collections::BTreeSet;

use portreeve_table::HostPattern;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::object::{ObjectKey, ObjectRef};

use super::listed::HOSTS;

/// How many hosts of a list are shown.
const SHOWN: usize = 5;

/// Why a namespace may not use a host.
#[derive(Clone, Debug)]
pub(crate) enum Refusal<'a> {
    /// It belongs to the namespace of another Ingress, or the wildcard that covers it does.
    Taken {
        host: &'a HostPattern,
        owner: &'a ObjectKey,
        wildcard: Option<HostPattern>,
    },
    /// Its Namespace does not list it.
    NotListed {
        host: &'a HostPattern,
        namespace: &'a str,
        list: &'a BTreeSet<HostPattern>,
    },
}

impl Refusal<'_> {
    /// The finding about a field of an object, of which this is the effect.
    pub(crate) fn diagnostic(&self, object: ObjectRef, field: String, effect: &str) -> Diagnostic {
        let (code, why, hint) = match self {
            Self::Taken {
                host,
                owner,
                wildcard,
            } => {
                let namespace = &owner.namespace;
                let why = format!(
                    "{}the namespace {namespace}, whose Ingress {owner} was the first to claim {}",
                    belongs_to(host),
                    claimed(host, wildcard.as_ref())
                );
                let hint = format!(
                    "a host that no other namespace has, or this Ingress in the namespace {namespace}"
                );
                (Code::HostTaken, why, hint)
            }
            Self::NotListed {
                host,
                namespace,
                list,
            } => {
                let why = format!(
                    "The namespace {namespace} may use {} {}",
                    may_use(list),
                    named(host)
                );
                let hint = format!(
                    "a host that the annotation {HOSTS} of Namespace {namespace} lists, or let an \
                     administrator add it there"
                );
                (Code::HostNotAllowed, why, hint)
            }
        };
        let message = format!("{why}; {effect}.");
        Diagnostic::new(code, object, message)
            .field(field)
            .hint(hint)
    }
}

fn belongs_to(host: &HostPattern) -> String {
    match host {
        HostPattern::Any => "Hosts that no rule names belong to ".into(),
        host => format!("{host} belongs to "),
    }
}

fn claimed(host: &HostPattern, wildcard: Option<&HostPattern>) -> String {
    match (host, wildcard) {
        (_, Some(wildcard)) => wildcard.to_string(),
        (HostPattern::Any, None) => "them".into(),
        (_, None) => "it".into(),
    }
}

/// What a list allows, as far as it is shown, and the way over to what it does not.
fn may_use(list: &BTreeSet<HostPattern>) -> String {
    let shown: Vec<_> = list.iter().take(SHOWN).map(ToString::to_string).collect();
    let shown = shown.join(", ");
    match list.len().checked_sub(SHOWN) {
        _ if list.is_empty() => "no host, and so not".into(),
        None | Some(0) => format!("{shown} and not"),
        Some(more) => format!("{shown} and {more} more, and not"),
    }
}

fn named(host: &HostPattern) -> String {
    match host {
        HostPattern::Any => "hosts that no rule names".into(),
        host => host.to_string(),
    }
}
