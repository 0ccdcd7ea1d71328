//! Which namespaces count.

use portreeve_watch::{Kinds, Scope};
use serde_json::json;

use crate::objects::{challenge, class, config_map, ingress, ingress_in, namespace, slice};
use crate::world::{World, in_time};

#[tokio::test(start_paused = true)]
async fn one_namespace_is_watched_with_permissions_in_it_alone() {
    let mut world = World::new(Scope::One("shop".into()));
    for kind in ["ingresses", "services", "endpointslices", "secrets"] {
        let asked = in_time(world.api.asked(kind)).await;
        assert!(
            asked.path.ends_with(&format!("/namespaces/shop/{kind}")),
            "{}",
            asked.path
        );
    }
    let asked = in_time(world.api.asked("ingressclasses")).await;
    assert_eq!(asked.path, "/apis/networking.k8s.io/v1/ingressclasses");
}

#[tokio::test(start_paused = true)]
async fn classes_that_may_not_be_read_are_none_in_one_namespace() {
    let mut world = World::new(Scope::One("shop".into()));
    let mut named = ingress("named", 1);
    named["metadata"]["annotations"] = json!({"kubernetes.io/ingress.class": "portreeve"});
    let mut classed = ingress("classed", 1);
    classed["spec"]["ingressClassName"] = "mine".into();
    let mut watches = world
        .empty(&["services", "endpointslices", "secrets"])
        .await;
    watches
        .0
        .push(world.api.lists("ingresses", &[named, classed]).await);
    in_time(world.api.asked("ingressclasses")).await.fails(403);
    world.changed().await;
    assert_eq!(world.hosts(), ["named"]);
    assert!(world.reported("watching IngressClass: the API server answers 403"));
    let mut classes = in_time(world.api.lists("ingressclasses", &[class("mine", 1)])).await;
    world.changed().await;
    assert_eq!(
        world.hosts(),
        ["classed", "named"],
        "it may be allowed later"
    );
    classes.fails(410).await;
    for _ in 0..5 {
        in_time(world.api.asked("ingressclasses")).await.fails(403);
    }
    world.unchanged().await;
    assert_eq!(world.hosts(), ["classed", "named"], "what was read stays");
}

#[tokio::test(start_paused = true)]
async fn classes_must_be_readable_everywhere_else() {
    let mut world = World::new(Scope::All);
    let kinds = ["ingresses", "services", "endpointslices", "secrets"];
    let _watches = world.empty(&kinds).await;
    in_time(world.api.asked("ingressclasses")).await.fails(403);
    world.unchanged().await;
    assert!(world.store.snapshot().is_none());
}

#[tokio::test(start_paused = true)]
async fn namespaces_that_gain_or_lose_the_label_bring_or_take_what_is_in_them() {
    let mut world = World::new(Scope::Selected("team=web".into()));
    let known = [ingress_in("shop", "a", 1), ingress_in("blog", "b", 2)];
    let mut watches = world
        .empty(&["ingressclasses", "services", "secrets"])
        .await;
    let slices = [slice("1", "web", "10.0.0.1", 1)];
    watches
        .0
        .push(world.api.lists("endpointslices", &slices).await);
    let mut ingresses = world.api.lists("ingresses", &known).await;
    world.unchanged().await;
    let asked = in_time(world.api.asked("namespaces")).await;
    assert!(
        asked.has("labelSelector", "team%3Dweb"),
        "{:?}",
        asked.query
    );
    let mut namespaces = asked.streams();
    namespaces.says("ADDED", &namespace("shop", 3)).await;
    namespaces.is_whole("100").await;
    world.changed().await;
    assert_eq!(world.hosts(), ["a"]);
    assert_eq!(world.store.ingresses().count(), 1);
    assert_eq!(world.store.namespaces(), Some(["shop".into()].into()));

    namespaces.says("ADDED", &namespace("blog", 101)).await;
    assert!(world.changed().await.routes);
    assert_eq!(world.hosts(), ["a", "b"]);

    namespaces.says("DELETED", &namespace("shop", 102)).await;
    let changed = world.changed().await;
    assert!(changed.routes && !changed.endpoints.is_empty());
    assert_eq!(world.hosts(), ["b"]);

    ingresses.says("ADDED", &ingress_in("shop", "c", 103)).await;
    ingresses
        .says("DELETED", &ingress_in("shop", "a", 104))
        .await;
    world.unchanged().await;
    namespaces.says("ADDED", &namespace("shop", 105)).await;
    world.changed().await;
    assert_eq!(world.hosts(), ["b", "c"], "it was watched all the while");
}

