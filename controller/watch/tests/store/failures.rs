//! What an API server that fails cannot do: take anything away.

use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::objects::{ingress, slice};
use crate::world::{World, in_time};

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_goes_on_from_where_it_was() {
    let (mut world, [mut ingresses, ..], _watches) = World::known(&[], &[], &[]).await;
    ingresses.says("ADDED", &ingress("a", 123)).await;
    world.changed().await;
    drop(ingresses);
    let asked = in_time(world.api.asked("ingresses")).await;
    assert!(asked.resumes("123"), "{:?}", asked.query);
    let mut ingresses = asked.streams();
    ingresses.says("DELETED", &ingress("a", 124)).await;
    world.changed().await;
    assert_eq!(world.hosts(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_version_is_listed_anew_and_takes_nothing_away_meanwhile() {
    let known = [ingress("a", 1), ingress("b", 2)];
    let (mut world, [mut ingresses, ..], _watches) = World::known(&known, &[], &[]).await;
    ingresses.fails(410).await;
    let asked = in_time(world.api.asked("ingresses")).await;
    assert!(asked.is_streamed_list());
    world.unchanged().await;
    let mut ingresses = asked.streams();
    ingresses.says("ADDED", &ingress("b", 2)).await;
    world.unchanged().await;
    assert_eq!(world.hosts(), ["a", "b"], "the list is not whole yet");
    ingresses.says("ADDED", &ingress("c", 3)).await;
    world.changed().await;
    assert_eq!(
        world.hosts(),
        ["a", "b", "c"],
        "what is new need not wait for the rest"
    );
    ingresses.is_whole("200").await;
    assert!(world.changed().await.routes);
    assert_eq!(
        world.hosts(),
        ["b", "c"],
        "what the list does not name was deleted meanwhile"
    );
    assert_eq!(world.health("Ingress").relists, 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_off_takes_nothing_away() {
    let known = [ingress("a", 1), ingress("b", 2)];
    let (mut world, [mut ingresses, ..], _watches) = World::known(&known, &[], &[]).await;
    ingresses.fails(410).await;
    drop(in_time(world.api.asked("ingresses")).await.streams());
    in_time(world.api.asked("ingresses")).await.fails(500);
    let asked = in_time(world.api.asked("ingresses")).await;
    assert_eq!(world.hosts(), ["a", "b"]);
    drop(asked);
    world.unchanged().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_says_the_same_changes_nothing() {
    let known = [ingress("a", 1), ingress("b", 2)];
    let (mut world, [mut ingresses, ..], _watches) = World::known(&known, &[], &[]).await;
    ingresses.fails(410).await;
    let _ingresses = in_time(world.api.lists("ingresses", &known)).await;
    world.unchanged().await;
    assert_eq!(world.health("Ingress").relists, 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_set_back_is_believed() {
    let known = [ingress("a", 5000)];
    let (mut world, [mut ingresses, ..], _watches) = World::known(&known, &[], &[]).await;
    ingresses.fails(410).await;
    let mut older = ingress("a", 50);
    older["spec"]["rules"][0]["host"] = "b.example".into();
    let mut ingresses = in_time(world.api.lists("ingresses", &[older])).await;
    world.changed().await;
    assert_eq!(world.hosts(), ["b"]);
    ingresses.says("MODIFIED", &ingress("a", 101)).await;
    world.changed().await;
    assert_eq!(world.hosts(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_never_gone_on_from_is_listed_anew() {
    let (mut world, [ingresses, ..], _watches) = World::known(&[], &[], &[]).await;
    drop(ingresses);
    for _ in 0..3 {
        let asked = in_time(world.api.asked("ingresses")).await;
        assert!(asked.resumes("100"));
        asked.fails(504);
    }
    assert!(
        in_time(world.api.asked("ingresses"))
            .await
            .is_streamed_list()
    );
}

#[tokio::test(start_paused = true)]
async fn watches_that_never_begin_are_made_up_for_by_lists() {
    let (mut world, [ingresses, ..], _watches) = World::known(&[], &[], &[]).await;
    drop(ingresses);
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(in_time(world.api.asked("ingresses")).await);
    }
    assert!(held.iter().all(|asked| asked.resumes("100")));
    let _ingresses = in_time(world.api.lists("ingresses", &[ingress("a", 101)])).await;
    world.changed().await;
    assert_eq!(world.hosts(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_at_once_are_not_asked_for_at_once() {
    let (mut world, [ingresses, ..], _watches) = World::known(&[], &[], &[]).await;
    drop(ingresses);
    let before = Instant::now();
    for _ in 0..20 {
        let asked = in_time(world.api.asked("ingresses")).await;
        match asked.is_streamed_list() {
            true => asked.streams().is_whole("100").await,
            false => drop(asked.streams()),
        }
    }
    assert!(
        before.elapsed() > Duration::from_secs(60),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_noticed_and_another_one_asked_for() {
    let (mut world, [_ingresses, ..], _watches) = World::known(&[ingress("a", 1)], &[], &[]).await;
    let before = Instant::now();
    let asked = in_time(world.api.asked("ingresses")).await;
    assert!(asked.resumes("100"));
    assert!(
        before.elapsed() <= Duration::from_secs(121),
        "{:?}",
        before.elapsed()
    );
    assert!(world.health("Ingress").silent >= 60);
    assert!(world.reported("nothing was heard"));
    let mut ingresses = asked.streams();
    let bookmark =
        json!({"kind": "Ingress", "apiVersion": "v1", "metadata": {"resourceVersion": "150"}});
    ingresses.says("BOOKMARK", &bookmark).await;
    world.unchanged().await;
    assert_eq!(world.health("Ingress").silent, 0);
    assert_eq!(world.hosts(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn an_ingress_that_cannot_be_read_harms_no_other() {
    let mut broken = ingress("broken", 3);
    broken["spec"]["rules"] = json!("these are no rules");
    let known = [ingress("a", 1), broken.clone(), ingress("b", 2)];
    let (mut world, [mut ingresses, ..], _watches) = World::known(&known, &[], &[]).await;
    assert_eq!(world.hosts(), ["a", "b"]);
    assert!(world.reported("Ingress shop/broken: it cannot be read"));
    assert_eq!(world.health("Ingress").unreadable, 1);
    let mut worse = ingress("a", 101);
    worse["spec"] = json!([1, 2]);
    worse["metadata"]["labels"] = json!(7);
    ingresses.says("MODIFIED", &worse).await;
    ingresses
        .says("MODIFIED", &json!("this is no object"))
        .await;
    ingresses.says("ADDED", &ingress("c", 102)).await;
    world.changed().await;
    assert_eq!(
        world.hosts(),
        ["a", "b", "c"],
        "it stays as it was last read"
    );
    ingresses.fails(410).await;
    let listed = [worse, broken, ingress("b", 2), ingress("c", 102)];
    let mut ingresses = in_time(world.api.lists("ingresses", &listed)).await;
    world.unchanged().await;
    assert_eq!(
        world.hosts(),
        ["a", "b", "c"],
        "it is there, if only by its name"
    );
    ingresses.says("DELETED", &json!({"metadata": {"namespace": "shop", "name": "a", "resourceVersion": "103"}, "spec": 1})).await;
    world.changed().await;
    assert_eq!(world.hosts(), ["b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_behind_what_cannot_be_read() {
    let (mut world, [mut ingresses, ..], _watches) = World::known(&[], &[], &[]).await;
    let mut broken = ingress("broken", 130);
    broken["spec"] = json!(false);
    ingresses.says("ADDED", &broken).await;
    drop(ingresses);
    let asked = in_time(world.api.asked("ingresses")).await;
    assert!(asked.resumes("130"), "{:?}", asked.query);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_over_when_something_is_heard_again() {
    let (mut world, [ingresses, ..], _watches) = World::known(&[], &[], &[]).await;
    drop(ingresses);
    in_time(world.api.asked("ingresses")).await.fails(500);
    let asked = in_time(world.api.asked("ingresses")).await;
    assert!(world.health("Ingress").last_error.is_some());
    let _ingresses = asked.streams();
    world.unchanged().await;
    assert_eq!(world.health("Ingress").last_error, None);
    assert_eq!(world.health("Ingress").errors, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_at_all_is_asked_for_again() {
    let known = [ingress("a", 1)];
    let (mut world, [mut ingresses, ..], _watches) = World::known(&known, &[], &[]).await;
    ingresses
        .line("{\"type\": \"ADDED\", \"object\": nonsense}\n")
        .await;
    assert!(
        in_time(world.api.asked("ingresses"))
            .await
            .is_streamed_list()
    );
    assert_eq!(world.hosts(), ["a"]);
    assert_eq!(world.health("Ingress").errors, 1);
}

#[tokio::test(start_paused = true)]
async fn one_kind_that_fails_does_not_stop_another() {
    let known = [ingress("a", 1)];
    let (mut world, [ingresses, _services, mut endpoints], _watches) =
        World::known(&known, &[], &[]).await;
    drop(ingresses);
    in_time(world.api.asked("ingresses")).await.fails(500);
    endpoints
        .says("ADDED", &slice("1", "web", "10.0.0.1", 101))
        .await;
    assert!(!world.changed().await.endpoints.is_empty());
    assert_eq!(world.hosts(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_failing_is_reported_once_and_tried_ever_less_often() {
    let mut world = World::new(portreeve_watch::Scope::All);
    let mut times = Vec::new();
    for _ in 0..10 {
        let asked = in_time(world.api.asked("services")).await;
        times.push(Instant::now());
        asked.fails(403);
    }
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        gaps.iter().all(|gap| (1..=20).contains(&gap.as_secs())),
        "{gaps:?}"
    );
    assert!(gaps.last() > gaps.first());
    assert!(world.health("Service").errors >= 9);
    let problems = world.problems.lock().unwrap();
    assert_eq!(
        problems.iter().filter(|p| p.contains("Service")).count(),
        1,
        "{problems:?}"
    );
}
