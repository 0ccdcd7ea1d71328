//! One host: who owns which of its paths.
//!
//! Rules come sorted, the oldest Ingress' first, and the first of two equal claims wins.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use portreeve_table::{Action, HostPattern, Location, NormalPath, PathMatch, Route, shorten};

use crate::beginning::is_expression;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::{Claims, PathClaim, PathType, RuleClaim};
use crate::object::ObjectKey;
use crate::options::Profile;
use crate::path::{self, Unmatched, Why};
use crate::route::{self, Routes};
use crate::snapshot::Snapshot;

/// The place of a route among those of its host: exact paths, then the longer ones. Two routes
/// in one place claim the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
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

    /// The places in which a route claims the same: a text without special characters says as an
    /// expression what it says as a prefix.
    fn same(&self) -> Vec<Self> {
        let mut same = vec![self.clone()];
        if self.kind == 1 && !is_expression(&self.text) {
            for (is_regex, ignore_case) in [(false, false), (true, false), (true, true)] {
                same.push(Self {
                    is_regex,
                    ignore_case,
                    ..self.clone()
                });
            }
        }
        same
    }

    fn takes_all(&self) -> bool {
        self.kind == 1 && *self.text == *"/"
    }
}

/// A rule for a host, with the claims of its Ingress.
pub(crate) type HostClaim<'a> = (&'a Claims, &'a RuleClaim);

