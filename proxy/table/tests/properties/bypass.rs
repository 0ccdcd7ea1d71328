//! No path gets past a rule by being written so that a backend reads it as another one.
//!
//! The backends here are lenient in every combination of five ways, each by itself within reason.

use std::collections::BTreeSet;

use http::{HeaderMap, Method};
use portreeve_table::{
    Action, Conditions, Config, Host, HostPattern, Origin, PathMatch, Route, Shared, Table, Target,
    normalize,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::given;

/// What a backend may do to a path before it resolves dot segments, in any order.
const LENIENCIES: [fn(&str) -> String; 5] = [
    decode_slashes,
    take_backslashes_for_slashes,
    drop_parameters,
    merge_slashes,
    decode_what_is_no_separator,
];

fn decode_slashes(path: &str) -> String {
    path.replace("%2F", "/").replace("%2f", "/")
}

fn take_backslashes_for_slashes(path: &str) -> String {
    path.replace("%5C", "/")
        .replace("%5c", "/")
        .replace('\\', "/")
}

fn drop_parameters(path: &str) -> String {
    let bare = path
        .split('/')
        .map(|element| element.split(';').next().unwrap_or(""));
    bare.collect::<Vec<_>>().join("/")
}

fn merge_slashes(path: &str) -> String {
    let mut merged = path.to_string();
    while merged.contains("//") {
        merged = merged.replace("//", "/");
    }
    merged
}

/// What stands in the paths below; `%25` stays, for decoding twice is nobody's leniency.
fn decode_what_is_no_separator(path: &str) -> String {
    let escapes = [
        ("%40", "@"),
        ("%3B", ";"),
        ("%3b", ";"),
        ("%3D", "="),
        ("%2E", "."),
        ("%61", "a"),
    ];
    escapes
        .iter()
        .fold(path.to_string(), |path, (escape, plain)| {
            path.replace(escape, plain)
        })
}

/// Everything that some backend takes `path` for: leniencies in every order and selection.
fn readings(path: &str) -> BTreeSet<String> {
    let mut unresolved = BTreeSet::from([path.to_string()]);
    let mut queue = vec![path.to_string()];
    while let Some(path) = queue.pop() {
        for read in LENIENCIES.map(|leniency| leniency(&path)) {
            if unresolved.insert(read.clone()) {
                queue.push(read);
            }
        }
    }
    unresolved.iter().map(|path| resolved(path)).collect()
}

/// Dot segments resolved, the root being its own parent; empty elements left out.
fn resolved(path: &str) -> String {
    let mut kept = Vec::new();
    for element in path.split('/').skip(1) {
        match element {
            "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    kept.retain(|element| !element.is_empty());
    format!("/{}", kept.join("/"))
}

fn route(rule: &str, path: PathMatch) -> Route {
    Route {
        origin: Origin {
            namespace: "shop".into(),
            name: "web".into(),
        },
        rule: rule.into(),
        instead_of: None,
        path,
        conditions: Conditions::default(),
        filters: Vec::new(),
        action: Action::NotFound,
    }
}

/// A table of two rules: everybody may read the one, few the other.
fn table(public: PathMatch, protected: &str) -> Table<()> {
    let protected = PathMatch::Prefix(protected.parse().unwrap());
    let routes = vec![route("public", public), route("protected", protected)];
    let host = Shared::new(Host { routes });
    let config = Config {
        hosts: [(HostPattern::Any, host)].into(),
        ..Config::default()
    };
    Table::compile(&config, &Table::default(), |_, _| ()).0
}

/// Says how a backend can be led to read what is protected, when it can.
fn bypass(table: &Table<()>, protected: &str, raw: &str) -> Option<String> {
    let forwarded = normalize(raw).ok()?;
    let (headers, method) = (HeaderMap::new(), Method::GET);
    let target = Target {
        host: "shop.example",
        path: &forwarded,
        query: None,
        method: &method,
        headers: &headers,
    };
    let matched = table.route(&target).ok()??;
    if &*matched.route.rule == "protected" {
        return None;
    }
    let below = |path: &str| path == protected || path.starts_with(&format!("{protected}/"));
    let read = readings(&forwarded).into_iter().find(|path| below(path))?;
    Some(format!(
        "{raw} is forwarded as {forwarded} and may be read as {read}"
    ))
}

/// Two rules, and the paths of both.
fn tables() -> Vec<(Table<()>, &'static str)> {
    let prefix = |path: &str| PathMatch::Prefix(path.parse().unwrap());
    let exact = |path: &str| PathMatch::Exact(path.parse().unwrap());
    let mut tables = Vec::new();
    for protected in ["/admin", "/public/admin", "/a/b", "/@admin", "/admin;v=1"] {
        for public in [
            prefix("/"),
            prefix("/public"),
            prefix("/a"),
            exact("/public"),
            exact("/"),
        ] {
            tables.push((table(public, protected), protected));
        }
    }
    tables
}

#[test]
fn known_ways_past_a_rule_are_closed() {
    let tables = tables();
    for raw in include_str!("hostile_paths.txt").lines() {
        for (table, protected) in &tables {
            assert_eq!(bypass(table, protected, raw), None);
        }
    }
}

#[test]
fn no_writing_of_a_path_gets_past_a_rule() {
    const PIECES: [&str; 34] = [
        "/",
        "/",
        "/",
        "/",
        "//",
        "%2F",
        "%2f",
        "%5C",
        "\\",
        "%255C",
        "%252F",
        ";",
        ";x",
        ";v=1",
        "%3B",
        ".",
        "..",
        "%2e",
        "%2E%2E",
        "..;",
        "admin",
        "admin",
        "public",
        "public",
        "a",
        "a",
        "b",
        "x",
        "@admin",
        "%40admin",
        "%61dmin",
        "admin;v=1",
        "?",
        "%00",
    ];
    let tables = tables();
    let path = prop::collection::vec(select(&PIECES[..]), 1..12);
    let path = path.prop_map(|pieces| format!("/{}", pieces.concat()));
    let ran = given::runner(20_000).run(&path, |raw| {
        for (table, protected) in &tables {
            prop_assert_eq!(bypass(table, protected, &raw), None);
        }
        Ok(())
    });
    if let Err(smallest) = ran {
        panic!("{smallest}");
    }
}

#[test]
fn harmless_paths_are_served() {
    let tables = [("/public", "/admin"), ("/", "/admin")];
    for (public, protected) in tables {
        let table = table(PathMatch::Prefix(public.parse().unwrap()), protected);
        for raw in [
            "/public/@scope%2fpackage",
            "/public/a;jsessionid=1",
            "/public/group%2Fproject/files/src%2Fmain.rs",
            "/public/https://shop.example/x",
            "/public/C%3A%5Cwindows",
            "/public/100%25",
            "/public/a%20b/../c",
        ] {
            let (headers, method) = (HeaderMap::new(), Method::GET);
            let forwarded = normalize(raw).unwrap();
            let target = Target {
                host: "shop.example",
                path: &forwarded,
                query: None,
                method: &method,
                headers: &headers,
            };
            let matched = table.route(&target).unwrap().unwrap();
            assert_eq!(&*matched.route.rule, "public", "{raw}");
        }
    }
}
