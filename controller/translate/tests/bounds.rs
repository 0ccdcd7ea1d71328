//! What one Ingress may ask of the whole proxy: the sizes of what it comes to, and what is said.

#![cfg(test)]

mod support;

use portreeve_table::{Action, HostPattern, PathMatch, Table};
use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Snapshot, Translation, translate};
use serde_json::{Value, json};

const NGINX: &str = "nginx.ingress.kubernetes.io/";

/// The translation of one Ingress with these paths and annotations.
fn run(paths: impl Iterator<Item = String>, annotations: &Value) -> Translation {
    let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
    let path = |path: String| json!({"path": path, "pathType": "ImplementationSpecific", "backend": backend});
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop", "annotations": annotations},
        "spec": {"rules": [{"host": "a.example", "http": {"paths": paths.map(path).collect::<Vec<_>>()}}]},
    });
    let objects = support::fixtures().into_iter().chain([ingress]);
    let text: String = objects.map(|object| object.to_string() + "\n").collect();
    let (objects, _) = manifest::parse("a.json", &text, &Limits::default()).unwrap();
    translate(&Snapshot::from_objects(objects).0, &support::nginx())
}

fn plain(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("/p{n}"))
}

fn size(translation: &Translation) -> usize {
    serde_json::to_string(&translation.config).unwrap().len()
        + serde_json::to_string(&translation.diagnostics)
            .unwrap()
            .len()
}

fn closed(translation: &Translation) -> usize {
    let hosts = translation.config.hosts.values();
    let actions = hosts
        .flat_map(|host| &host.routes)
        .map(|route| &route.action);
    actions
        .filter(|action| matches!(action, Action::Unavailable { .. }))
        .count()
}

#[test]
fn a_large_bad_value_is_not_repeated_for_each_route() {
    let large = "x".repeat(250_000);
    for name in [
        "whitelist-source-range",
        "rewrite-target",
        "permanent-redirect",
        "upstream-vhost",
    ] {
        let translation = run(plain(500), &json!({format!("{NGINX}{name}"): large}));
        assert_eq!(closed(&translation), 500, "{name}");
        assert!(
            size(&translation) < 500_000,
            "{name}: {}",
            size(&translation)
        );
    }
    for value in [format!("/{large}"), format!("https://a.example/{large}")] {
        let translation = run(
            plain(500),
            &json!({format!("{NGINX}rewrite-target"): value}),
        );
        assert!(size(&translation) < 500_000, "{}", size(&translation));
    }
}

#[test]
fn too_many_ranges_for_so_many_routes_close_them() {
    let ranges: Vec<_> = (0..9000)
        .map(|n| format!("10.{}.{}.1", n / 250, n % 250))
        .collect();
    let annotations = json!({format!("{NGINX}whitelist-source-range"): ranges.join(",")});
    assert_eq!(closed(&run(plain(100), &annotations)), 0);
    let translation = run(plain(200), &annotations);
    assert_eq!(closed(&translation), 200);
    let said = translation.diagnostics[0].to_string();
    assert!(
        said.contains("9000 ranges are too many for 200 routes"),
        "{said}"
    );
}

#[test]
fn the_more_routes_an_ingress_has_the_fewer_aliases() {
    let aliases: Vec<_> = (0..1000).map(|n| format!("a{n}.example")).collect();
    let annotations = json!({format!("{NGINX}server-alias"): aliases.join(",")});
    for (paths, served) in [(1, 100), (1000, 20)] {
        let translation = run(plain(paths), &annotations);
        assert_eq!(translation.config.hosts.len(), served + 1, "{paths}");
        let said = translation.diagnostics[0].to_string();
        assert!(said.contains(&format!("{served} more names")), "{said}");
    }
}

#[test]
fn what_is_over_the_bound_on_expressions_is_closed() {
    let paths = (0..300).map(|n| format!("/p{n}/[a-z]{{1,1200}}/x"));
    let translation = run(paths, &json!({format!("{NGINX}use-regex"): "true"}));
    assert!(closed(&translation) > 50, "{}", closed(&translation));
    let host = &translation.config.hosts[&"a.example".parse::<HostPattern>().unwrap()];
    assert_eq!(host.routes.len(), 300, "none is left out");
    let longest = host
        .routes
        .iter()
        .map(|route| match (&route.path, &route.action) {
            (PathMatch::Regex(regex), Action::Unavailable { .. }) => {
                regex.pattern.trim_start_matches('^').len()
            }
            _ => 0,
        });
    assert_eq!(
        longest.max(),
        Some("/p299/".len()),
        "they close what they begin with"
    );
    let none = Table::<()>::default();
    let (_, rejected) = Table::compile(&translation.config, &none, |_, _| ());
    assert_eq!(rejected, []);
}

#[test]
fn of_many_misspelt_annotations_a_few_are_named() {
    let annotations: serde_json::Map<_, _> = (0..2700)
        .map(|n| (format!("{NGINX}k{n}-proxy-read-timeuot"), json!("x")))
        .collect();
    let translation = run(plain(1), &annotations.into());
    assert_eq!(translation.diagnostics.len(), 21);
    let said = translation
        .diagnostics
        .iter()
        .any(|d| d.message.contains("2680 more"));
    assert!(said, "{:?}", translation.diagnostics);
}
