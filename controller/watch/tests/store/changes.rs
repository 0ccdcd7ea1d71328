//! What counts as a change, and as which.

use portreeve_translate::ObjectKey;
use serde_json::json;

use crate::objects::{ingress, reached_at, service, slice};
use crate::world::World;

fn web() -> ObjectKey {
    ObjectKey::new("shop", "web")
}

#[tokio::test(start_paused = true)]
async fn ingresses_come_change_and_go() {
    let (mut world, [mut ingresses, ..], _watches) = World::known(&[], &[], &[]).await;
    ingresses.says("ADDED", &ingress("a", 101)).await;
    assert!(world.changed().await.routes);
    assert_eq!(world.hosts(), ["a"]);
    let mut other = ingress("a", 102);
    other["spec"]["rules"][0]["host"] = "b.example".into();
    ingresses.says("MODIFIED", &other).await;
    assert!(world.changed().await.routes);
    assert_eq!(world.hosts(), ["b"]);
    other["metadata"]["resourceVersion"] = "103".into();
    ingresses.says("DELETED", &other).await;
    assert!(world.changed().await.routes);
    assert_eq!(world.hosts(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_status_is_no_change_of_routes() {
    let known = [ingress("a", 1)];
    let (mut world, [mut ingresses, mut services, _], _watches) =
        World::known(&known, &[service(1)], &[]).await;
    let before = world.store.snapshot().unwrap();
    ingresses
        .says("MODIFIED", &reached_at(ingress("a", 1), "192.0.2.1", 101))
        .await;
    let changed = world.changed().await;
    assert!(changed.status && !changed.routes && changed.endpoints.is_empty());
    {
        let states: Vec<_> = world.store.ingresses().collect();
        let [state] = states[..] else {
            panic!("{states:?}")
        };
        assert_eq!(state.load_balancer[0].ip.as_deref(), Some("192.0.2.1"));
        assert_eq!((state.resource_version, &*state.key.name), ("101", "a"));
        assert_eq!(state.ingress.metadata.uid.as_deref(), Some("uid-a"));
    }
    services
        .says("MODIFIED", &reached_at(service(1), "192.0.2.2", 102))
        .await;
    let changed = world.changed().await;
    assert!(changed.status && !changed.routes);
    let state = world.store.service(&web()).unwrap();
    assert_eq!(state.load_balancer[0].ip.as_deref(), Some("192.0.2.2"));
    assert!(std::sync::Arc::ptr_eq(
        &before,
        &world.store.snapshot().unwrap()
    ));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_reads_is_no_change_at_all() {
    let known = [ingress("a", 1)];
    let slices = [slice("1", "web", "10.0.0.1", 1)];
    let (mut world, [mut ingresses, _, mut endpoints], _watches) =
        World::known(&known, &[], &slices).await;
    let mut same = ingress("a", 101);
    same["metadata"]["managedFields"] = json!([]);
    same["metadata"]["annotations"] = json!({"example.com/heartbeat": "now"});
    ingresses.says("MODIFIED", &same).await;
    let mut same = slice("1", "web", "10.0.0.1", 102);
    same["endpoints"][0]["zone"] = "b".into();
    endpoints.says("MODIFIED", &same).await;
    world.unchanged().await;
}

#[tokio::test(start_paused = true)]
async fn endpoints_change_their_service_only() {
    let known = [ingress("a", 1)];
    let slices = [slice("1", "web", "10.0.0.1", 1)];
    let (mut world, [_ingresses, _services, mut endpoints], _watches) =
        World::known(&known, &[service(1)], &slices).await;
    endpoints
        .says("MODIFIED", &slice("1", "web", "10.0.0.2", 101))
        .await;
    let changed = world.changed().await;
    assert_eq!(changed.endpoints, [web()].into());
    assert!(!changed.routes && !changed.status);
    assert_eq!(world.endpoints(), ["10.0.0.2"]);
    endpoints
        .says("MODIFIED", &slice("1", "api", "10.0.0.2", 102))
        .await;
    let both = [ObjectKey::new("shop", "api"), web()];
    assert_eq!(world.changed().await.endpoints, both.into());
    assert_eq!(
        world.endpoints(),
        [""; 0],
        "it left the Service that it was of"
    );
    endpoints
        .says("DELETED", &slice("1", "api", "10.0.0.2", 103))
        .await;
    assert_eq!(
        world.changed().await.endpoints,
        [ObjectKey::new("shop", "api")].into()
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_said_twice_or_too_late_changes_nothing() {
    let (mut world, [mut ingresses, ..], _watches) = World::known(&[], &[], &[]).await;
    ingresses.says("ADDED", &ingress("a", 105)).await;
    world.changed().await;
    ingresses.says("ADDED", &ingress("a", 105)).await;
    ingresses.says("DELETED", &ingress("a", 104)).await;
    let mut older = ingress("a", 103);
    older["spec"]["rules"][0]["host"] = "b.example".into();
    ingresses.says("MODIFIED", &older).await;
    ingresses.says("DELETED", &ingress("unknown", 106)).await;
    world.unchanged().await;
    assert_eq!(world.hosts(), ["a"]);
    assert_eq!(world.health("Ingress").stale, 2);
    ingresses.says("DELETED", &ingress("a", 107)).await;
    ingresses.says("DELETED", &ingress("a", 107)).await;
    world.changed().await;
    assert_eq!(world.hosts(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn many_changes_are_told_as_one() {
    let (mut world, [mut ingresses, ..], _watches) = World::known(&[], &[], &[]).await;
    for name in ["a", "b", "c"] {
        ingresses.says("ADDED", &ingress(name, 101)).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    world.changed().await;
    assert_eq!(world.hosts(), ["a", "b", "c"]);
    world.unchanged().await;
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_stays_as_it_was() {
    let (mut world, [mut ingresses, ..], _watches) =
        World::known(&[ingress("a", 1)], &[], &[]).await;
    let before = world.store.snapshot().unwrap();
    let shown = format!("{before:?}");
    ingresses.says("DELETED", &ingress("a", 101)).await;
    world.changed().await;
    assert_eq!(format!("{before:?}"), shown);
    assert_eq!(world.hosts(), [""; 0]);
}
