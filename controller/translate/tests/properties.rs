//! What holds for all objects: the order of the input does not matter, nothing panics, nobody
//! pays for somebody else's mistake, and no key is ever shown.

#![cfg(test)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use portreeve_table::{
    Action, Config, Delta, Forbidden, HostPattern, Lines, Location, Route, ToProxy,
};
use portreeve_translate::annotations::{NGINX_PREFIX, OWN_PREFIX, all};
use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{
    Memo, Object, ObjectKey, Options, Profile, Snapshot, Translation, service, translate,
    translate_again,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

fn read(objects: &[Value]) -> Vec<Object> {
    let text: String = objects
        .iter()
        .map(|object| object.to_string() + "\n")
        .collect();
    manifest::parse("objects.json", &text, &Limits::default())
        .unwrap()
        .0
}

fn run(objects: impl IntoIterator<Item = Object>, profile: Profile) -> Translation {
    let (snapshot, _) = Snapshot::from_objects(objects);
    translate(&snapshot, &options(profile))
}

fn options(profile: Profile) -> Options {
    Options {
        profile,
        now: support::NOW,
        ..Options::standalone()
    }
}

fn profiles() -> impl Strategy<Value = Profile> {
    select(vec![Profile::Standard, Profile::Nginx])
}

const HOSTS: [&str; 9] = [
    "a.example",
    "A.example.",
    "b.example",
    "*.b.example",
    "www.a.example",
    "",
    "10.0.0.1",
    "www.10.0.0.1",
    "a b",
];
const PATHS: [&str; 12] = [
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a//b",
    "/A",
    "",
    "a",
    "/a(/|$)(.*)",
    "/(",
    "/a/[0-9]+",
    "/..",
];
const TYPES: [&str; 5] = ["Exact", "Prefix", "ImplementationSpecific", "", "Other"];
const VALUES: [&str; 13] = [
    "true",
    "false",
    "",
    "x",
    "10",
    "-1",
    "/$1",
    "https://a.example/",
    "https://a.example$request_uri",
    "10.0.0.0/8",
    "ewma",
    "b.example",
    "~^x(",
];

fn annotations() -> impl Strategy<Value = Value> {
    let names: Vec<_> = all().map(|annotation| annotation.name).collect();
    let one = (
        select(vec![OWN_PREFIX, NGINX_PREFIX]),
        select(names),
        select(VALUES.to_vec()),
    );
    prop::collection::vec(one, 0..4).prop_map(|given| {
        let given = given.into_iter();
        given
            .map(|(prefix, name, value)| (format!("{prefix}{name}"), json!(value)))
            .collect::<Map<_, _>>()
            .into()
    })
}

fn backend() -> impl Strategy<Value = Value> {
    let service = (
        select(vec!["web", "api", "gone"]),
        select(vec![
            json!({"number": 80}),
            json!({"name": "http"}),
            json!({"number": 9}),
        ]),
    );
    prop_oneof![
        8 => service.prop_map(|(name, port)| json!({"service": {"name": name, "port": port}})),
        1 => Just(json!({"resource": {"kind": "Bucket", "name": "b"}})),
        1 => Just(json!({})),
    ]
}

fn rule() -> impl Strategy<Value = Value> {
    let path = (select(PATHS.to_vec()), select(TYPES.to_vec()), backend()).prop_map(
        |(path, kind, backend)| json!({"path": path, "pathType": kind, "backend": backend}),
    );
    (select(HOSTS.to_vec()), prop::collection::vec(path, 0..4)).prop_map(
        |(host, paths)| match paths.is_empty() {
            true => json!({"host": host}),
            false => json!({"host": host, "http": {"paths": paths}}),
        },
    )
}

prop_compose! {
    fn ingress(name: String)(
        namespace in select(vec!["shop", "other"]),
        created in select(vec![None, Some("2026-01-01T00:00:00Z"), Some("2026-02-01T00:00:00Z")]),
        annotations in annotations(),
        rules in prop::collection::vec(rule(), 0..3),
        default in prop::option::of(backend()),
        tls in select(vec![json!([]), json!([{"hosts": ["a.example", "*.b.example"], "secretName": "tls"}]), json!([{"secretName": "gone"}])]),
    ) -> Value {
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": name.clone(), "namespace": namespace, "creationTimestamp": created, "annotations": annotations},
            "spec": {"rules": rules, "defaultBackend": default, "tls": tls},
        })
    }
}

