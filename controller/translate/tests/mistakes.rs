//! A mistake in a path opens nothing to younger Ingresses, and takes nothing from older ones.
//!
//! Each mistake has a twin that can be read and is as long, so that both can be asked the same.

#![cfg(test)]

mod support;

use http::{HeaderMap, Method};
use portreeve_table::{Action, PathMatch, Route, Table, Target, normalize};
use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Options, Snapshot, translate};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

const REQUESTS: [&str; 24] = [
    "/", "/a", "/A", "/a/", "/ab", "/a/b", "/a/b/", "/a/b/c", "/a.b", "/axb", "/a/b.c", "/a/bc",
    "/a-b", "/a-b/c", "/b", "/b/c", "/c/a/b", "/ba", "/a/B", "/AB", "/a%20b", "/a/x/y", "/b/a",
    "/abc",
];

/// A path with its type, and the twin that can be read.
type Twins = ((&'static str, &'static str), (&'static str, &'static str));

const REGEX: &str = "ImplementationSpecific";

/// Expressions, in which look-around is the mistake, and their twins.
const EXPRESSIONS: [(&str, &str); 12] = [
    ("/a(?=/b)", "/a(?:/b)"),
    ("/a(?=.*)", "/a(?:.*)"),
    ("/a/b(?=.c|$)", "/a/b(?:.c|$)"),
    ("/a/b(?!/health/or/so)", "/a/b(?:/health/or/so)?"),
    (r"/a\.(?=b)", r"/a\.(?:b)"),
    ("/a-b(?=/c|$)", "/a-b(?:/c|$)"),
    ("/b|/a/(?=.*)", "/b|/a/(?:.*)"),
    ("/ab?(?=.*)", "/ab?(?:.*)"),
    ("/a b(?=.*)", "/a b(?:.*)"),
    ("/[ab](?=.*)", "/[ab](?:.*)"),
    ("/(?=.*)", "/(?:.*)"),
    (".*(?=b)", ".*(?:b)"),
];

/// Of a path that is none, or of no type that there is.
const LITERALS: [Twins; 7] = [
    (("a", "Prefix"), ("/a", "Prefix")),
    (("a/b", "Exact"), ("/a/b", "Exact")),
    (("/a?x", "Prefix"), ("/a", "Prefix")),
    (("/a", "prefix"), ("/a", "Prefix")),
    (("/a/b", "exact"), ("/a/b", "Exact")),
    (("a/b", "exact"), ("/a/b", "Exact")),
    (("a-b", "other"), ("/a-b", "Prefix")),
];

fn twins() -> impl Strategy<Value = (Twins, bool)> {
    let expressions = select(EXPRESSIONS.to_vec());
    let expressions = expressions.prop_map(|(bad, good)| (((bad, REGEX), (good, REGEX)), true));
    let literals = select(LITERALS.to_vec()).prop_map(|twins| (twins, false));
    prop_oneof![2 => expressions, 1 => literals]
}

/// Paths of somebody who makes no mistake.
fn paths() -> impl Strategy<Value = Vec<(String, &'static str)>> {
    let literal = (select(REQUESTS.to_vec()), select(vec!["Exact", "Prefix"]));
    let literal = literal.prop_map(|(path, kind)| (path.to_string(), kind));
    let pieces = select(vec![
        "/", "a", "b", "/a", ".*", "[a-z]", "(.*)", "(/|$)", r"\.", "x?", "B",
    ]);
    let expression = prop::collection::vec(pieces, 0..5)
        .prop_map(|pieces| (format!("/{}", pieces.concat()), REGEX));
    prop::collection::vec(prop_oneof![literal, expression], 0..4)
}

fn ingress(name: &str, month: u8, asks: &Value, paths: &[(String, &str)]) -> Value {
    let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
    let paths: Vec<_> = paths
        .iter()
        .map(|(path, kind)| json!({"path": path, "pathType": kind, "backend": backend}))
        .collect();
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "creationTimestamp": format!("2026-0{month}-01T00:00:00Z"),
            "annotations": asks,
        },
        "spec": {"rules": [{"host": "a.example", "http": {"paths": paths}}]},
    })
}

fn asks(regex: bool, restricted: bool) -> Value {
    let mut asks = json!({});
    if regex {
        asks["portreeve.dev/use-regex"] = json!("true");
    }
    if restricted {
        asks["portreeve.dev/whitelist-source-range"] = json!("10.0.0.0/8");
    }
    asks
}

fn table(ingresses: &[&Value]) -> Table<()> {
    let fixtures = support::fixtures();
    let objects = ingresses.iter().copied().chain(&fixtures);
    let text: String = objects.map(|object| object.to_string() + "\n").collect();
    let (objects, _) = manifest::parse("a.json", &text, &Limits::default()).unwrap();
    let (snapshot, _) = Snapshot::from_objects(objects);
    let config = translate(&snapshot, &Options::standalone()).config;
    let (table, rejected) = Table::compile(&config, &Table::default(), |_, _| ());
    assert_eq!(rejected, []);
    table
}

