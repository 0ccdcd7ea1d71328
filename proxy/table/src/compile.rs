//! A configuration made ready to be asked: `Config` in, `Table` out, with what had to be left out.
//!
//! Only what changed is compiled; a host whose hash is the same is taken over as it is.
//! A table is never changed once it stands.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::config::{Config, Host, Shared};
use crate::filter::Filter;
use crate::host::{HostPattern, Hosts};
use crate::key::ResourceKey;
use crate::lenient::lenient;
use crate::path::{PathError, decode, encode, matched_form};
use rustc_hash::FxHashMap;

use crate::paths::Paths;
use crate::regex::{CompiledRegex, PathRegex};
use crate::route::{Action, Conditions, Origin, PathMatch, Route, ValueMatch};

/// The routes of a configuration, indexed. `R` is what its owner keeps for each route.
#[derive(Debug)]
pub struct Table<R> {
    by_name: Hosts<Arc<CompiledHost<R>>>,
    by_pattern: BTreeMap<HostPattern, Arc<CompiledHost<R>>>,
}

/// One host, indexed.
#[derive(Debug)]
pub struct CompiledHost<R> {
    source: Shared<Host>,
    index: Arc<Index>,
    /// What the owner keeps for each route.
    bound: Box<[R]>,
}

/// What does not depend on the name of a host: hosts of the same content share it.
#[derive(Debug)]
struct Index {
    /// The host as it is served; only one that this version does not understand differs.
    served: Arc<Host>,
    paths: Paths,
    /// What had to be left out or closed, each with whose route it is.
    errors: Vec<(Origin, String)>,
}

/// One route with what its owner keeps for it.
#[derive(Clone, Copy, Debug)]
pub struct CompiledRoute<'t, R> {
    /// The route.
    pub route: &'t Route,
    /// What the owner of the table keeps for it.
    pub bound: &'t R,
}

/// Part of a resource that could not be compiled. The rest of it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The resource.
    pub key: ResourceKey,
    /// The Ingress whose route it is, when it is not all of the resource.
    pub origin: Option<Origin>,
    /// What is wrong with it.
    pub error: String,
}

/// What a request is matched by.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The host in lower case, without port or trailing dot.
    pub host: &'a str,
    /// The path as it will be forwarded: see [`crate::path::normalize`].
    pub path: &'a str,
    /// The query, without its question mark.
    pub query: Option<&'a str>,
    /// The method.
    pub method: &'a Method,
    /// The header fields.
    pub headers: &'a HeaderMap,
}

/// The route that takes a request.
#[derive(Debug)]
pub struct Matched<'t, R> {
    /// The route.
    pub route: &'t Route,
    /// What the owner of the table keeps for it.
    pub bound: &'t R,
    /// Its expression, when its path is one.
    pub regex: Option<&'t CompiledRegex>,
}

impl<R> Matched<'_, R> {
    /// The groups of the route's expression in `path`, percent-encoded, the whole match first.
    ///
    /// When the route's path is no expression, only the path itself.
    pub fn groups(&self, path: &str) -> Vec<String> {
        let groups = self.regex.and_then(|regex| {
            // From the text that was matched: in another one the groups may be elsewhere.
            let matched = matched_form(path);
            let decoded = decode(&matched);
            let groups = regex.groups(&decoded)?;
            Some(groups.into_iter().map(encode).collect())
        });
        groups.unwrap_or_else(|| vec![path.to_string()])
    }
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self {
            by_name: Hosts::default(),
            by_pattern: BTreeMap::new(),
        }
    }
}

impl<R> Table<R> {
    /// Compiles `config`, taking over from `previous` what did not change. All that could not be
    /// compiled is named, whenever that was tried.
    ///
    /// `bind` makes what the owner keeps for a new or changed route.
    pub fn compile(
        config: &Config,
        previous: &Self,
        mut bind: impl FnMut(&HostPattern, &Route) -> R,
    ) -> (Self, Vec<Rejected>) {
        let mut rejected = Vec::new();
        let mut by_pattern = BTreeMap::new();
        let mut indexed: FxHashMap<u128, Arc<Index>> = FxHashMap::default();
        for (pattern, host) in &config.hosts {
            let old = previous.by_pattern.get(pattern);
            let compiled = match old.filter(|old| old.source == *host) {
                Some(old) => Arc::clone(old),
                None => {
                    let old = old.map(|old| &*old.index);
                    let index = indexed.entry(host.hash());
                    let index = index.or_insert_with(|| Arc::new(Index::new(host, old)));
                    let index = Arc::clone(index);
                    let bind = |route: &Route| bind(pattern, route);
                    Arc::new(CompiledHost::new(host, index, bind))
                }
            };
            // What was wrong before and is still there is wrong still.
            let errors = compiled.index.errors.iter();
            rejected.extend(errors.map(|(origin, error)| Rejected {
                key: ResourceKey::Host(pattern.clone()),
                origin: Some(origin.clone()),
                error: error.clone(),
            }));
            by_pattern.insert(pattern.clone(), compiled);
        }
        let hosts = by_pattern.iter();
        let by_name = hosts.map(|(p, h)| (p.clone(), Arc::clone(h))).collect();
        let table = Self {
            by_name,
            by_pattern,
        };
        (table, rejected)
    }

