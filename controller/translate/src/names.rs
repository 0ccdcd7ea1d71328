//! The other names that hosts are reached by: `server-alias` and `from-to-www-redirect`.
//!
//! A name that is the host of a rule always stays with that rule.

use std::collections::BTreeMap;

use portreeve_table::{Host, HostPattern, Location, PathMatch, Shared};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::Claims;
use crate::merge::Merged;
use crate::route;

/// Adds the other names of all hosts, the oldest Ingress' first. Gives, for each Ingress that has
/// any, the names that its certificate may be served for as well.
pub(crate) fn add<'a>(
    merged: &mut Merged,
    claims: &'a [Claims],
) -> Vec<(&'a Claims, Vec<HostPattern>)> {
    let aliased = claims.iter().map(|c| (c, add_aliases(merged, c)));
    let mut names: Vec<_> = aliased.collect();
    for (claims, names) in &mut names {
        names.extend(add_www(&mut merged.hosts, claims));
    }
    names
}

fn add_aliases(merged: &mut Merged, claims: &Claims) -> Vec<HostPattern> {
    let mut added = Vec::new();
    for alias in &claims.settings.aliases {
        let Some(host) = claims.hosts().next() else {
            break;
        };
        if merged.hosts.contains_key(alias) {
            merged.diagnostics.push(taken(claims, alias));
        } else if let Some(routes) = merged.hosts.get(host).cloned() {
            merged.hosts.insert(alias.clone(), routes);
            added.push(alias.clone());
        }
    }
    added
}

fn taken(claims: &Claims, alias: &HostPattern) -> Diagnostic {
    let message = format!("{alias} is the host of a rule or of an older alias, and stays with it.");
    Diagnostic::new(Code::AliasTaken, claims.object(), message)
        .field(claims.annotation_field("server-alias"))
        .hint("names that no Ingress has yet")
}

/// Redirects `www.` and the name without it to the one that the rule has.
fn add_www(hosts: &mut BTreeMap<HostPattern, Shared<Host>>, claims: &Claims) -> Vec<HostPattern> {
    if claims.settings.from_to_www != Some(true) || claims.closed.is_some() {
        return Vec::new();
    }
    let mut added = Vec::new();
    for host in claims.hosts() {
        let HostPattern::Exact(name) = host else {
            continue;
        };
        let other = match name.strip_prefix("www.") {
            Some(without) => HostPattern::Exact(without.into()),
            None => HostPattern::Exact(format!("www.{name}").into()),
        };
        let Ok(slash) = "/".parse() else { continue };
        if !hosts.contains_key(&other) {
            let action = route::redirect(308, Location::Host(name.clone()));
            let routes = vec![route::answer(claims, "/", PathMatch::Prefix(slash), action)];
            hosts.insert(other.clone(), Shared::new(Host { routes }));
            added.push(other);
        }
    }
    added
}
