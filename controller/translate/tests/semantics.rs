//! The rows of the Ingress API's tables of paths and hosts, each through the whole of it: YAML,
//! translation, compiled table, match.

#![cfg(test)]

mod support;

use http::{HeaderMap, Method};
use portreeve_table::{Action, Matched, Redirect, Table, Target, normalize};
use support::case;

/// The rule that takes `url` (`host/path`) of these routes, as it was written; `None` is 404.
fn taken(table: &Table<()>, url: &str) -> Option<String> {
    matched(table, url).map(|matched| matched.route.rule.to_string())
}

fn matched<'t>(table: &'t Table<()>, url: &str) -> Option<Matched<'t, ()>> {
    let (host, path) = url.split_at(url.find('/').unwrap());
    let path = normalize(path).unwrap();
    let target = Target {
        host,
        path: &path,
        query: None,
        method: &Method::GET,
        headers: &HeaderMap::new(),
    };
    table.route(&target).unwrap()
}

fn table(yaml: &str) -> Table<()> {
    let translation = case(yaml).translate();
    let (table, rejected) = Table::compile(&translation.config, &Table::default(), |_, _| ());
    assert_eq!(rejected, []);
    table
}

/// One Ingress for `a.example` with rules such as `Prefix /foo`.
fn paths(rules: &[&str]) -> Table<()> {
    hosts(&[("a.example", rules)])
}

fn hosts(hosts: &[(&str, &[&str])]) -> Table<()> {
    let mut yaml =
        String::from("kind: Ingress\nmetadata: {name: web, namespace: shop}\nspec:\n  rules:\n");
    for (host, rules) in hosts {
        yaml += &match *host {
            "" => "  - http:\n      paths:\n".to_string(),
            host => format!("  - host: {host:?}\n    http:\n      paths:\n"),
        };
        for rule in *rules {
            let (kind, path) = rule.split_once(' ').unwrap();
            yaml += &format!(
                "      - {{pathType: {kind}, path: {path:?}, backend: {{service: {{name: web, port: {{number: 80}}}}}}}}\n"
            );
        }
    }
    table(&yaml)
}

/// Checks which rule takes each path of `a.example`; the empty rule is none.
fn check(rules: &[&str], requests: &[(&str, &str)]) {
    let table = paths(rules);
    for (path, expected) in requests {
        let taken = taken(&table, &format!("a.example{path}")).unwrap_or_default();
        assert_eq!(taken, *expected, "{path} with {rules:?}");
    }
}

#[test]
fn p1_prefix_root_takes_everything() {
    check(
        &["Prefix /"],
        &[("/", "/"), ("/foo", "/"), ("/foo/bar/", "/"), ("//", "/")],
    );
}

#[test]
fn p2_exact_takes_itself() {
    check(&["Exact /foo"], &[("/foo", "/foo")]);
}

#[test]
fn p3_exact_takes_no_other_path() {
    check(
        &["Exact /foo"],
        &[("/bar", ""), ("/foo/bar", ""), ("/FOO", ""), ("/", "")],
    );
}

#[test]
fn p4_exact_does_not_take_a_trailing_slash() {
    check(&["Exact /foo"], &[("/foo/", "")]);
}

#[test]
fn p5_exact_with_a_trailing_slash_needs_it() {
    check(&["Exact /foo/"], &[("/foo", ""), ("/foo/", "/foo/")]);
}

#[test]
fn p6_prefix_takes_itself_with_and_without_slash() {
    check(&["Prefix /foo"], &[("/foo", "/foo"), ("/foo/", "/foo")]);
}

#[test]
fn p7_prefix_with_a_trailing_slash_takes_both_as_well() {
    check(&["Prefix /foo/"], &[("/foo", "/foo/"), ("/foo/", "/foo/")]);
}

#[test]
fn p8_prefix_goes_element_by_element() {
    check(
        &["Prefix /aaa/bb"],
        &[("/aaa/bbb", ""), ("/aaa/bb", "/aaa/bb")],
    );
}

#[test]
fn p9_prefix_takes_what_is_below() {
    check(
        &["Prefix /aaa/bbb"],
        &[
            ("/aaa/bbb", "/aaa/bbb"),
            ("/aaa/bbb/", "/aaa/bbb"),
            ("/aaa/bbb/ccc", "/aaa/bbb"),
            ("/aaa/bbbxyz", ""),
        ],
    );
}

#[test]
fn p10_the_trailing_slash_of_a_prefix_is_ignored() {
    check(&["Prefix /aaa/bbb/"], &[("/aaa/bbb", "/aaa/bbb/")]);
}

