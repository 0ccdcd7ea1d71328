//! The other names that hosts are reached by: `server-alias` and `from-to-www-redirect`.
//!
//! A name that is the host of a rule always stays with that rule.

use std::collections::BTreeSet;

use portreeve_table::{Action, Host, HostError, HostPattern, Location, PathMatch, Route, Shared};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::Claims;
use crate::merge::Merged;
use crate::ownership::Ownership;
use crate::route;

/// Adds the other names of all hosts, the oldest Ingress' first. Gives, for each Ingress that has
/// any, the names that its certificate may be served for as well.
pub(crate) fn add<'a>(
    merged: &mut Merged,
    claims: &[&'a Claims],
    ownership: &Ownership<'_>,
) -> Vec<(&'a Claims, Vec<HostPattern>)> {
    let aliased = claims
        .iter()
        .map(|c| (*c, add_aliases(merged, c, ownership)));
    let mut names: Vec<_> = aliased.collect();
    for (claims, names) in &mut names {
        names.extend(add_www(merged, claims, ownership));
    }
    names
}

fn add_aliases(
    merged: &mut Merged,
    claims: &Claims,
    ownership: &Ownership<'_>,
) -> Vec<HostPattern> {
    if claims.is_refused {
        close_aliases(merged, claims);
        return Vec::new();
    }
    let mut added = Vec::new();
    let hosts: BTreeSet<_> = claims.hosts().collect();
    if let (Some(first), 2..) = (claims.hosts().next(), hosts.len())
        && !claims.settings.aliases.is_empty()
    {
        let message = format!(
            "The names stand for {first}, which is the first host of this Ingress, \
             and for no other of its hosts."
        );
        let found = Diagnostic::new(Code::AliasOfFirst, claims.object(), message);
        let field = claims.annotation_field("server-alias");
        let hint = "an Ingress of its own for each host that has other names";
        merged.diagnostics.push(found.field(field).hint(hint));
    }
    for alias in &claims.settings.aliases {
        let Some(host) = claims.hosts().next() else {
            break;
        };
        if merged.hosts.contains_key(alias) {
            merged.diagnostics.push(taken(claims, alias));
        } else if let Some(host) = merged.hosts.get(host) {
            let host = allowed(host, alias, ownership);
            merged.hosts.insert(alias.clone(), host);
            added.push(alias.clone());
        }
    }
    added
}

/// A host under another name: without the routes of those who share the host, but may not use the
/// name.
fn allowed(host: &Shared<Host>, alias: &HostPattern, ownership: &Ownership<'_>) -> Shared<Host> {
    let may = |route: &&Route| ownership.refusal(&route.origin.namespace, alias).is_none();
    if host.routes.iter().all(|route| may(&route)) {
        return host.clone();
    }
    let routes = host.routes.iter().filter(may).cloned().collect();
    Shared::new(Host { routes })
}

/// The names of an Ingress that cannot be used are not another's, and lead to nobody's routes.
fn close_aliases(merged: &mut Merged, claims: &Claims) {
    let (Some(reason), Some(_), Ok(slash)) = (&claims.closed, claims.hosts().next(), "/".parse())
    else {
        return;
    };
    let action = route::unavailable(reason.clone());
    let routes = vec![route::answer(claims, "/", PathMatch::Prefix(slash), action)];
    let closed = Shared::new(Host { routes });
    for alias in &claims.settings.aliases {
        let host = merged.hosts.entry(alias.clone());
        host.or_insert_with(|| closed.clone());
    }
}

fn taken(claims: &Claims, alias: &HostPattern) -> Diagnostic {
    let message = format!("{alias} is the host of a rule or of an older alias, and stays with it.");
    Diagnostic::new(Code::AliasTaken, claims.object(), message)
        .field(claims.annotation_field("server-alias"))
        .hint("names that no Ingress has yet")
}

/// The names that `from-to-www-redirect` is about: each with the other one, which has `www.` or has
/// it not.
pub(crate) fn www(claims: &Claims) -> Vec<(&str, Result<HostPattern, HostError>)> {
    if claims.settings.from_to_www != Some(true) {
        return Vec::new();
    }
    let names: BTreeSet<_> = claims.hosts().filter_map(exact).collect();
    let other = |name: &str| match name.strip_prefix("www.") {
        Some(without) => HostPattern::parse(without),
        None => HostPattern::parse(&format!("www.{name}")),
    };
    let names = names.into_iter();
    names.map(|name| (name, other(name))).collect()
}

/// Redirects `www.` and the name without it to the one that the rule has. Where that is closed, the
/// other one is, and not another's either.
fn add_www(merged: &mut Merged, claims: &Claims, ownership: &Ownership<'_>) -> Vec<HostPattern> {
    let mut added = Vec::new();
    let Ok(slash) = "/".parse().map(PathMatch::Prefix) else {
        return added;
    };
    for (name, other) in www(claims) {
        let action = match &claims.closed {
            Some(reason) => route::unavailable(reason.clone()),
            None => route::redirect(308, Location::Host(name.into())),
        };
        match free(merged, claims, ownership, name, other, &action) {
            Ok(Some(other)) => {
                let routes = vec![route::answer(claims, "/", slash.clone(), action)];
                let host = Shared::new(Host { routes });
                merged.hosts.insert(other.clone(), host);
                added.push(other);
            }
            Ok(None) => {}
            Err(found) => {
                let field = claims.annotation_field("from-to-www-redirect");
                merged.diagnostics.push(found.field(field));
            }
        }
    }
    added
}

/// The other one of a name, unless it answers like this already; if it is not to be had, why.
fn free(
    merged: &Merged,
    claims: &Claims,
    ownership: &Ownership<'_>,
    name: &str,
    other: Result<HostPattern, HostError>,
    action: &Action,
) -> Result<Option<HostPattern>, Box<Diagnostic>> {
    let found = |code, message| Box::new(Diagnostic::new(code, claims.object(), message));
    let other = other.map_err(|error| {
        let message = format!("{error}; {name} has no second name to redirect from.");
        found(Code::HostInvalid, message)
    })?;
    if let Some(refusal) = ownership.refusal(&claims.key.namespace, &other) {
        let effect = format!("it is not redirected to {name}");
        let found = refusal.diagnostic(claims.object(), String::new(), &effect);
        return Err(Box::new(found));
    }
    match merged.hosts.get(&other) {
        None => Ok(Some(other)),
        // Who is closed has other things to mend.
        Some(_) if claims.closed.is_some() => Ok(None),
        Some(host) if host.routes.iter().all(|route| route.action == *action) => Ok(None),
        Some(_) => {
            let message = format!(
                "{other} is a host of its own, and stays one: it is not redirected to {name}."
            );
            Err(found(Code::AliasTaken, message))
        }
    }
}

fn exact(host: &HostPattern) -> Option<&str> {
    match host {
        HostPattern::Exact(name) => Some(name),
        _ => None,
    }
}