    /// The route that takes a request; `None` when none does.
    ///
    /// # Errors
    /// When a lenient server could read the path as one that another route takes.
    pub fn route(&self, target: &Target<'_>) -> Result<Option<Matched<'_, R>>, PathError> {
        let Some(host) = self.by_name.find(target.host) else {
            return Ok(None);
        };
        let found = host.find(target.path, target);
        let mut readings = lenient(target.path).into_iter();
        if readings.any(|reading| host.find(&reading, target) != found) {
            return Err(PathError::Ambiguous);
        }
        Ok(found.and_then(|number| host.matched(number)))
    }

    /// Whether there is a host for this name, be it only the one without a name.
    pub fn has_host(&self, name: &str) -> bool {
        self.by_name.find(name).is_some()
    }

    /// Every route with its host, in the order of the hosts.
    pub fn routes(&self) -> impl Iterator<Item = (&HostPattern, CompiledRoute<'_, R>)> {
        let hosts = self.by_pattern.iter();
        hosts.flat_map(|(pattern, host)| host.routes().map(move |route| (pattern, route)))
    }
}

impl<R> CompiledHost<R> {
    fn new(source: &Shared<Host>, index: Arc<Index>, bind: impl FnMut(&Route) -> R) -> Self {
        Self {
            source: source.clone(),
            bound: index.served.routes.iter().map(bind).collect(),
            index,
        }
    }

    fn routes(&self) -> impl Iterator<Item = CompiledRoute<'_, R>> {
        let routes = self.index.served.routes.iter().zip(&self.bound);
        routes.map(|(route, bound)| CompiledRoute { route, bound })
    }

    fn find(&self, path: &str, target: &Target<'_>) -> Option<usize> {
        self.index.paths.find(&matched_form(path), |number| {
            let route = self.index.served.routes.get(number);
            route.is_some_and(|route| route.conditions.hold(target))
        })
    }

    fn matched(&self, number: usize) -> Option<Matched<'_, R>> {
        Some(Matched {
            route: self.index.served.routes.get(number)?,
            bound: self.bound.get(number)?,
            regex: self.index.paths.regex(number),
        })
    }
}

impl Index {
    /// Indexes a host, with the expressions that it had before.
    fn new(source: &Shared<Host>, old: Option<&Self>) -> Self {
        let served = served(source);
        let known = old.into_iter().flat_map(Self::expressions).collect();
        let paths = served.routes.iter().map(|route| &route.path);
        let (paths, failed) = Paths::new(paths, &known);
        let describe = |route: &Route, error: &dyn fmt::Display| {
            let (origin, rule) = (route.origin.clone(), &route.rule);
            let error = format!("{origin} {rule:?}: {error}");
            (origin, error)
        };
        let failed = failed.into_iter().filter_map(|(number, error)| {
            let route = served.routes.get(number)?;
            Some(describe(route, &error))
        });
        let unknown = source.routes.iter().filter(|route| is_unknown(route));
        let unknown = unknown.map(|route| describe(route, &UNKNOWN));
        let errors = failed.chain(unknown).collect();
        Self {
            served,
            paths,
            errors,
        }
    }

    fn expressions(&self) -> impl Iterator<Item = (&PathRegex, &CompiledRegex)> {
        let regexes = self.paths.regexes();
        regexes.filter_map(
            |(number, compiled)| match &self.served.routes.get(number)?.path {
                PathMatch::Regex(regex) => Some((regex, compiled)),
                _ => None,
            },
        )
    }
}

/// A host as it is served: nearly always as it came, and then not a second time in memory.
fn served(source: &Shared<Host>) -> Arc<Host> {
    let as_it_came =
        |route: &Route| !is_unknown(route) && route.filters.is_sorted_by_key(Filter::order);
    if source.routes.iter().all(as_it_came) {
        return Arc::clone(source.arc());
    }
    let routes = source.routes.iter().cloned().map(|mut route| {
        if is_unknown(&route) {
            close(&mut route);
        }
        route.filters.sort_by_key(Filter::order);
        route
    });
    Arc::new(Host {
        routes: routes.collect(),
    })
}

/// Whether a route has a filter or an action that this version does not know.
fn is_unknown(route: &Route) -> bool {
    let mut filters = route.filters.iter();
    filters.any(|filter| matches!(filter, Filter::Unknown(_)))
        || matches!(route.action, Action::Unknown(_))
}

/// Why a route is closed that asks for something unknown.
const UNKNOWN: &str =
    "the configuration asks for what this version does not know; upgrade the proxy";

/// What is unknown may be a restriction, so the route answers 503.
fn close(route: &mut Route) {
    route.filters.clear();
    route.action = Action::Unavailable {
        reason: UNKNOWN.into(),
    };
}

impl Conditions {
    /// Whether a request meets all of them.
    pub fn hold(&self, target: &Target<'_>) -> bool {
        let method = self.methods.is_empty() || self.methods.iter().any(|m| m.0 == *target.method);
        let header = |(name, value): &(crate::Text<http::HeaderName>, ValueMatch)| {
            let mut values = target.headers.get_all(&name.0).iter();
            values.any(|v| value.accepts(v.as_bytes()))
        };
        let parameter = |(name, value): &(Box<str>, ValueMatch)| {
            let pairs = target.query.unwrap_or_default().split('&');
            let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            pairs.any(|(n, v)| *n == **name && value.accepts(v.as_bytes()))
        };
        method && self.headers.iter().all(header) && self.query.iter().all(parameter)
    }
}

impl ValueMatch {
    fn accepts(&self, value: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::Exact(exact) => exact.as_bytes() == value,
        }
    }
}
