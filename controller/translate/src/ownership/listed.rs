//! A namespace may use the hosts that its Namespace lists, and without a list none.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Namespace;
use portreeve_table::{HostError, HostPattern};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::object::{Kind, ObjectKey};
use crate::snapshot::Snapshot;

use super::refusal::Refusal;

/// The annotation of a Namespace that lists the hosts that may be used in it, separated by commas:
/// `shop.example.com`, `*.example.com` for every name below one, at any depth, `*` for all.
pub const HOSTS: &str = "portreeve.dev/hosts";

/// The list of a Namespace, as it is written.
pub(crate) fn listed(namespace: &Namespace) -> Option<&str> {
    let annotations = namespace.metadata.annotations.as_ref()?;
    annotations.get(HOSTS).map(|hosts| hosts.trim())
}

/// Of a Namespace that has no list.
static NONE: BTreeSet<HostPattern> = BTreeSet::new();

/// The lists of all Namespaces that have one.
#[derive(Debug)]
pub(crate) struct Lists<'a>(BTreeMap<&'a str, List>);

/// The hosts that may be used in a namespace.
#[derive(Debug, Default)]
struct List {
    hosts: BTreeSet<HostPattern>,
    wrong: Vec<HostError>,
}

impl<'a> Lists<'a> {
    pub(crate) fn of(snapshot: &'a Snapshot) -> Self {
        let all = snapshot.namespaces();
        let lists = all.filter_map(|(name, namespace)| Some((name, List::of(listed(namespace)?))));
        Self(lists.collect())
    }

    pub(crate) fn refusal<'s>(
        &'s self,
        namespace: &'s str,
        host: &'s HostPattern,
    ) -> Option<Refusal<'s>> {
        let list = self.0.get(namespace);
        let is_allowed = list.is_some_and(|list| list.allows(host));
        (!is_allowed).then(|| Refusal::NotListed {
            host,
            namespace,
            list: list.map_or(&NONE, |list| &list.hosts),
        })
    }

    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        let lists = self.0.iter();
        let found = lists.filter_map(|(name, list)| list.diagnostic(name));
        found.collect()
    }
}

impl List {
    fn of(written: &str) -> Self {
        let mut list = Self::default();
        let entries = written.split(',').map(str::trim);
        for entry in entries.filter(|entry| !entry.is_empty()) {
            match entry.parse() {
                Ok(host) => drop(list.hosts.insert(host)),
                Err(error) => list.wrong.push(error),
            }
        }
        list
    }

    fn allows(&self, host: &HostPattern) -> bool {
        let (below, name) = match host {
            HostPattern::Any => (None, None),
            HostPattern::Exact(name) => (None, Some(&**name)),
            HostPattern::Wildcard(parent) => (Some(&**parent), Some(&**parent)),
        };
        let parents = std::iter::successors(name, |name| Some(name.split_once('.')?.1)).skip(1);
        let mut wildcards = below.into_iter().chain(parents);
        self.hosts.contains(&HostPattern::Any)
            || self.hosts.contains(host)
            || wildcards.any(|parent| self.hosts.contains(&HostPattern::Wildcard(parent.into())))
    }

    fn diagnostic(&self, namespace: &str) -> Option<Diagnostic> {
        let first = self.wrong.first()?;
        let more = match self.wrong.len() {
            1 => String::new(),
            all => format!(" It is the first of {all} like it."),
        };
        let message = format!("{first}; this entry allows nothing.{more}");
        let namespace = ObjectKey::new("", namespace).reference(Kind::Namespace);
        let found = Diagnostic::new(Code::HostListInvalid, namespace, message);
        let hint = "shop.example.com, *.team.example.com";
        let field = format!("metadata.annotations[{HOSTS}]");
        Some(found.field(field).hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_allows_its_names_and_everything_below_its_wildcards() {
        for (list, host, expected) in [
            ("shop.example", "shop.example", true),
            ("Shop.Example.", "shop.example", true),
            ("shop.example", "eu.shop.example", false),
            ("shop.example", "*.shop.example", false),
            ("*.shop.example", "eu.shop.example", true),
            ("*.shop.example", "a.b.eu.shop.example", true),
            ("*.shop.example", "*.shop.example", true),
            ("*.shop.example", "*.eu.shop.example", true),
            ("*.shop.example", "shop.example", false),
            ("*.shop.example", "*.example", false),
            ("*.shop.example", "myshop.example", false),
            ("*.shop.example", "*", false),
            ("a.example, *.b.example,", "x.b.example", true),
            ("a.example; b.example, c.example", "a.example", false),
            ("a.example; b.example, c.example", "c.example", true),
            ("*", "*", true),
            ("*", "*.shop.example", true),
            ("*", "shop.example", true),
            ("", "shop.example", false),
            ("", "*", false),
        ] {
            let allows = List::of(list).allows(&host.parse().unwrap());
            assert_eq!(allows, expected, "{list:?} {host}");
        }
    }
}
