//! One host: who owns which of its paths.
//!
//! Rules come sorted, the oldest Ingress' first, and the first of two equal claims wins, whether it is
//! served or closed: what an older Ingress meant to close is no younger one's to serve.

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
use crate::path::{self, Unmatched};
use crate::reserved::Reserved;
use crate::route::{self, Routes};
use crate::snapshot::Snapshot;

/// The place of a route among those of its host: exact paths, then the longer ones. Two routes
/// in one place claim the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    kind: u8,
    length: Reverse<usize>,
    pub is_regex: bool,
    text: Box<str>,
    ignore_case: bool,
}

impl Rank {
    pub(crate) fn of(path: &PathMatch) -> Self {
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
    pub(crate) fn same(&self) -> Vec<Self> {
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

    pub(crate) fn takes_all(&self) -> bool {
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
    /// Whether an Ingress that cannot be used may have meant to do the same.
    pub may_be_spread: bool,
    /// What is left of [`path::STEPS`] to each Ingress.
    pub steps_left: &'d mut BTreeMap<&'a ObjectKey, usize>,
    /// Boxed: a map has room for many where it has one, and most hosts have few.
    pub routes: BTreeMap<Rank, Box<Route>>,
    /// What unreadable paths keep from younger Ingresses.
    pub reserved: Reserved<'a>,
    pub diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a> HostRoutes<'a, '_> {
    /// Adds all that is claimed; rules come sorted, the oldest Ingress' first.
    pub(crate) fn add(
        &mut self,
        rules: &[HostClaim<'a>],
        global_default: Option<(&'a Claims, &'a PathClaim)>,
    ) {
        for rules in rules.chunk_by(|(a, _), (b, _)| a.key == b.key) {
            let is_spread = self.spread_by.is_some();
            if self.may_be_spread && !is_spread && is_refused_nginx(rules) {
                self.add_ingress(rules, true);
                self.add_quietly(rules, false);
            } else {
                self.add_ingress(rules, is_spread);
            }
        }
        self.add_slash_redirects(rules);
        self.add_default(rules, global_default);
    }

    /// Adds the rules of one Ingress. What it closes in place of paths that cannot be read takes
    /// nothing from its others, so it comes after them.
    fn add_ingress(&mut self, rules: &[HostClaim<'a>], nginx_regex: bool) {
        let mut unmatched = Vec::new();
        for (claims, rule) in rules {
            self.add_app_root(claims);
            for path in &rule.paths {
                let added = self.add_path(claims, path, nginx_regex);
                unmatched.extend(added.err().map(|error| (*claims, path, error)));
            }
        }
        if !unmatched.is_empty() {
            let standing = self.routes.values().map(|route| &route.path);
            self.reserved.begin(standing);
        }
        for (claims, path, error) in unmatched {
            self.close(claims, path, error);
        }
    }

    /// Adds the rules of one Ingress in another reading, of which nothing is said: what it may mean
    /// is closed in both.
    fn add_quietly(&mut self, rules: &[HostClaim<'a>], nginx_regex: bool) {
        let said = self.diagnostics.len();
        self.add_ingress(rules, nginx_regex);
        self.diagnostics.truncate(said);
    }

    fn add_app_root(&mut self, claims: &Claims) {
        let (Some(root), Ok(slash)) = (&claims.settings.app_root, "/".parse()) else {
            return;
        };
        let action = match &claims.closed {
            Some(reason) => route::unavailable(reason.clone()),
            None => route::redirect(302, Location::Path(root.clone())),
        };
        let route = route::answer(claims, "/", PathMatch::Exact(slash), action);
        match self.routes.entry(Rank::of(&route.path)) {
            Entry::Vacant(free) => drop(free.insert(route.into())),
            Entry::Occupied(taken) if taken.get().origin == route.origin => {}
            Entry::Occupied(winner) => {
                let field = claims.annotation_field("app-root");
                let found = taken(claims, "/", self.pattern, winner.get());
                self.diagnostics.push(found.field(field));
            }
        }
    }

    /// Adds a path, unless it cannot be matched.
    fn add_path(
        &mut self,
        claims: &'a Claims,
        claim: &PathClaim,
        nginx_regex: bool,
    ) -> Result<(), Unmatched> {
        let left = self.steps_left.entry(&claims.key).or_insert(path::STEPS);
        let reading = path::read(claims, claim, nginx_regex)?.within(left)?;
        let rank = Rank::of(&reading.path);
        let winner = rank.same().iter().find_map(|rank| self.routes.get(rank));
        let taken = winner.map(|winner| taken(claims, &claim.path, self.pattern, winner));
        let taken = taken.or_else(|| self.kept(claims, claim, &reading.path));
        if let Some(found) = taken {
            self.diagnostics.push(found.field(claim.place.path_field()));
            return Ok(());
        }
        if reading.implied {
            self.diagnostics.push(implied(claims, claim));
        }
        if path::is_everything(&reading.path) {
            self.diagnostics.extend(self.covered(claims, claim, &rank));
        }
        self.reserved.stands(&reading.path);
        let route = self.routes_of(claims).build(claim, reading.path);
        self.routes.insert(rank, route.into());
        Ok(())
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
    pub(crate) fn takes_all(&self) -> bool {
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

    /// nginx redirects `/foo` to `/foo/` where only the latter is known.
    fn add_slash_redirects(&mut self, rules: &[HostClaim<'a>]) {
        let nginx = rules
            .iter()
            .filter(|(claims, _)| claims.profile == Profile::Nginx && !claims.is_refused);
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
                    let place = self.routes.entry(Rank::of(&route.path));
                    place.or_insert_with(|| route.into());
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
        if let (HostPattern::Any, Some((claims, claim))) = (self.pattern, global) {
            // What is wrong with it is said whether or not any host has room for it: who asks about
            // it alone must hear the same.
            self.routes_of(claims).build(claim, slash.clone());
        }
        if self.takes_all() {
            return;
        }
        let Some(mut route) = self.leftovers(rules, global, slash) else {
            return;
        };
        let owner = route.origin.clone();
        let bare = self.rest_claims(rules, global);
        let bare = bare.filter(|(_, rule)| rule.paths.is_empty());
        // A rule without paths claims the whole host, so what it asks holds for it.
        for (bare, _) in bare {
            let is_built = matches!(route.action, Action::Forward(_));
            if !is_built || bare.key.origin() != owner {
                route::restrict(&mut route, bare, self.has_tls);
            }
        }
        self.routes.insert(Rank::of(&route.path), route.into());
    }

    /// The rules that claim what no path takes. One that cannot be used keeps that from younger
    /// Ingresses, and closes nothing of what an older one claims.
    fn rest_claims<'r>(
        &self,
        rules: &'r [HostClaim<'a>],
        global: Option<(&'a Claims, &'a PathClaim)>,
    ) -> impl Iterator<Item = &'r HostClaim<'a>> + use<'r, 'a> {
        let rest = rules
            .iter()
            .filter(|(claims, rule)| rule.paths.is_empty() || claims.default_backend.is_some());
        let global = global.filter(|_| *self.pattern == HostPattern::Any);
        let mut usable = rest.clone().filter(|(claims, _)| !claims.is_refused);
        let answers = usable.clone().find(|rule| answers_rest(rule));
        let answers = answers.map(|(claims, _)| claims.age());
        let global = global.map(|(claims, _)| claims.age());
        let oldest = usable.next().map(|(claims, _)| claims.age());
        let oldest = answers.or(oldest.into_iter().chain(global).min());
        let is_before = move |age| oldest.is_none_or(|oldest| age < oldest);
        rest.filter(move |(claims, _)| !claims.is_refused || is_before(claims.age()))
    }

    /// The route for what no path takes, before what rules without paths ask of it: the first
    /// redirect or default backend of its own rules, everyone's default backend, or 404.
    fn leftovers(
        &mut self,
        rules: &[HostClaim<'a>],
        global: Option<(&'a Claims, &'a PathClaim)>,
        slash: PathMatch,
    ) -> Option<Route> {
        for (claims, rule) in self.rest_claims(rules, global) {
            if let Some(claim) = &claims.default_backend {
                return Some(self.routes_of(claims).build(claim, slash));
            }
            let moved = route::moved(&claims.settings).filter(|_| rule.paths.is_empty());
            if let Some(moved) = moved {
                return Some(route::answer(claims, "/", slash, moved));
            }
        }
        // A host that nobody else has must not be opened to everyone's backend.
        let is_closed = rules.iter().all(|(claims, _)| claims.is_refused);
        if let Some((claims, _)) = rules.first().filter(|_| is_closed)
            && let (Some(reason), false) = (&claims.closed, *self.pattern == HostPattern::Any)
        {
            let action = route::unavailable(reason.clone());
            return Some(route::answer(claims, "/", slash, action));
        }
        if let Some((claims, claim)) = global {
            return Some(self.routes_of(claims).build(claim, slash));
        }
        let (claims, _) = rules.first().filter(|_| self.routes.is_empty())?;
        Some(route::answer(claims, "/", slash, Action::NotFound))
    }
}

/// Whether a rule itself says what becomes of what no path takes.
fn answers_rest((claims, rule): &HostClaim<'_>) -> bool {
    let is_moved = || rule.paths.is_empty() && route::moved(&claims.settings).is_some();
    claims.default_backend.is_some() || is_moved()
}

/// Whether they are of an Ingress in the nginx profile that cannot be used.
fn is_refused_nginx(rules: &[HostClaim<'_>]) -> bool {
    let is_it = |(claims, _): &HostClaim<'_>| claims.is_refused && claims.profile == Profile::Nginx;
    rules.first().is_some_and(is_it)
}

fn is_app_root(route: &Route) -> bool {
    let Action::Redirect(redirect) = &route.action else {
        return false;
    };
    matches!(redirect.to, Location::Path(_))
}

pub(crate) fn taken(claims: &Claims, path: &str, host: &HostPattern, winner: &Route) -> Diagnostic {
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

fn implied(claims: &Claims, claim: &PathClaim) -> Diagnostic {
    let message = format!(
        "{:?} is taken as a regular expression because of rewrite-target, \
         though its type is Prefix.",
        shorten(&claim.path)
    );
    Diagnostic::new(Code::RegexImplied, claims.object(), message)
        .field(claim.place.path_field())
        .hint("pathType: ImplementationSpecific")
}