#[test]
fn p11_the_longer_of_two_prefixes_takes_it() {
    check(&["Prefix /", "Prefix /aaa"], &[("/aaa/ccc", "/aaa")]);
}

#[test]
fn p12_the_longest_of_three_prefixes_takes_it() {
    let rules = ["Prefix /", "Prefix /aaa", "Prefix /aaa/bbb"];
    check(
        &rules,
        &[("/aaa/bbb", "/aaa/bbb"), ("/ccc", "/"), ("/aaa/b", "/aaa")],
    );
}

#[test]
fn p13_what_no_prefix_takes_goes_to_the_default_backend() {
    check(&["Prefix /aaa"], &[("/ccc", "")]);
    let rule = "host: a.example, http: {paths: [{path: /aaa, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}";
    let with_default = table(&format!(
        "kind: Ingress\nmetadata: {{name: web, namespace: shop}}\nspec: {{rules: [{{{rule}}}]}}\n---\nkind: Ingress\nmetadata: {{name: default, namespace: shop}}\nspec: {{defaultBackend: {{service: {{name: api, port: {{number: 80}}}}}}}}"
    ));
    let matched = matched(&with_default, "a.example/ccc").unwrap();
    assert_eq!(matched.route.origin.to_string(), "shop/default");
}

#[test]
fn p14_exact_wins_over_prefix() {
    let table = paths(&["Prefix /foo", "Exact /foo"]);
    let route = matched(&table, "a.example/foo").unwrap().route;
    assert!(matches!(route.path, portreeve_table::PathMatch::Exact(_)));
}

#[test]
fn p15_of_two_writings_of_one_prefix_the_longer_text_wins() {
    let rules = ["Prefix /foo", "Prefix /foo/"];
    check(&rules, &[("/foo/x", "/foo/"), ("/foo", "/foo/")]);
}

#[test]
fn p16_an_empty_path_is_everything() {
    check(&["ImplementationSpecific "], &[("/", "/"), ("/foo", "/")]);
}

#[test]
fn p17_implementation_specific_without_expressions_is_prefix() {
    check(
        &["ImplementationSpecific /foo"],
        &[("/foo/bar", "/foo"), ("/foobar", "")],
    );
}

#[test]
fn p18_a_missing_path_type_is_prefix() {
    check(&["\"\" /foo"], &[("/foo/bar", "/foo"), ("/foobar", "")]);
}

/// Checks which pattern answers for each name; the empty pattern is none, `*` the rule without host.
fn check_hosts(patterns: &[&str], requests: &[(&str, &str)]) {
    let own: Vec<_> = (0..patterns.len()).map(|n| format!("Exact /{n}")).collect();
    let rules: Vec<[&str; 1]> = own.iter().map(|rule| [rule.as_str()]).collect();
    let rules: Vec<_> = patterns
        .iter()
        .zip(&rules)
        .map(|(p, rule)| (*p, &rule[..]))
        .collect();
    let table = hosts(&rules);
    for (name, expected) in requests {
        let answers = |n: &usize| taken(&table, &format!("{name}/{n}")).is_some();
        let found: Vec<_> = (0..patterns.len())
            .filter(answers)
            .map(|n| patterns[n])
            .collect();
        let expected: Vec<_> = Some(*expected)
            .into_iter()
            .filter(|e| !e.is_empty())
            .collect();
        let found: Vec<_> = found
            .into_iter()
            .map(|p| if p.is_empty() { "*" } else { p })
            .collect();
        assert_eq!(found, expected, "{name} with {patterns:?}");
    }
}

#[test]
fn h1_a_wildcard_takes_one_label() {
    check_hosts(&["*.foo.com"], &[("bar.foo.com", "*.foo.com")]);
}

#[test]
fn h2_a_wildcard_takes_neither_two_labels_nor_none() {
    check_hosts(&["*.foo.com"], &[("baz.bar.foo.com", ""), ("foo.com", "")]);
}

#[test]
fn h3_a_rule_without_host_takes_what_no_other_host_does() {
    check_hosts(
        &["", "foo.com", "*.foo.com"],
        &[
            ("other.com", "*"),
            ("foo.com", "foo.com"),
            ("a.foo.com", "*.foo.com"),
            ("a.b.foo.com", "*"),
        ],
    );
}

#[test]
fn h4_the_case_and_the_trailing_dot_of_a_host_do_not_matter() {
    // A request's name is brought into this form by the proxy: lower case, no port, no dot.
    check_hosts(&["FOO.com."], &[("foo.com", "FOO.com.")]);
}

#[test]
fn h5_an_exact_host_wins_over_a_wildcard() {
    check_hosts(
        &["*.foo.com", "bar.foo.com"],
        &[("bar.foo.com", "bar.foo.com")],
    );
}