fn route<'t>(table: &'t Table<()>, path: &str) -> Option<&'t Route> {
    let path = normalize(path).unwrap();
    let target = Target {
        host: "a.example",
        path: &path,
        query: None,
        method: &Method::GET,
        headers: &HeaderMap::new(),
    };
    table.route(&target).unwrap().map(|matched| matched.route)
}

fn is_by(route: Option<&Route>, name: &str) -> bool {
    route.is_some_and(|route| &*route.origin.name == name)
}

fn length(path: &PathMatch) -> usize {
    match path {
        PathMatch::Exact(_) => usize::MAX,
        PathMatch::Prefix(path) => path.as_str().len(),
        PathMatch::Regex(regex) => regex.pattern.len(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// What goes to the owner of a path that can be read never goes to a younger Ingress because it
    /// cannot; only where nothing restricts it, an expression that may mean any path is left to others.
    #[test]
    fn a_younger_ingress_serves_nothing_that_an_older_one_meant_to_close(
        oldest in paths(),
        ((bad, good), is_regex) in twins(),
        more in paths(),
        younger in paths(),
        restricted: bool,
    ) {
        let may_be_any = matches!(bad.0, "/[ab](?=.*)" | "/(?=.*)" | ".*(?=b)");
        let restricted = restricted || may_be_any;
        let own = |(path, kind): (&str, &'static str)| {
            let more = more.iter().filter(|(_, kind)| is_regex || *kind != REGEX).cloned();
            let paths: Vec<_> = [(path.to_string(), kind)].into_iter().chain(more).collect();
            ingress("older", 2, &asks(is_regex, restricted), &paths)
        };
        let (oldest, younger) = (
            ingress("oldest", 1, &asks(true, false), &oldest),
            ingress("younger", 3, &asks(true, false), &younger),
        );
        let (bad, good) = (own(bad), own(good));
        let (before, after) = (table(&[&oldest, &good, &younger]), table(&[&oldest, &bad, &younger]));
        for path in REQUESTS {
            let (before, after) = (route(&before, path), route(&after, path));
            let opened = is_by(before, "older") && is_by(after, "younger");
            prop_assert!(!opened, "{path}: {before:?} {after:?}");
        }
    }

    /// What an older Ingress serves is closed by a younger one's mistake only where the path of the
    /// mistake begins with something as long.
    #[test]
    fn a_younger_mistake_closes_no_longer_path_of_an_older_ingress(
        oldest in paths(),
        ((bad, _), is_regex) in twins(),
        more in paths(),
        restricted: bool,
    ) {
        let oldest = ingress("oldest", 1, &asks(true, false), &oldest);
        let paths: Vec<_> = [(bad.0.to_string(), bad.1)].into_iter().chain(more).collect();
        let bad = ingress("younger", 2, &asks(is_regex, restricted), &paths);
        let (before, after) = (table(&[&oldest]), table(&[&oldest, &bad]));
        for path in REQUESTS {
            let (before, after) = (route(&before, path), route(&after, path));
            let (Some(before), Some(after)) = (before, after) else {
                let nothing = before.is_none_or(|route| route.action == Action::NotFound);
                prop_assert!(nothing, "{path} is left out");
                continue;
            };
            let is_closed = matches!(after.action, Action::Unavailable { .. });
            let begins = match &after.path {
                PathMatch::Regex(regex) => regex.pattern.trim_start_matches('^').len(),
                path => length(path),
            };
            prop_assert!(!is_closed || length(&before.path) <= begins, "{path}: {before:?} {after:?}");
        }
    }

    /// What a younger Ingress serves under an Exact or a longer path is not closed by an older one's
    /// mistake.
    #[test]
    fn an_older_mistake_closes_no_longer_path_of_a_younger_ingress(
        ((bad, good), is_regex) in twins(),
        younger in paths(),
        restricted: bool,
    ) {
        let younger = ingress("younger", 2, &asks(true, false), &younger);
        let older = ingress("older", 1, &asks(is_regex, restricted), &[(bad.0.to_string(), bad.1)]);
        let (before, after) = (table(&[&younger]), table(&[&older, &younger]));
        for path in REQUESTS {
            let (before, after) = (route(&before, path), route(&after, path));
            // A mistake about an Exact path closes that path, as it would be served.
            let is_exact = after.is_some_and(|route| matches!(route.path, PathMatch::Exact(_)));
            let is_longer = before.is_some_and(|route| length(&route.path) > bad.0.len() + 1);
            // One of a type that there is not may be about just that path.
            let is_kept = !["Exact", "Prefix", REGEX].contains(&bad.1) && path == good.0;
            let is_longer = is_longer && !is_kept && !(is_exact && is_by(after, "older"));
            prop_assert!(!is_longer || before == after, "{path}: {before:?} {after:?}");
        }
    }
}
