//! All claims to hosts: who owns which path of which host.
//!
//! Claims come sorted, the oldest Ingress first, and the first of two equal claims wins. The
//! order of the input never matters, and what is wrong with one Ingress never costs another one
//! a route.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use portreeve_table::{Action, Host, HostPattern, Location, NormalPath, PathMatch, Route, Shared};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::{Claims, PathClaim, RuleClaim};
use crate::options::Profile;
use crate::path::{self, Unmatched, spreads_regex};
use crate::route::{self, Routes};
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
    claims: &[Claims],
    with_tls: &BTreeSet<&HostPattern>,
) -> Merged {
    let mut merged = Merged::default();
    let default = global_default(claims, &mut merged.diagnostics);
    let mut rules: BTreeMap<&HostPattern, Vec<(&Claims, &RuleClaim)>> = BTreeMap::new();
    for claims in claims {
        for rule in &claims.rules {
            rules.entry(&rule.host).or_default().push((claims, rule));
        }
    }
    if default.is_some() {
        rules.entry(&HostPattern::Any).or_default();
    }
    for (pattern, rules) in rules {
        let mut host = Builder {
            snapshot,
            pattern,
            has_tls: with_tls.contains(pattern),
            nginx_regex: spreads(&rules),
            routes: BTreeMap::new(),
            diagnostics: &mut merged.diagnostics,
        };
        host.add(&rules);
        host.add_default(&rules, default);
        let routes = host.routes.into_values().collect();
        merged
            .hosts
            .insert(pattern.clone(), Shared::new(Host { routes }));
    }
    merged
}

/// Whether ingress-nginx would take every path of a host with these rules as an expression.
fn spreads(rules: &[(&Claims, &RuleClaim)]) -> bool {
    rules
        .iter()
        .any(|(claims, rule)| rule.paths.iter().any(|path| spreads_regex(claims, path)))
}

/// The oldest Ingress without rules; its backend takes what no rule does.
fn global_default<'a>(
    claims: &'a [Claims],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(&'a Claims, &'a PathClaim)> {
    let without_rules = claims.iter().filter(|claims| claims.is_catch_all);
    let mut defaults = without_rules.filter_map(|c| Some((c, c.default_backend.as_ref()?)));
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

/// The place of a route among those of its host: exact paths, then the longer ones. Two routes
/// in one place claim the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    kind: u8,
    length: Reverse<usize>,
    is_regex: bool,
    text: Box<str>,
    ignore_case: bool,
}

impl Rank {
    fn of(path: &PathMatch) -> Self {
        let (kind, text, ignore_case) = match path {
            PathMatch::Exact(path) => (0, path.as_str(), false),
            PathMatch::Prefix(path) => (1, path.as_str(), false),
            PathMatch::Regex(regex) => (1, &*regex.pattern, regex.ignore_case),
        };
        Self {
            kind,
            length: Reverse(text.len()),
            is_regex: matches!(path, PathMatch::Regex(_)),
            text: text.into(),
            ignore_case,
        }
    }
}