#[test]
fn h6_a_host_that_matched_is_final() {
    let table = hosts(&[
        ("bar.foo.com", &["Prefix /a"]),
        ("*.foo.com", &["Prefix /"]),
        ("", &["Prefix /"]),
    ]);
    assert_eq!(taken(&table, "bar.foo.com/b"), None);
    assert_eq!(taken(&table, "baz.foo.com/b").as_deref(), Some("/"));
}

#[test]
fn h7_addresses_ports_and_a_bare_star_are_no_hosts() {
    for host in ["10.0.0.1", "foo.com:80", "*", "::1"] {
        let table = hosts(&[(host, &["Prefix /"])]);
        assert_eq!(table.routes().count(), 0, "{host}");
    }
}

#[test]
fn h8_a_host_without_paths_goes_to_the_default_backend() {
    let table = table(
        "kind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {defaultBackend: {service: {name: web, port: {number: 80}}}, rules: [{host: foo.com}]}",
    );
    let route = matched(&table, "foo.com/x").unwrap().route;
    assert!(matches!(route.action, Action::Forward(_)));
}

#[test]
fn h9_a_host_without_paths_or_default_backend_is_not_found() {
    let table = table(
        "kind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {rules: [{host: foo.com}]}",
    );
    let route = matched(&table, "foo.com/x").unwrap().route;
    assert_eq!(route.action, Action::NotFound);
}

/// One path of a host in a profile, with annotations.
fn profile(profile: &str, annotations: &str, rules: &str) -> Table<()> {
    table(&format!(
        "kind: Options\nprofile: {profile}\n---\nkind: Ingress\nmetadata: {{name: web, namespace: shop, annotations: {{{annotations}}}}}\nspec: {{rules: [{{host: a.example, http: {{paths: [{rules}]}}}}]}}"
    ))
}

const BACKEND: &str = "backend: {service: {name: web, port: {number: 80}}}";

#[test]
fn s1_the_server_field_is_removed_in_the_nginx_profile_only() {
    let rule = format!("{{path: /, pathType: Prefix, {BACKEND}}}");
    for (name, hidden) in [("standard", false), ("nginx", true)] {
        let table = profile(name, "", &rule);
        let filters = &matched(&table, "a.example/").unwrap().route.filters;
        assert_eq!(
            filters.contains(&portreeve_table::Filter::HideServer),
            hidden,
            "{name}"
        );
    }
}

#[test]
fn s2_a_missing_slash_is_redirected_in_the_nginx_profile_only() {
    let rule = format!("{{path: /foo/, pathType: Exact, {BACKEND}}}");
    assert!(matched(&profile("standard", "", &rule), "a.example/foo").is_none());
    let nginx = profile("nginx", "", &rule);
    let route = matched(&nginx, "a.example/foo").unwrap().route;
    assert!(matches!(
        route.action,
        Action::Redirect(Redirect { status: 301, .. })
    ));
}

#[test]
fn s3_an_expression_is_anchored_and_heeds_case_in_the_standard_profile() {
    let rules = format!(
        "{{path: \"/foo/[a-z]\", pathType: ImplementationSpecific, {BACKEND}}}, {{path: /Bar, pathType: Exact, {BACKEND}}}"
    );
    let table = profile("standard", "portreeve.dev/use-regex: \"true\"", &rules);
    for (url, expected) in [
        ("a.example/foo/b", Some("/foo/[a-z]")),
        ("a.example/foo/bcd/e", Some("/foo/[a-z]")),
        ("a.example/FOO/b", None),
        ("a.example/x/foo/b", None),
        ("a.example/Bar", Some("/Bar")),
        ("a.example/Bar/x", None),
        ("a.example/bar", None),
    ] {
        assert_eq!(taken(&table, url).as_deref(), expected, "{url}");
    }
}

#[test]
fn s4_one_expression_makes_every_path_of_the_host_one_in_the_nginx_profile() {
    let rules = format!(
        "{{path: \"/foo/[a-z]\", pathType: ImplementationSpecific, {BACKEND}}}, {{path: /Bar, pathType: Exact, {BACKEND}}}"
    );
    let table = profile("nginx", "portreeve.dev/use-regex: \"true\"", &rules);
    for (url, expected) in [
        ("a.example/FOO/B", Some("/foo/[a-z]")),
        ("a.example/x/foo/b", None),
        ("a.example/bar", Some("/Bar")),
        ("a.example/BARTENDER", Some("/Bar")),
    ] {
        assert_eq!(taken(&table, url).as_deref(), expected, "{url}");
    }
}