fn ingresses() -> impl Strategy<Value = Vec<Value>> {
    (1..6usize).prop_flat_map(|count| {
        (0..count)
            .map(|n| ingress(format!("i{n}")))
            .collect::<Vec<_>>()
    })
}

fn fixtures() -> Vec<Object> {
    support::case("kind: Certificate\nmetadata: {name: tls, namespace: shop}\nnames: [a.example]\n")
        .objects
}

/// The routes of each host that did not come from the Ingress called `name`.
fn routes_of_others(translation: &Translation, name: &str) -> BTreeMap<HostPattern, Vec<Route>> {
    let hosts = translation.config.hosts.iter().map(|(pattern, host)| {
        let others = host
            .routes
            .iter()
            .filter(|route| &*route.origin.name != name);
        (pattern.clone(), others.cloned().collect::<Vec<_>>())
    });
    hosts.filter(|(_, routes)| !routes.is_empty()).collect()
}

/// The names of those with a default backend, for all hosts or for those of its rules.
fn with_default(objects: &[Value], for_all: bool) -> Vec<String> {
    let is_it = |object: &&Value| {
        let is_for_all = object["spec"]["rules"] == json!([]);
        !object["spec"]["defaultBackend"].is_null() && (is_for_all || !for_all)
    };
    objects.iter().filter(is_it).map(name).collect()
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().into()
}

/// The hosts that the rules of these are about.
fn hosts_of(objects: &[Value]) -> BTreeSet<HostPattern> {
    let rules = |object: &Value| object["spec"]["rules"].as_array().cloned();
    let rules = objects.iter().filter_map(rules).flatten();
    let hosts = rules.filter_map(|rule| match rule["host"].as_str()? {
        "" => Some(HostPattern::Any),
        host => HostPattern::parse(host).ok(),
    });
    hosts.collect()
}

/// Whether a route leads anywhere but to another writing of the same path.
fn serves(route: &Route) -> bool {
    match &route.action {
        Action::Redirect(redirect) => redirect.to != Location::WithTrailingSlash,
        action => matches!(action, Action::Forward(_)),
    }
}

/// Makes an Ingress one that cannot be used.
fn refuse(mut ingress: Value, how: usize) -> Value {
    match how {
        0 => ingress["apiVersion"] = json!("networking.k8s.io/v7"),
        1 => ingress["metadata"]["labels"] = json!({"a": true}),
        2 => ingress["metadata"]["creationTimestamp"] = json!("now"),
        _ => ingress["spec"]["ingressClassName"] = json!(5),
    }
    ingress
}