/// Builds one host.
struct Builder<'a, 'd> {
    snapshot: &'a Snapshot,
    pattern: &'a HostPattern,
    has_tls: bool,
    nginx_regex: bool,
    routes: BTreeMap<Rank, Route>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a> Builder<'a, '_> {
    fn add(&mut self, rules: &[(&'a Claims, &'a RuleClaim)]) {
        let mut closed = Vec::new();
        for (claims, rule) in rules {
            self.add_app_root(claims);
            for path in &rule.paths {
                closed.extend(self.add_path(claims, path));
            }
        }
        // A route that could not be read closes what it would have taken, but takes nothing from
        // those that could be.
        for route in closed {
            self.routes.entry(Rank::of(&route.path)).or_insert(route);
        }
        self.add_slash_redirects(rules);
    }

    fn add_app_root(&mut self, claims: &Claims) {
        let (Some(root), Ok(slash)) = (&claims.settings.app_root, "/".parse()) else {
            return;
        };
        if claims.closed.is_none() {
            let to = route::redirect(302, Location::Path(root.clone()));
            let route = route::answer(claims, "/", PathMatch::Exact(slash), to);
            self.routes.entry(Rank::of(&route.path)).or_insert(route);
        }
    }

    /// Adds a path; gives back the route that answers 503 in its place when it cannot be matched.
    fn add_path(&mut self, claims: &'a Claims, claim: &PathClaim) -> Option<Route> {
        let reading = match path::read(claims, claim, self.nginx_regex) {
            Ok(reading) => reading,
            Err(error) => return self.unmatched(claims, claim, error),
        };
        let rank = Rank::of(&reading.path);
        if let Some(winner) = self.routes.get(&rank) {
            let found = taken(claims, claim, self.pattern, winner);
            self.diagnostics.push(found);
            return None;
        }
        if reading.implied {
            self.diagnostics.push(implied(claims, claim));
        }
        let route = self.routes_of(claims).build(claim, reading.path);
        self.routes.insert(rank, route);
        None
    }

    fn routes_of<'s>(&'s mut self, claims: &'s Claims) -> Routes<'s> {
        Routes {
            snapshot: self.snapshot,
            claims,
            host_has_tls: self.has_tls,
            diagnostics: self.diagnostics,
        }
    }

    fn unmatched(&mut self, claims: &Claims, claim: &PathClaim, error: Unmatched) -> Option<Route> {
        let rule = &claim.path;
        let (code, message, hint, closed) = match error {
            Unmatched::Path(error) => {
                let message = format!("{rule:?} cannot be a path: {error}; it is not served.");
                (Code::PathInvalid, message, "a path such as /shop", None)
            }
            Unmatched::Regex(error, before) => {
                let effect = match &before {
                    Some(path) => format!("requests below {} answer 503", path.as_str()),
                    None => "it is not served".into(),
                };
                let message = format!("{rule:?} is not an expression: {error}; {effect}.");
                (
                    Code::RegexInvalid,
                    message,
                    "an expression such as /shop/(.*)",
                    before,
                )
            }
        };
        let found = Diagnostic::new(code, claims.object(), message);
        self.diagnostics
            .push(found.field(claim.place.path_field()).hint(hint));
        closed.map(|path| {
            let reason = format!("the expression {rule:?} does not compile");
            let action = Action::Unavailable {
                reason: reason.into(),
            };
            route::answer(claims, rule, PathMatch::Prefix(path), action)
        })
    }

    /// nginx redirects `/foo` to `/foo/` where only the latter is known.
    fn add_slash_redirects(&mut self, rules: &[(&'a Claims, &'a RuleClaim)]) {
        if self.nginx_regex {
            return;
        }
        let nginx: BTreeSet<_> = rules
            .iter()
            .filter(|(claims, _)| claims.profile == Profile::Nginx)
            .map(|(claims, _)| &claims.key)
            .collect();
        let mut missing = Vec::new();
        for route in self.routes.values() {
            let PathMatch::Exact(path) = &route.path else {
                continue;
            };
            let short = path.as_str().strip_suffix('/').unwrap_or_default();
            let Ok(short) = short.parse::<NormalPath>() else {
                continue;
            };
            let prefixes = [short.clone(), path.clone()].map(PathMatch::Prefix);
            let exact = PathMatch::Exact(short);
            let claimed = |path| self.routes.contains_key(&Rank::of(path));
            let owner = nginx.iter().find(|key| key.origin() == route.origin);
            if owner.is_some() && !claimed(&exact) && !prefixes.iter().any(claimed) {
                let mut redirect = route.clone();
                redirect
                    .filters
                    .retain(|f| matches!(f, portreeve_table::Filter::HideServer));
                redirect.action = route::redirect(301, Location::WithTrailingSlash);
                redirect.path = exact;
                missing.push(redirect);
            }
        }
        self.routes.extend(
            missing
                .into_iter()
                .map(|route| (Rank::of(&route.path), route)),
        );
    }

    /// Sends what no rule of the host takes to its own Ingress' default backend, or to everyone's.
    fn add_default(
        &mut self,
        rules: &[(&'a Claims, &'a RuleClaim)],
        global: Option<(&'a Claims, &'a PathClaim)>,
    ) {
        let Ok(slash) = "/".parse::<NormalPath>() else {
            return;
        };
        let slash = PathMatch::Prefix(slash);
        let taken = self
            .routes
            .keys()
            .any(|rank| rank.kind == 1 && *rank.text == *"/");
        if taken {
            return;
        }
        let own = rules
            .iter()
            .find_map(|(c, _)| Some((*c, c.default_backend.as_ref()?)));
        let route = match (own.or(global), rules.first()) {
            (Some((claims, claim)), _) => {
                let mut route = self.routes_of(claims).build(claim, slash);
                let bare = rules.iter().filter(|(_, rule)| rule.paths.is_empty());
                // A rule without paths claims the whole host, so what it asks holds for it.
                for (bare, _) in bare.filter(|(bare, _)| bare.key != claims.key) {
                    route::restrict(&mut route, bare);
                }
                route
            }
            (None, Some((claims, _))) if self.routes.is_empty() => {
                route::answer(claims, "/", slash, Action::NotFound)
            }
            _ => return,
        };
        self.routes.insert(Rank::of(&route.path), route);
    }
}

fn taken(claims: &Claims, claim: &PathClaim, host: &HostPattern, winner: &Route) -> Diagnostic {
    let (path, owner) = (&claim.path, route::owner(winner));
    let who = match *owner == claims.key.origin() {
        true => "this Ingress itself, further up".to_string(),
        false => format!("{owner}, which is older or comes first by name"),
    };
    let message = format!("{path:?} on {host} is already taken by {who}; this one is not served.");
    let found = Diagnostic::new(Code::PathTaken, claims.object(), message);
    found
        .field(claim.place.path_field())
        .hint("another path or host, or remove one of the two")
}

fn implied(claims: &Claims, claim: &PathClaim) -> Diagnostic {
    let message = format!(
        "{:?} is taken as a regular expression because of rewrite-target, \
         though its type is Prefix.",
        claim.path
    );
    Diagnostic::new(Code::RegexImplied, claims.object(), message)
        .field(claim.place.path_field())
        .hint("pathType: ImplementationSpecific")
}