/// The routes of one host.
pub(crate) struct HostRoutes<'a, 'd> {
    pub snapshot: &'a Snapshot,
    pub pattern: &'a HostPattern,
    /// Whether some Ingress wants TLS for it.
    pub has_tls: bool,
    /// Whose path makes ingress-nginx take its every path as an expression.
    pub spread_by: Option<&'a ObjectKey>,
    /// What is left of [`path::STEPS`] to each Ingress.
    pub steps_left: &'d mut BTreeMap<&'a ObjectKey, usize>,
    pub routes: BTreeMap<Rank, Route>,
    pub diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a> HostRoutes<'a, '_> {
    /// Adds all that is claimed; rules come sorted, the oldest Ingress' first.
    pub(crate) fn add(
        &mut self,
        rules: &[HostClaim<'a>],
        global_default: Option<(&'a Claims, &'a PathClaim)>,
    ) {
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
            let rank = Rank::of(&route.path);
            if !(rank.takes_all() && self.takes_all()) {
                self.routes.entry(rank).or_insert(route);
            }
        }
        self.add_slash_redirects(rules);
        self.add_default(rules, global_default);
    }

    fn add_app_root(&mut self, claims: &Claims) {
        let (Some(root), Ok(slash)) = (&claims.settings.app_root, "/".parse()) else {
            return;
        };
        if claims.closed.is_some() {
            return;
        }
        let to = route::redirect(302, Location::Path(root.clone()));
        let route = route::answer(claims, "/", PathMatch::Exact(slash), to);
        match self.routes.entry(Rank::of(&route.path)) {
            Entry::Vacant(free) => drop(free.insert(route)),
            Entry::Occupied(taken) if taken.get().origin == route.origin => {}
            Entry::Occupied(winner) => {
                let field = claims.annotation_field("app-root");
                let found = taken(claims, "/", self.pattern, winner.get());
                self.diagnostics.push(found.field(field));
            }
        }
    }

    /// Adds a path; gives back the routes that answer 503 in its place when it cannot be matched.
    fn add_path(&mut self, claims: &'a Claims, claim: &PathClaim) -> Vec<Route> {
        let left = self.steps_left.entry(&claims.key).or_insert(path::STEPS);
        let reading = path::read(claims, claim, self.spread_by.is_some());
        let reading = match reading.and_then(|reading| reading.within(left)) {
            Ok(reading) => reading,
            Err(error) => return self.unmatched(claims, claim, error),
        };
        let rank = Rank::of(&reading.path);
        if let Some(winner) = rank.same().iter().find_map(|rank| self.routes.get(rank)) {
            let found = taken(claims, &claim.path, self.pattern, winner);
            self.diagnostics.push(found.field(claim.place.path_field()));
            return Vec::new();
        }
        if reading.implied {
            self.diagnostics.push(implied(claims, claim));
        }
        if path::is_everything(&reading.path) {
            self.diagnostics.extend(self.covered(claims, claim, &rank));
        }
        let route = self.routes_of(claims).build(claim, reading.path);
        self.routes.insert(rank, route);
        Vec::new()
    }

    /// Says that an expression for everything goes before routes of other Ingresses that are
    /// older: it is longer.
    fn covered(&self, claims: &Claims, claim: &PathClaim, rank: &Rank) -> Option<Diagnostic> {
        let behind = self.routes.range(rank.clone()..);
        let mut theirs = behind.filter(|(_, r)| r.origin.namespace != claims.key.namespace);
        let (_, theirs) = theirs.next()?;
        let message = format!(
            "{:?} takes everything on {}, also what {:?} of {} took, which is older but shorter.",
            shorten(&claim.path),
            self.pattern,
            shorten(&theirs.rule),
            theirs.origin
        );
        let found = Diagnostic::new(Code::PathCovers, claims.object(), message);
        let found = found.field(claim.place.path_field());
        Some(found.hint("/, with pathType: Prefix, or a host of its own"))
    }

    /// Whether some route takes what no other does.
    fn takes_all(&self) -> bool {
        self.routes.keys().any(Rank::takes_all)
    }

    fn routes_of<'s>(&'s mut self, claims: &'s Claims) -> Routes<'s> {
        Routes {
            snapshot: self.snapshot,
            claims,
            host_has_tls: self.has_tls,
            diagnostics: self.diagnostics,
        }
    }

    /// Says why a path cannot be matched; gives what is closed in its place.
    fn unmatched(
        &mut self,
        claims: &Claims,
        claim: &PathClaim,
        unmatched: Unmatched,
    ) -> Vec<Route> {
        let rule = shorten(&claim.path);
        let closes_rest = unmatched.is_open && claims.is_restricted();
        let effect = effect(&unmatched, closes_rest);
        let (code, message, hint) = match unmatched.why {
            Why::Path(error) => {
                let message = format!("{rule:?} cannot be a path: {error}; {effect}.");
                (Code::PathInvalid, message, "a path such as /shop")
            }
            Why::TooMany => {
                let message = format!(
                    "The expressions of this Ingress have more than {} steps up to {rule:?}; {effect}.",
                    path::STEPS
                );
                (
                    Code::RegexInvalid,
                    message,
                    "fewer or smaller expressions, or two Ingresses",
                )
            }
            Why::Regex(error) => {
                let spread = self
                    .spread_by
                    .filter(|by| claims.settings.use_regex != Some(true) && **by != claims.key);
                let spread = spread.map(|by| format!(", and {by} makes one of every path here"));
                let spread = spread.unwrap_or_default();
                let message = format!("{rule:?} is not an expression{spread}: {error}; {effect}.");
                let hint = "an expression such as /shop/(.*)";
                (Code::RegexInvalid, message, hint)
            }
        };
        let found = Diagnostic::new(code, claims.object(), message);
        self.diagnostics
            .push(found.field(claim.place.path_field()).hint(hint));
        let rest = closes_rest.then(|| "/".parse().ok()).flatten();
        let closed = unmatched.closed.into_iter();
        let closed = closed.chain(rest.map(PathMatch::Prefix));
        let close = |path| {
            let reason = format!("the path {rule:?} cannot be read as its Ingress asks");
            let action = Action::Unavailable {
                reason: reason.into(),
            };
            route::answer(claims, &claim.path, path, action)
        };
        closed.map(close).collect()
    }

    /// nginx redirects `/foo` to `/foo/` where only the latter is known.
    fn add_slash_redirects(&mut self, rules: &[HostClaim<'a>]) {
        let nginx = rules
            .iter()
            .filter(|(claims, _)| claims.profile == Profile::Nginx);
        for (claims, rule) in nginx.filter(|_| self.spread_by.is_none()) {
            let exact = rule
                .paths
                .iter()
                .filter(|path| path.path_type == PathType::Exact);
            for path in exact.filter_map(|claim| claim.path.parse::<NormalPath>().ok()) {
                let short = path.as_str().strip_suffix('/').unwrap_or_default();
                let Ok(short) = short.parse::<NormalPath>() else {
                    continue;
                };
                let around = [short.clone(), path.clone()].map(PathMatch::Prefix);
                if !around
                    .iter()
                    .any(|prefix| self.routes.contains_key(&Rank::of(prefix)))
                {
                    let to = route::redirect(301, Location::WithTrailingSlash);
                    let route = route::answer(claims, path.as_str(), PathMatch::Exact(short), to);
                    self.routes.entry(Rank::of(&route.path)).or_insert(route);
                }
            }
        }
    }

    /// Sends what no rule of the host takes to its own Ingress' default backend, or to everyone's.
    fn add_default(
        &mut self,
        rules: &[HostClaim<'a>],
        global: Option<(&'a Claims, &'a PathClaim)>,
    ) {
        let Ok(slash) = "/".parse::<NormalPath>() else {
            return;
        };
        let slash = PathMatch::Prefix(slash);
        if self.takes_all() {
            return;
        }
        let Some(mut route) = self.leftovers(rules, global, slash) else {
            return;
        };
        let owner = route.origin.clone();
        let bare = rules.iter().filter(|(_, rule)| rule.paths.is_empty());
        // A rule without paths claims the whole host, so what it asks holds for it.
        for (bare, _) in bare {
            let is_built = matches!(route.action, Action::Forward(_));
            if !is_built || bare.key.origin() != owner {
                route::restrict(&mut route, bare, self.has_tls);
            }
        }
        self.routes.insert(Rank::of(&route.path), route);
    }

    /// The route for what no path takes, before what rules without paths ask of it: the first
    /// redirect or default backend of its own rules, everyone's default backend, or 404.
    fn leftovers(
        &mut self,
        rules: &[HostClaim<'a>],
        global: Option<(&'a Claims, &'a PathClaim)>,
        slash: PathMatch,
    ) -> Option<Route> {
        for (claims, rule) in rules {
            if let Some(claim) = &claims.default_backend {
                return Some(self.routes_of(claims).build(claim, slash));
            }
            let moved = route::moved(&claims.settings).filter(|_| rule.paths.is_empty());
            if let Some(moved) = moved {
                return Some(route::answer(claims, "/", slash, moved));
            }
        }
        if let Some((claims, claim)) = global {
            return Some(self.routes_of(claims).build(claim, slash));
        }
        let (claims, _) = rules.first().filter(|_| self.routes.is_empty())?;
        Some(route::answer(claims, "/", slash, Action::NotFound))
    }
}

fn is_app_root(route: &Route) -> bool {
    let Action::Redirect(redirect) = &route.action else {
        return false;
    };
    matches!(redirect.to, Location::Path(_))
}

fn taken(claims: &Claims, path: &str, host: &HostPattern, winner: &Route) -> Diagnostic {
    let owner = &winner.origin;
    let is_own = *owner == claims.key.origin();
    let who = match is_own {
        _ if is_app_root(winner) && is_own => "the app-root of this Ingress".to_string(),
        _ if is_app_root(winner) => format!("the app-root of {owner}, which is older"),
        true => "this Ingress itself, further up".to_string(),
        false => format!("{owner}, which is older or comes first by name"),
    };
    let path = shorten(path);
    let message = format!("{path:?} on {host} is already taken by {who}; this one is not served.");
    let found = Diagnostic::new(Code::PathTaken, claims.object(), message);
    found.hint("another path or host, or remove one of the two")
}

/// What becomes of the requests that a path which cannot be matched was meant for.
fn effect(unmatched: &Unmatched, closes_rest: bool) -> String {
    let closed: Vec<_> = unmatched
        .closed
        .iter()
        .map(|path| match path {
            PathMatch::Exact(path) | PathMatch::Prefix(path) => path.to_string(),
            PathMatch::Regex(regex) => regex.to_string(),
        })
        .collect();
    let mut effects = Vec::new();
    if !closed.is_empty() {
        effects.push(format!(
            "requests below {} answer 503",
            closed.join(" and ")
        ));
    }
    match (unmatched.is_open, closes_rest) {
        (true, true) => {
            effects.push("only what no other path of the host takes answers 503".into());
        }
        (true, false) => effects.push(
            "what else it may have meant is not served, and open to other paths of the host".into(),
        ),
        (false, _) if closed.is_empty() => effects.push("no request has it".into()),
        (false, _) => {}
    }
    effects.join(", and ")
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
