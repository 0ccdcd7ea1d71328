//! For which names a namespace may have certificates: those that nobody else serves, and that an
//! administrator's list has, where there is one.

use std::collections::HashMap;
use std::net::IpAddr;

use portreeve_table::{HostPattern, Identifier};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::Claims;
use crate::names;
use crate::object::ObjectKey;
use crate::options::Options;
use crate::ownership::Ownership;

/// Who may have certificates for which names.
pub(crate) struct Allowed<'a> {
    /// The oldest Ingress of each host.
    owners: HashMap<HostPattern, &'a ObjectKey>,
    ownership: &'a Ownership<'a>,
    list: &'a [(String, HostPattern)],
}

impl<'a> Allowed<'a> {
    /// Of claims that are sorted by age.
    pub(crate) fn new(
        claims: &[&'a Claims],
        ownership: &'a Ownership<'a>,
        options: &'a Options,
    ) -> Self {
        let mut owners = HashMap::new();
        let mut own = |host: &HostPattern, claims: &'a Claims| {
            if !owners.contains_key(host) {
                owners.insert(host.clone(), &claims.key);
            }
        };
        for claims in claims {
            let for_all = claims.catch_all().map(|_| &HostPattern::Any);
            claims
                .hosts()
                .chain(for_all)
                .for_each(|host| own(host, claims));
        }
        // A name that is the host of a rule stays with that rule.
        for claims in claims {
            claims
                .settings
                .aliases
                .iter()
                .for_each(|alias| own(alias, claims));
            for (_, other) in names::www(claims) {
                other.iter().for_each(|other| own(other, claims));
            }
        }
        Self {
            owners,
            ownership,
            list: &options.acme_allowed,
        }
    }

    /// What stands against a certificate for a name, or an address, in the namespace of an Ingress.
    pub(super) fn refusal(
        &self,
        claims: &Claims,
        name: &Identifier,
        field: &dyn Fn() -> String,
    ) -> Option<Diagnostic> {
        let namespace = &*claims.key.namespace;
        // Requests for an address are for no host of a rule.
        let host = match name {
            Identifier::Dns(name) => HostPattern::Exact(name.clone()),
            Identifier::Ip(_) => HostPattern::Any,
        };
        if let Some(refusal) = self.ownership.refusal(namespace, &host) {
            let effect = "no certificate is ordered for it";
            return Some(refusal.diagnostic(claims.object(), field(), effect));
        }
        let owner = self
            .owner(&host)
            .filter(|owner| *owner.namespace != *namespace);
        if let Some(owner) = owner {
            let theirs = &owner.namespace;
            let message = format!(
                "{name} is served in the namespace {theirs}, whose Ingress {owner} is the oldest \
                 that has a rule for it; no certificate is ordered for it here."
            );
            let found = Diagnostic::new(Code::AcmeNameTaken, claims.object(), message);
            let hint = format!("a host of this namespace, or an Ingress in the namespace {theirs}");
            return Some(found.field(field()).hint(hint));
        }
        (!self.lists(namespace, name)).then(|| {
            let message = format!(
                "The namespace {namespace} may have no certificate for {name}; none is ordered \
                 for it."
            );
            let found = Diagnostic::new(Code::AcmeNameNotAllowed, claims.object(), message);
            let hint = format!(
                "a name that is allowed, or let an administrator add --acme-allow {namespace}={}",
                of_list(name)
            );
            found.field(field()).hint(hint)
        })
    }

    /// The Ingress that decides whose a host is: the oldest that has a rule for it, or else for all
    /// hosts, if any has.
    fn owner(&self, host: &HostPattern) -> Option<&'a ObjectKey> {
        let above = || self.owners.get(&host.wildcard()?);
        let all = || self.owners.get(&HostPattern::Any);
        self.owners.get(host).or_else(above).or_else(all).copied()
    }

    fn lists(&self, namespace: &str, name: &Identifier) -> bool {
        let mut list = self.list.iter();
        self.list.is_empty()
            || list.any(|(pattern, host)| is_namespace(pattern, namespace) && covers(host, name))
    }
}

/// Whether a pattern of the list, a name or the beginning of names with `*` behind it, means a
/// namespace.
fn is_namespace(pattern: &str, namespace: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begin) => namespace.starts_with(begin),
        None => pattern == namespace,
    }
}

/// Whether a host of the list allows a name: a wildcard every name below it, at any depth.
fn covers(host: &HostPattern, name: &Identifier) -> bool {
    match (host, name) {
        (HostPattern::Any, _) => true,
        (HostPattern::Exact(host), Identifier::Dns(name)) => host == name,
        (HostPattern::Wildcard(parent), Identifier::Dns(name)) => {
            let below = name.strip_suffix(&**parent);
            below.is_some_and(|below| below.len() > 1 && below.ends_with('.'))
        }
        (_, Identifier::Ip(_)) => false,
    }
}

/// What to put on the list for a name: an address is in none but the one of everything.
fn of_list(name: &Identifier) -> String {
    match name {
        Identifier::Dns(name) => name.to_string(),
        Identifier::Ip(IpAddr::V4(_) | IpAddr::V6(_)) => "*".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_the_list_allows_itself_and_a_wildcard_everything_below() {
        for (host, name, expected) in [
            ("shop.example", "shop.example", true),
            ("shop.example", "eu.shop.example", false),
            ("*.shop.example", "eu.shop.example", true),
            ("*.shop.example", "a.eu.shop.example", true),
            ("*.shop.example", "shop.example", false),
            ("*.shop.example", "myshop.example", false),
            ("*", "shop.example", true),
            ("*", "192.0.2.1", true),
            ("*.0.2.1", "192.0.2.1", false),
        ] {
            let allows = covers(&host.parse().unwrap(), &name.parse().unwrap());
            assert_eq!(allows, expected, "{host} {name}");
        }
    }

    #[test]
    fn a_namespace_is_meant_by_its_name_or_its_beginning() {
        for (pattern, namespace, expected) in [
            ("shop", "shop", true),
            ("shop", "shop-eu", false),
            ("shop-*", "shop-eu", true),
            ("shop-*", "shop", false),
            ("*", "shop", true),
            ("", "shop", false),
        ] {
            assert_eq!(
                is_namespace(pattern, namespace),
                expected,
                "{pattern} {namespace}"
            );
        }
    }
}