/// Puts something else into some place of a value.
fn mutate(value: &mut Value, place: Index, with: &Value) {
    let pointers = support::pointers::all(value);
    let pointer = place.get(&pointers);
    *value.pointer_mut(pointer).unwrap() = with.clone();
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(-1)),
        Just(json!(70000)),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null])),
        Just(json!({"a": {"b": 1}})),
        Just(json!("")),
        Just(json!("\u{0}é/../%zz")),
        Just(json!("a".repeat(300))),
        "\\PC{0,12}".prop_map(|text| json!(text)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_order_of_the_input_does_not_matter(
        objects in ingresses(),
        keys in prop::collection::vec(any::<u32>(), 16),
        profile in profiles(),
    ) {
        let objects: Vec<_> = read(&objects).into_iter().chain(fixtures()).collect();
        let mut shuffled: Vec<_> = objects.iter().cloned().zip(keys.iter().cycle()).collect();
        shuffled.sort_by_key(|(_, key)| **key);
        let shuffled = shuffled.into_iter().map(|(object, _)| object);
        prop_assert_eq!(run(objects, profile), run(shuffled, profile));
    }

    #[test]
    fn the_fast_lane_is_the_full_translation(objects in ingresses(), profile in profiles()) {
        let objects: Vec<_> = read(&objects).into_iter().chain(fixtures()).collect();
        let (snapshot, _) = Snapshot::from_objects(objects);
        let translation = translate(&snapshot, &options(profile));
        for (key, upstream) in &translation.config.upstreams {
            let (alone, _) = {
                let options = options(profile);
                let targets = service::targets(&snapshot, &options);
                service::upstream(&snapshot, key, &options, &targets)
            };
            prop_assert_eq!(&alone, &**upstream.arc());
        }
    }

    /// One memo through both profiles, and through objects that come, change and go.
    #[test]
    fn translating_again_is_translating_anew(
        objects in ingresses(),
        other in ingresses(),
        changes in proptest::collection::vec(
            (any::<Index>(), any::<bool>(), profiles(), any::<bool>()),
            1..8,
        ),
    ) {
        let (mut snapshot, _) = Snapshot::from_objects(fixtures().into_iter().chain(read(&objects)));
        let (mut memo, mut other) = (Memo::default(), read(&other));
        other.extend(fixtures());
        for (index, comes, profile, is_forbidden) in changes {
            let mut options = options(profile);
            if is_forbidden {
                options.targets.deny("10.0.0.0/8".parse().unwrap(), Forbidden::Listed);
            }
            let again = translate_again(&mut memo, &snapshot, &options);
            prop_assert_eq!(again, translate(&snapshot, &options));
            let Some(object) = other.get(index.index(other.len().max(1))) else { break };
            let reference = object.reference();
            let key = ObjectKey::new(&reference.namespace, &reference.name);
            match comes {
                true => snapshot.insert(object.clone()),
                false => snapshot.remove(reference.kind, &key),
            }
        }
    }

    #[test]
    fn what_is_translated_compiles(objects in ingresses(), profile in profiles()) {
        let translation = run(read(&objects).into_iter().chain(fixtures()), profile);
        let none = portreeve_table::Table::<()>::default();
        let (_, rejected) = portreeve_table::Table::compile(&translation.config, &none, |_, _| ());
        prop_assert_eq!(rejected, vec![]);
    }

    #[test]
    fn what_is_translated_is_read_back_from_the_wire(
        objects in ingresses(),
        profile in profiles(),
    ) {
        let config = run(read(&objects).into_iter().chain(fixtures()), profile).config;
        let delta = Delta::between(&Default::default(), &config);
        let mut got = Delta::default();
        for line in Lines::new(1, &delta, &[]) {
            let message: ToProxy<'_> = serde_json::from_str(&line).unwrap();
            let told = message.delta.map(|part| part.read(&mut got));
            prop_assert_eq!(told.unwrap_or_default(), vec![]);
        }
        let arrived = Config::default().apply(got);
        prop_assert_eq!(json!(&arrived), json!(&config));
        prop_assert_eq!(arrived, config);
    }

    #[test]
    fn whatever_an_object_says_nothing_panics(
        objects in ingresses(),
        mutations in prop::collection::vec((any::<Index>(), any::<Index>(), anything()), 1..6),
        profile in profiles(),
    ) {
        let mut objects: Vec<Value> = objects.into_iter().chain(support::fixtures()).collect();
        for (object, place, with) in mutations {
            let object = object.index(objects.len());
            mutate(&mut objects[object], place, &with);
        }
        let _ = run(read(&objects), profile);
    }

    #[test]
    fn a_bad_ingress_changes_only_its_own_routes(
        good in prop::collection::vec(rule(), 1..4),
        asks in select(vec![
            json!({}),
            json!({"portreeve.dev/use-regex": "true"}),
            json!({"portreeve.dev/use-regex": "true", "portreeve.dev/whitelist-source-range": "10.0.0.0/8"}),
        ]),
        bad in ingress("bad".into()),
        mutations in prop::collection::vec((any::<Index>(), anything()), 0..4),
    ) {
        let good = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "good", "namespace": "shop", "annotations": asks},
            "spec": {"rules": good},
        });
        let mut spec = bad;
        // A host has TLS for all Ingresses as soon as one says so.
        spec["spec"]["tls"] = json!([]);
        for (place, with) in mutations {
            mutate(&mut spec["spec"]["rules"], place, &with);
        }
        spec["metadata"]["creationTimestamp"] = json!("2026-03-01T00:00:00Z");
        let base: Vec<_> = read(&[good]).into_iter().chain(fixtures()).collect();
        let before = run(base.clone(), Profile::Standard);
        let after = run(base.into_iter().chain(read(&[spec])), Profile::Standard);
        let (before, mut after) = (routes_of_others(&before, "bad"), routes_of_others(&after, "bad"));
        for (host, routes) in before {
            let after = after.remove(&host).unwrap_or_default();
            // A host without any path answers 404 until somebody claims some of it.
            let is_free = routes.iter().all(|route| route.action == Action::NotFound);
            prop_assert!(is_free || routes == after, "{host}: {routes:?} {after:?}");
        }
    }

    #[test]
    fn a_refused_ingress_only_closes(
        older in ingresses(),
        mut refused in ingress("bad".into()),
        how in 0..4usize,
        // Most often it claims what an older one does.
        alike in prop::option::weighted(0.7, any::<Index>()),
        profile in profiles(),
    ) {
        if let Some(alike) = alike {
            refused["spec"]["rules"] = alike.get(&older)["spec"]["rules"].clone();
        }
        refused["metadata"]["creationTimestamp"] = json!("2026-03-01T00:00:00Z");
        let mut refused = refuse(refused, how);
        let base: Vec<_> = read(&older).into_iter().chain(fixtures()).collect();
        let before = run(base.clone(), profile);
        let after = run(base.into_iter().chain(read(std::slice::from_ref(&refused))), profile);
        prop_assert_eq!(&before.config.certs, &after.config.certs);
        prop_assert_eq!(&before.wants, &after.wants);
        let by_refused = after.config.hosts.values().flat_map(|host| &host.routes);
        for route in by_refused.filter(|route| &*route.origin.name == "bad") {
            prop_assert!(matches!(route.action, Action::Unavailable { .. } | Action::NotFound), "{route:?}");
        }
        let (older_hosts, own_hosts) = (hosts_of(&older), hosts_of(std::slice::from_ref(&refused)));
        if let Some(rules) = refused["spec"]["rules"].as_array_mut() {
            rules.retain(|rule| !rule["http"].is_null());
        }
        let with_paths = hosts_of(&[refused]);
        let (before, mut after) = (routes_of_others(&before, "bad"), routes_of_others(&after, "bad"));
        for (host, routes) in before {
            // A host in a rule is nobody's other name.
            if own_hosts.contains(&host) && !older_hosts.contains(&host) {
                after.remove(&host);
                continue;
            }
            let after = after.remove(&host).unwrap_or_default();
            // What its rules claim of a host is no longer for everyone's default backend, and what
            // its paths claim for none.
            let defaults = with_default(&older, !with_paths.contains(&host));
            let is_free = |route: &Route| {
                let is_default = defaults.iter().any(|name| **name == *route.origin.name);
                !serves(route) || own_hosts.contains(&host) && is_default && *route.rule == *"/"
            };
            let stands = |route: &&Route| after.contains(route) || is_free(route);
            let gone = routes.iter().find(|route| !stands(route));
            prop_assert_eq!(gone, None, "{}: {:?}", host, after);
            let opened = after.iter().find(|route| serves(route) && !routes.contains(route));
            prop_assert_eq!(opened, None, "{}: {:?}", host, routes);
        }
        prop_assert!(after.is_empty(), "{after:?}");
    }
}

#[test]
fn no_key_is_ever_shown() {
    let case = support::case(
        "kind: Ingress\nmetadata: {name: web, namespace: shop}\nspec: {tls: [{hosts: [a.example], secretName: tls}, {hosts: [b.example], secretName: other}], rules: [{host: a.example}]}\n---\nkind: Certificate\nmetadata: {name: tls, namespace: shop}\nnames: [a.example]\n---\nkind: Certificate\nmetadata: {name: other, namespace: shop}\nnames: [b.example]\notherKey: true\n",
    );
    let (snapshot, _) = case.snapshot();
    let translation = case.translate();
    assert_eq!(translation.config.certs.len(), 1);
    let key = translation
        .config
        .certs
        .values()
        .next()
        .unwrap()
        .key
        .expose()
        .clone();
    let line = key.lines().nth(1).unwrap();
    for shown in [
        format!("{translation:?}"),
        format!("{snapshot:?}"),
        format!("{:?}", case.objects),
        serde_json::to_string(&translation.config).unwrap(),
        serde_json::to_string(&translation.diagnostics).unwrap(),
    ] {
        assert!(!shown.contains(line) && !shown.contains("PRIVATE KEY"));
    }
}
