//! One candidate, and what the world does to it.

use std::time::Duration;

use portreeve_controller::lease::{Candidate, Elector, Leadership, Timing};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::api::{Api, Link, Mode};

pub(crate) const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/edge/leases/leader";

/// A candidate that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) leadership: Leadership,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }
}

pub(crate) fn stand(link: &Link, identity: &str) -> Running {
    let candidate = Candidate {
        identity: identity.into(),
        namespace: "edge".into(),
        lease: "leader".into(),
        timing: Timing::of(Duration::from_secs(30)),
    };
    let (elector, leadership) = Elector::new(link.client(), candidate);
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(elector.run(async move {
        let _ = stopped.await;
    }));
    Running {
        leadership,
        stop,
        task,
    }
}

fn spec(api: &Api) -> Value {
    api.get(PATH).unwrap()["spec"].clone()
}

/// The Lease as another controller writes it that says it lives by a clock of its own.
fn held_by(other: &str, renewed: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "leader", "namespace": "edge", "labels": {"kept": "yes"}},
        "spec": {
            "holderIdentity": other, "leaseDurationSeconds": 30, "leaseTransitions": 4,
            "acquireTime": "2001-01-01T00:00:00.000000Z", "renewTime": renewed,
        },
    })
}

const LONG_AGO: &str = "2001-01-01T00:00:00.000000Z";
const FAR_OFF: &str = "2999-01-01T00:00:00.000000Z";

#[tokio::test(start_paused = true)]
async fn the_first_leads_and_goes_on() {
    let api = Api::default();
    let mut one = stand(&api.link(), "one");
    one.leadership.gained().await;
    let first = api.get(PATH).unwrap();
    assert_eq!(first["spec"]["holderIdentity"], "one");
    assert_eq!(first["spec"]["leaseDurationSeconds"], 30);
    assert_eq!(first["spec"]["leaseTransitions"], 0);
    let end = Instant::now() + Duration::from_secs(300);
    let lost = tokio::time::timeout_at(end, one.leadership.lost()).await;
    assert!(lost.is_err(), "it renews for as long as it lives");
    let last = api.get(PATH).unwrap();
    assert_ne!(
        first["metadata"]["resourceVersion"],
        last["metadata"]["resourceVersion"]
    );
    assert_eq!(first["spec"]["acquireTime"], last["spec"]["acquireTime"]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_leader_is_followed_after_its_time_by_our_clock() {
    for renewed in [LONG_AGO, FAR_OFF] {
        let api = Api::default();
        api.put(PATH, held_by("other", renewed));
        let start = Instant::now();
        let mut one = stand(&api.link(), "one");
        one.leadership.gained().await;
        assert_eq!(start.elapsed().as_secs(), 30, "{renewed}");
        assert_eq!(spec(&api)["leaseTransitions"], 5);
        assert_eq!(
            api.get(PATH).unwrap()["metadata"]["labels"]["kept"],
            "yes",
            "what others wrote on it stays"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_lives_is_not_followed() {
    let api = Api::default();
    let mut one = stand(&api.link(), "one");
    let lives = async {
        for second in 0..20 {
            let now = format!("2001-01-01T00:00:{second:02}.000000Z");
            api.put(PATH, held_by("other", &now));
            sleep(Duration::from_secs(25)).await;
        }
    };
    // It is put there before the candidate looks for the first time.
    tokio::select! {
        biased;
        () = lives => {}
        () = one.leadership.gained() => panic!("there are two"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_let_go_is_taken_at_once() {
    let api = Api::default();
    api.put(PATH, held_by("other", LONG_AGO));
    let mut one = stand(&api.link(), "one");
    sleep(Duration::from_secs(5)).await;
    api.put(PATH, held_by("", LONG_AGO));
    let soon = timeout(Duration::from_secs(3), one.leadership.gained());
    assert!(soon.await.is_ok());
}

/// Deleting the Lease does not make two leaders: its holder has its time, and can write it again.
#[tokio::test(start_paused = true)]
async fn a_lease_that_is_deleted_is_not_taken_from_its_holder() {
    let api = Api::default();
    api.put(PATH, held_by("other", LONG_AGO));
    let start = Instant::now();
    let mut one = stand(&api.link(), "one");
    sleep(Duration::from_secs(5)).await;
    api.delete(PATH);
    one.leadership.gained().await;
    // It may have been another's by then, who was just as silent since it was deleted.
    assert_eq!(start.elapsed().as_secs(), 36);
    api.delete(PATH);
    let lost = timeout(Duration::from_secs(60), one.leadership.lost());
    assert!(lost.await.is_err());
    assert_eq!(spec(&api)["holderIdentity"], "one");
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_steps_down_before_its_time() {
    for mode in [
        Mode::Silent,
        Mode::Mute,
        Mode::Refusing(403),
        Mode::Refusing(500),
    ] {
        let api = Api::default();
        let link = api.link();
        let mut one = stand(&link, "one");
        one.leadership.gained().await;
        // The Lease was written just now, and is not written again.
        let start = Instant::now();
        link.set(mode);
        one.leadership.lost().await;
        assert_eq!(start.elapsed().as_secs(), 20, "{mode:?}");
        assert!(!one.leadership.is_leader());
        // Nobody took it, so it is led by again as soon as that can be written.
        link.set(Mode::Up);
        let soon = timeout(Duration::from_secs(8), one.leadership.gained());
        assert!(soon.await.is_ok(), "{mode:?}");
    }
}

/// A write that was done and not answered looks like a failure, and its version is lost.
#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_costs_no_term() {
    let api = Api::default();
    let link = api.link();
    let mut one = stand(&link, "one");
    one.leadership.gained().await;
    link.set(Mode::Mute);
    sleep(Duration::from_secs(6)).await;
    link.set(Mode::Up);
    let lost = timeout(Duration::from_secs(60), one.leadership.lost());
    assert!(lost.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn who_finds_another_in_the_lease_stops_at_once() {
    let api = Api::default();
    let mut one = stand(&api.link(), "one");
    one.leadership.gained().await;
    let start = Instant::now();
    api.put(PATH, held_by("other", LONG_AGO));
    one.leadership.lost().await;
    // One round to find that the version has changed, and one to see why.
    assert!(
        start.elapsed() <= Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(spec(&api)["holderIdentity"], "other");
}

#[tokio::test(start_paused = true)]
async fn who_stops_lets_go() {
    let api = Api::default();
    let mut one = stand(&api.link(), "one");
    one.leadership.gained().await;
    let leadership = one.leadership.clone();
    one.stop().await;
    assert!(!leadership.is_leader());
    assert_eq!(spec(&api)["holderIdentity"], "");
    assert_eq!(spec(&api)["leaseDurationSeconds"], 1);

    api.put(PATH, held_by("other", LONG_AGO));
    stand(&api.link(), "two").stop().await;
    assert_eq!(spec(&api)["holderIdentity"], "other");
}

#[tokio::test(start_paused = true)]
async fn who_stops_does_not_wait_for_a_silent_server() {
    let api = Api::default();
    let link = api.link();
    let mut one = stand(&link, "one");
    one.leadership.gained().await;
    link.set(Mode::Silent);
    let start = Instant::now();
    one.stop().await;
    assert!(start.elapsed() <= Duration::from_secs(5));
}
