//! What Namespaces say of hosts.

use portreeve_watch::{Kinds, Scope};
use serde_json::json;

use crate::api::Stream;
use crate::objects::{ingress_in, listing, namespace};
use crate::world::{Watches, World, in_time};

/// All but Namespaces is known: an Ingress in `shop` and one in `blog`.
async fn world(scope: Scope) -> (World, Stream, Watches) {
    let mut world = World::of(scope, Kinds::all().with_namespaces());
    let kinds = ["ingressclasses", "services", "endpointslices", "secrets"];
    let watches = world.empty(&kinds).await;
    let known = [ingress_in("shop", "a", 1), ingress_in("blog", "b", 2)];
    let ingresses = world.api.lists("ingresses", &known).await;
    world.unchanged().await;
    (world, ingresses, watches)
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_list_is_a_change_of_routes_and_what_else_a_namespace_says_is_none() {
    let (mut world, _ingresses, _watches) = world(Scope::All).await;
    let known = [listing("shop", "a.example", 3), namespace("blog", 4)];
    let mut namespaces = world.api.lists("namespaces", &known).await;
    world.changed().await;
    assert_eq!(world.listed(), ["a"]);

    namespaces
        .says("MODIFIED", &listing("blog", "*.example", 101))
        .await;
    assert!(world.changed().await.routes);
    assert_eq!(world.listed(), ["a", "b"]);

    let mut labelled = listing("blog", "*.example", 102);
    labelled["metadata"]["labels"] = json!({"team": "blog"});
    labelled["metadata"]["annotations"]["example.com/heartbeat"] = "now".into();
    labelled["status"] = json!({"phase": "Active"});
    namespaces.says("MODIFIED", &labelled).await;
    world.unchanged().await;

    namespaces.says("DELETED", &namespace("shop", 103)).await;
    assert!(world.changed().await.routes);
    assert_eq!(world.listed(), ["b"]);
    assert_eq!(world.hosts(), ["a", "b"], "all namespaces count as before");
}

#[tokio::test(start_paused = true)]
async fn the_namespaces_that_have_the_label_are_those_whose_lists_are_read() {
    let (mut world, _ingresses, _watches) = world(Scope::Selected("team=web".into())).await;
    let asked = in_time(world.api.asked("namespaces")).await;
    assert!(
        asked.has("labelSelector", "team%3Dweb"),
        "{:?}",
        asked.query
    );
    let mut namespaces = asked.streams();
    namespaces
        .says("ADDED", &listing("shop", "a.example", 3))
        .await;
    namespaces.is_whole("100").await;
    world.changed().await;
    assert_eq!(
        (world.hosts(), world.listed()),
        (vec!["a".into()], vec!["a".into()])
    );

    namespaces.says("ADDED", &namespace("blog", 101)).await;
    assert!(world.changed().await.routes);
    assert_eq!((world.hosts().len(), world.listed()), (2, vec!["a".into()]));
    namespaces
        .says("MODIFIED", &listing("blog", "b.example", 102))
        .await;
    assert!(world.changed().await.routes);
    assert_eq!(world.listed(), ["a", "b"]);

    namespaces
        .says("DELETED", &listing("shop", "a.example", 103))
        .await;
    assert!(world.changed().await.routes);
    assert_eq!(
        (world.hosts(), world.listed()),
        (vec!["b".into()], vec!["b".into()])
    );
}

#[tokio::test(start_paused = true)]
async fn of_one_namespace_only_its_own_list_is_asked_for() {
    let mut world = World::of(Scope::One("shop".into()), Kinds::all().with_namespaces());
    let asked = in_time(world.api.asked("namespaces")).await;
    assert_eq!(asked.path, "/api/v1/namespaces");
    assert!(
        asked.has("fieldSelector", "metadata.name%3Dshop"),
        "{:?}",
        asked.query
    );
}

#[tokio::test(start_paused = true)]
async fn lists_that_may_not_be_read_are_waited_for_and_never_taken_for_none() {
    for scope in [Scope::All, Scope::One("shop".into())] {
        let (mut world, _ingresses, _watches) = world(scope).await;
        for _ in 0..3 {
            in_time(world.api.asked("namespaces")).await.fails(403);
        }
        world.unchanged().await;
        assert!(world.store.snapshot().is_none());
        assert!(world.reported("watching Namespace: the API server answers 403"));
        let list = [listing("shop", "a.example", 3)];
        let _namespaces = in_time(world.api.lists("namespaces", &list)).await;
        world.changed().await;
        assert_eq!(world.listed(), ["a"]);
    }
}
