//! The first namespace that claims a host owns it: the oldest Ingress decides, whether it is served
//! or closed.
//!
//! A wildcard of an older Ingress owns the names that it covers, too: otherwise others could take
//! single names from under it. A younger one takes nothing from older names. The default backend for
//! all hosts and rules without a host are a host of their own, and own no other. To list a name for
//! a certificate is no claim to its requests: every tenant of a domain may list its wildcard.

use std::collections::HashMap;

use portreeve_table::HostPattern;

use crate::ingress::Claims;
use crate::names;
use crate::object::ObjectKey;

use super::refusal::Refusal;

/// The Ingress by which its namespace owns a host.
#[derive(Debug)]
pub(crate) struct Owners<'a>(HashMap<HostPattern, &'a ObjectKey>);

impl<'a> Owners<'a> {
    pub(crate) fn of(claims: impl Iterator<Item = &'a Claims>) -> Self {
        let mut owners = Self(HashMap::new());
        claims.for_each(|claims| owners.add(claims));
        owners
    }

    /// Claims all that an Ingress asks for, whether or not it is served for it: whose a name is then
    /// depends on nothing but the claims to it and to its wildcard.
    fn add(&mut self, claims: &'a Claims) {
        let for_all = claims.catch_all().map(|_| &HostPattern::Any);
        let hosts = claims.hosts().chain(for_all);
        for host in hosts.chain(&claims.settings.aliases) {
            self.claim(host, claims);
        }
        for (_, other) in names::www(claims) {
            other.iter().for_each(|other| self.claim(other, claims));
        }
    }

    fn claim(&mut self, host: &HostPattern, claims: &'a Claims) {
        let is_free = !self.0.contains_key(host);
        if is_free && self.refusal(&claims.key.namespace, host).is_none() {
            self.0.insert(host.clone(), &claims.key);
        }
    }

    pub(crate) fn refusal<'s>(
        &'s self,
        namespace: &str,
        host: &'s HostPattern,
    ) -> Option<Refusal<'s>> {
        let (owner, wildcard) = match self.0.get(host) {
            Some(owner) => (*owner, None),
            None => {
                let wildcard = host.wildcard()?;
                (*self.0.get(&wildcard)?, Some(wildcard))
            }
        };
        let is_others = *owner.namespace != *namespace;
        is_others.then_some(Refusal::Taken {
            host,
            owner,
            wildcard,
        })
    }
}
