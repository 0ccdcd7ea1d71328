//! All claims to hosts: which Ingresses speak for which host, and whose default backend is
//! everyone's.
//!
//! Claims come sorted, the oldest Ingress first, and the first of two equal claims wins. The
//! order of the input never matters, and what is wrong with one Ingress never costs another one
//! a route.

use std::collections::{BTreeMap, BTreeSet};

use portreeve_table::{Host, HostPattern, Route, Shared};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::host::{HostClaim, HostRoutes, Rank};
use crate::ingress::{Claims, PathClaim};
use crate::object::ObjectKey;
use crate::ownership::Ownership;
use crate::path::spreads_regex;
use crate::reserved::Reserved;
use crate::snapshot::Snapshot;

/// What the claims come to.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub hosts: BTreeMap<HostPattern, Shared<Host>>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Merges claims that are sorted by age.
pub(crate) fn merge(
    snapshot: &Snapshot,
    claims: &[&Claims],
    with_tls: &BTreeSet<&HostPattern>,
    ownership: &Ownership<'_>,
) -> Merged {
    let mut merged = Merged::default();
    let default = global_default(claims, &mut merged.diagnostics);
    let mut rules: BTreeMap<&HostPattern, Vec<HostClaim<'_>>> = BTreeMap::new();
    for claims in claims {
        for rule in &claims.rules {
            rules.entry(&rule.host).or_default().push((claims, rule));
        }
    }
    if default.is_some() {
        rules.entry(&HostPattern::Any).or_default();
    }
    let mut steps_left = BTreeMap::new();
    for (pattern, rules) in rules {
        let mut routes = HostRoutes {
            snapshot,
            pattern,
            has_tls: with_tls.contains(pattern),
            spread_by: spread_by(&rules, false),
            may_be_spread: spread_by(&rules, true).is_some(),
            steps_left: &mut steps_left,
            routes: BTreeMap::new(),
            reserved: Reserved::default(),
            diagnostics: &mut merged.diagnostics,
        };
        // What is everyone's must not answer where its own namespace may not.
        let default = default.filter(|(claims, _)| ownership.allows(&claims.key, pattern));
        routes.add(&rules, default);
        let host = Shared::new(Host {
            routes: exactly(routes.routes),
        });
        merged.hosts.insert(pattern.clone(), host);
    }
    merged
}

/// The routes in their order, with no room for more: there may be very many hosts.
fn exactly(routes: BTreeMap<Rank, Box<Route>>) -> Vec<Route> {
    let mut all = Vec::with_capacity(routes.len());
    all.extend(routes.into_values().map(|route| *route));
    all
}

/// Whose path makes ingress-nginx take every path of a host with these rules as an expression; one
/// that cannot be used only would.
fn spread_by<'a>(rules: &[HostClaim<'a>], is_refused: bool) -> Option<&'a ObjectKey> {
    let rules = rules.iter();
    let mut rules = rules.filter(|(claims, _)| claims.is_refused == is_refused);
    let spreads = |(claims, rule): &&HostClaim<'a>| {
        let mut paths = rule.paths.iter();
        paths.any(|path| spreads_regex(claims, path))
    };
    rules.find(spreads).map(|(claims, _)| &claims.key)
}

/// The oldest Ingress without rules; its backend takes what no rule does.
fn global_default<'a>(
    claims: &[&'a Claims],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(&'a Claims, &'a PathClaim)> {
    let all = claims.iter().copied();
    let mut defaults = all.filter_map(|claims| Some((claims, claims.catch_all()?)));
    let first = defaults.next()?;
    for (loser, claim) in defaults {
        let winner = &first.0.key;
        let message = format!(
            "{winner}, which is older or comes first by name, already has the default backend \
             for all hosts; this one is not used."
        );
        diagnostics.push(
            Diagnostic::new(Code::DefaultBackendTaken, loser.object(), message)
                .field(claim.place.field())
                .hint("a rule with a host, or remove one of the two"),
        );
    }
    Some(first)
}
