//! What holds for all objects: the order of the input does not matter, nothing panics, nobody
//! pays for somebody else's mistake, and no key is ever shown.

#![cfg(test)]

mod generate;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use portreeve_table::{
    Action, Config, Delta, Forbidden, HostPattern, Lines, Location, Route, ToProxy,
};
use portreeve_translate::{
    HostOwnership, Memo, Object, ObjectKey, Options, Profile, Snapshot, Translation, service,
    translate, translate_again,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use generate::{fixtures, ingress, ingresses, namespaces, ownerships, profiles, read, rule};

fn run(objects: impl IntoIterator<Item = Object>, profile: Profile) -> Translation {
    run_by(objects, profile, HostOwnership::Any)
}

fn run_by(
    objects: impl IntoIterator<Item = Object>,
    profile: Profile,
    host_ownership: HostOwnership,
) -> Translation {
    let (snapshot, _) = Snapshot::from_objects(objects);
    let options = Options {
        host_ownership,
        ..options(profile)
    };
    translate(&snapshot, &options)
}

fn options(profile: Profile) -> Options {
    Options {
        profile,
        now: support::NOW,
        ..Options::standalone()
    }
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
        namespaces in namespaces(),
        keys in prop::collection::vec(any::<u32>(), 16),
        profile in profiles(),
        ownership in ownerships(),
    ) {
        let objects = [objects, namespaces].concat();
        let objects: Vec<_> = read(&objects).into_iter().chain(fixtures()).collect();
        let mut shuffled: Vec<_> = objects.iter().cloned().zip(keys.iter().cycle()).collect();
        shuffled.sort_by_key(|(_, key)| **key);
        let shuffled = shuffled.into_iter().map(|(object, _)| object);
        let ordered = run_by(objects, profile, ownership);
        prop_assert_eq!(ordered, run_by(shuffled, profile, ownership));
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

    /// One memo through all options, and through objects that come, change and go.
    #[test]
    fn translating_again_is_translating_anew(
        objects in ingresses(),
        other in ingresses(),
        lists in prop::collection::vec(namespaces(), 2),
        changes in proptest::collection::vec(
            (any::<Index>(), any::<bool>(), profiles(), any::<bool>(), ownerships()),
            1..8,
        ),
    ) {
        let known = read(&[objects, lists[0].clone()].concat());
        let (mut snapshot, _) = Snapshot::from_objects(fixtures().into_iter().chain(known));
        let (mut memo, mut other) = (Memo::default(), read(&[other, lists[1].clone()].concat()));
        other.extend(fixtures());
        for (index, comes, profile, is_forbidden, host_ownership) in changes {
            let mut options = Options { host_ownership, ..options(profile) };
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
    fn what_is_translated_compiles(
        objects in ingresses(),
        namespaces in namespaces(),
        profile in profiles(),
        ownership in ownerships(),
    ) {
        let objects = read(&[objects, namespaces].concat());
        let translation = run_by(objects.into_iter().chain(fixtures()), profile, ownership);
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
        namespaces in namespaces(),
        mutations in prop::collection::vec((any::<Index>(), any::<Index>(), anything()), 1..6),
        profile in profiles(),
        ownership in ownerships(),
    ) {
        let mut objects = [objects, namespaces, support::fixtures()].concat();
        for (object, place, with) in mutations {
            let object = object.index(objects.len());
            mutate(&mut objects[object], place, &with);
        }
        let _ = run_by(read(&objects), profile, ownership);
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