#[tokio::test(start_paused = true)]
async fn settings_of_classes_count_whichever_namespaces_do_and_may_be_forbidden() {
    let kinds = Kinds::all().with_parameters("portreeve");
    let mut world = World::of(Scope::Selected("team=web".into()), kinds);
    let kinds = ["ingresses", "services", "endpointslices", "secrets"];
    let mut watches = world.empty(&kinds).await;
    let mut named = class("mine", 1);
    named["spec"]["parameters"] = json!({
        "kind": "ConfigMap", "name": "mine", "scope": "Namespace", "namespace": "portreeve",
    });
    watches
        .0
        .push(world.api.lists("ingressclasses", &[named]).await);
    let label = [namespace("portreeve", 3)];
    let mut namespaces = world.api.lists("namespaces", &label).await;
    let asked = in_time(world.api.asked("configmaps")).await;
    assert_eq!(asked.path, "/api/v1/namespaces/portreeve/configmaps");
    asked.fails(403);
    world.changed().await;
    let said = |world: &World| world.translation().diagnostics.len();
    assert_eq!(said(&world), 1, "it is missing, as far as anybody knows");
    let forbidden = |world: &World| world.health("ConfigMap").is_forbidden;
    assert!(forbidden(&world), "it is nothing to wait for");

    let map = [config_map("portreeve", "mine", 4)];
    let mut maps = in_time(world.api.lists("configmaps", &map)).await;
    assert!(world.changed().await.routes);
    assert_eq!(said(&world), 0);
    assert!(!forbidden(&world));
    namespaces
        .says("DELETED", &namespace("portreeve", 101))
        .await;
    world.changed().await;
    assert_eq!(said(&world), 0, "they count wherever they are");
    maps.says("DELETED", &config_map("portreeve", "mine", 102))
        .await;
    assert!(world.changed().await.routes);
    assert_eq!(said(&world), 1);
}

#[tokio::test(start_paused = true)]
async fn challenges_of_one_namespace_count_beside_certificates_and_may_be_forbidden() {
    let kinds = Kinds::all().with_challenges("portreeve");
    let mut world = World::of(Scope::Selected("team=web".into()), kinds);
    let kinds = ["ingresses", "ingressclasses", "services", "endpointslices"];
    let mut watches = world.empty(&kinds).await;
    watches.0.push(world.api.lists("namespaces", &[]).await);
    let certificates = in_time(world.api.asked("secrets")).await;
    assert!(certificates.has("fieldSelector", "type%3Dkubernetes.io%2Ftls"));
    let mut certificates = certificates.streams();
    certificates.is_whole("100").await;
    let asked = in_time(world.api.asked("challenges")).await;
    assert_eq!(asked.path, "/api/v1/namespaces/portreeve/secrets");
    let selector = "type%3Dportreeve.dev%2Facme-challenge";
    assert!(asked.has("fieldSelector", selector), "{:?}", asked.query);
    asked.fails(403);
    world.changed().await;
    let answered = |world: &World| -> Vec<String> {
        let snapshot = world.store.snapshot().expect("everything is known");
        let options = portreeve_translate::Options {
            challenges: Some("portreeve".into()),
            ..portreeve_translate::Options::standalone()
        };
        let config = portreeve_translate::translate(&snapshot, &options).config;
        config.challenges.keys().map(ToString::to_string).collect()
    };
    assert!(answered(&world).is_empty() && world.health("Challenge").is_forbidden);

    let first = [challenge("portreeve", "one", 3)];
    let mut challenges = in_time(world.api.lists("challenges", &first)).await;
    assert!(world.changed().await.routes);
    assert_eq!(
        answered(&world),
        ["one"],
        "although its namespace does not count"
    );
    challenges
        .says("ADDED", &challenge("portreeve", "two", 101))
        .await;
    assert!(world.changed().await.routes);
    assert_eq!(answered(&world), ["one", "two"]);
    // A list of certificates says nothing of challenges, which are Secrets as well.
    certificates.fails(410).await;
    let _certificates = in_time(world.api.lists("secrets", &[])).await;
    world.unchanged().await;
    assert_eq!(answered(&world), ["one", "two"]);
    challenges
        .says("DELETED", &challenge("portreeve", "one", 102))
        .await;
    assert!(world.changed().await.routes);
    assert_eq!(answered(&world), ["two"]);
}
