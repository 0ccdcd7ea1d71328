//! When everything is known, and how it comes to be.

use portreeve_watch::{Kinds, Options, Scope};

use crate::api::Api;
use crate::objects::{class, ingress, service, slice};
use crate::world::{World, in_time, start};

#[tokio::test(start_paused = true)]
async fn nothing_is_known_before_every_kind_is() {
    let mut world = World::new(Scope::All);
    let mut watches = world
        .empty(&["ingressclasses", "services", "endpointslices"])
        .await;
    watches
        .0
        .push(world.api.lists("ingresses", &[ingress("a", 1)]).await);
    world.unchanged().await;
    assert!(world.store.snapshot().is_none());
    let mut secrets = world.api.asked("secrets").await.streams();
    world.unchanged().await;
    secrets.is_whole("100").await;
    let changed = world.changed().await;
    assert!(changed.routes && changed.status);
    assert_eq!(world.hosts(), ["a"]);
    assert!(world.health("Secret").synced);
    world.unchanged().await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_without_anything_is_known_too() {
    let (world, _streams, _watches) = World::known(&[], &[], &[]).await;
    assert_eq!(world.hosts(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn only_secrets_with_certificates_are_asked_for() {
    let mut world = World::new(Scope::All);
    let asked = in_time(world.api.asked("secrets")).await;
    assert!(
        asked.has("fieldSelector", "type%3Dkubernetes.io%2Ftls"),
        "{:?}",
        asked.query
    );
}

#[tokio::test(start_paused = true)]
async fn for_reviews_neither_secrets_nor_endpoints_are_asked_for() {
    let (api, client) = Api::new();
    let problems = Default::default();
    let (scope, kinds) = (Scope::All, Kinds::for_reviews());
    let store = start(client, Options { scope, kinds }, &problems);
    let mut world = World {
        api,
        store,
        problems,
    };
    let kinds = ["ingresses", "ingressclasses", "services"];
    let _watches = world.empty(&kinds).await;
    world.changed().await;
    let watched = world.store.health().kinds();
    let watched: Vec<_> = watched.iter().map(|kind| kind.kind.as_str()).collect();
    assert_eq!(watched, ["Ingress", "IngressClass", "Service"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_to_stream_lists_is_asked_in_pages() {
    for code in [400, 422] {
        let mut world = World::new(Scope::All);
        let kinds = ["ingressclasses", "services", "endpointslices", "secrets"];
        let _watches = world.empty(&kinds).await;
        let asked = world.api.asked("ingresses").await;
        assert!(asked.is_streamed_list() && asked.has("resourceVersion", ""));
        asked.fails(code);
        let asked = in_time(world.api.asked("ingresses")).await;
        assert!(asked.has("limit", "500") && !asked.has("watch", "true"));
        asked.page(&[ingress("a", 1)], "more");
        let asked = in_time(world.api.asked("ingresses")).await;
        assert!(asked.has("continue", "more"));
        asked.page(&[ingress("b", 2)], "");
        assert!(in_time(world.api.asked("ingresses")).await.resumes("100"));
        world.changed().await;
        assert_eq!(world.hosts(), ["a", "b"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_says_that_a_list_is_whole_is_asked_in_pages() {
    let mut world = World::new(Scope::All);
    let kinds = ["ingressclasses", "services", "endpointslices", "secrets"];
    let _watches = world.empty(&kinds).await;
    let mut stream = world.api.asked("ingresses").await.streams();
    stream.says("ADDED", &ingress("a", 1)).await;
    let asked = in_time(world.api.asked("ingresses")).await;
    assert!(asked.has("limit", "500"));
    assert!(world.store.snapshot().is_none());
    asked.page(&[ingress("b", 2)], "");
    world.changed().await;
    assert_eq!(
        world.hosts(),
        ["b"],
        "what the list does not name is not there"
    );
    assert!(world.reported("not said to be whole"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_off_twice_is_given_up() {
    let mut world = World::new(Scope::All);
    drop(world.api.asked("ingresses").await.streams());
    let asked = in_time(world.api.asked("ingresses")).await;
    assert!(asked.is_streamed_list());
    drop(asked.streams());
    assert!(
        !in_time(world.api.asked("ingresses"))
            .await
            .is_streamed_list()
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_begins_is_given_up() {
    let mut world = World::new(Scope::All);
    let held = [
        in_time(world.api.asked("ingresses")).await,
        in_time(world.api.asked("ingresses")).await,
    ];
    assert!(held.iter().all(|asked| asked.is_streamed_list()));
    assert!(
        !in_time(world.api.asked("ingresses"))
            .await
            .is_streamed_list()
    );
}

#[tokio::test(start_paused = true)]
async fn pages_that_expire_are_asked_for_in_one() {
    let mut world = World::new(Scope::All);
    world.api.asked("ingresses").await.fails(422);
    in_time(world.api.asked("ingresses"))
        .await
        .page(&[], "more");
    in_time(world.api.asked("ingresses")).await.fails(410);
    let asked = in_time(world.api.asked("ingresses")).await;
    assert!(!asked.query.contains_key("limit") && !asked.query.contains_key("continue"));
    asked.page(&[ingress("a", 1)], "");
    assert!(in_time(world.api.asked("ingresses")).await.resumes("100"));
}

#[tokio::test(start_paused = true)]
async fn every_kind_comes_into_the_snapshot() {
    let mut world = World::new(Scope::All);
    let mut classed = ingress("a", 1);
    classed["spec"]["ingressClassName"] = "mine".into();
    let _watches = [
        world.api.lists("ingresses", &[classed]).await,
        world.api.lists("ingressclasses", &[class("mine", 1)]).await,
        world.api.lists("services", &[service(1)]).await,
        world
            .api
            .lists("endpointslices", &[slice("web-1", "web", "10.0.0.1", 1)])
            .await,
        world.api.lists("secrets", &[]).await,
    ];
    world.changed().await;
    assert_eq!(world.hosts(), ["a"]);
    assert_eq!(world.endpoints(), ["10.0.0.1"]);
}
