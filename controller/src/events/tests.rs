//! The herald against a scripted API server, with a clock that is wound by hand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portreeve_translate::{Kind, ObjectRef};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Board, Herald, Notice};
use crate::counts::{Count, Counts};
use crate::guard::Guard;
use crate::scripted::{Asked, Reply, client};

#[derive(Default)]
struct State {
    events: BTreeMap<String, Value>,
    asked: Vec<Asked>,
    /// What is answered instead, if anything is.
    instead: Option<fn() -> Reply>,
}

impl State {
    fn answer(&mut self, asked: Asked) -> Reply {
        self.asked.push(asked.clone());
        if let Some(instead) = self.instead {
            return instead();
        }
        let name = asked.path.rsplit('/').next().unwrap().to_owned();
        match (&*asked.method, self.events.get_mut(&name)) {
            ("POST", _) => {
                let name = asked.body["metadata"]["name"].as_str().unwrap().to_owned();
                if self.events.contains_key(&name) {
                    return Reply::refusal(409, "AlreadyExists");
                }
                self.events.insert(name, asked.body.clone());
                Reply::Json(201, asked.body)
            }
            ("PATCH", Some(event)) => {
                event["series"] = asked.body["series"].clone();
                Reply::Json(200, event.clone())
            }
            ("GET", Some(event)) => Reply::Json(200, event.clone()),
            (_, None) => Reply::refusal(404, "NotFound"),
            other => panic!("{other:?}"),
        }
    }
}

/// A controller that says what is on its board.
struct Controller {
    state: Arc<Mutex<State>>,
    board: Board,
    leads: watch::Sender<bool>,
    may_write: Arc<AtomicBool>,
    counts: Arc<Counts>,
}

impl Controller {
    fn start(state: &Arc<Mutex<State>>) -> Self {
        let (leads, led) = watch::channel(false);
        let may_write = Arc::new(AtomicBool::new(true));
        let (board, posted) = Board::new();
        let counts = Arc::new(Counts::default());
        let (server, may) = (Arc::clone(state), Arc::clone(&may_write));
        let client = client(move |asked| server.lock().unwrap().answer(asked));
        let guard = Guard::new(led, move || may.load(Ordering::Relaxed));
        tokio::spawn(Herald::new(client, guard, "pod-1", posted, Arc::clone(&counts)).run());
        Self {
            state: Arc::clone(state),
            board,
            leads,
            may_write,
            counts,
        }
    }

    /// What was asked until now and not looked at yet, as methods.
    async fn asked(&self) -> Vec<String> {
        sleep(Duration::from_millis(1)).await;
        let asked = std::mem::take(&mut self.state.lock().unwrap().asked);
        asked.into_iter().map(|asked| asked.method).collect()
    }
}

fn notice(name: &str) -> Notice {
    let object = ObjectRef {
        kind: Kind::Ingress,
        namespace: "shop".into(),
        name: name.into(),
    };
    Notice::warning(
        object,
        Some("uid-1"),
        "HostInvalid",
        "Translate",
        "Not a host name.",
    )
}

#[tokio::test(start_paused = true)]
async fn an_event_says_all_that_there_is_to_say() {
    let state = Arc::default();
    let controller = Controller::start(&state);
    controller.leads.send_replace(true);
    controller.board.post("test", [notice("web")]);
    assert_eq!(controller.asked().await, ["POST"]);
    let state = state.lock().unwrap();
    let (name, event) = state.events.first_key_value().unwrap();
    assert_eq!(*name, notice("web").name());
    let expected = json!({
        "metadata": {"name": name, "namespace": "shop"},
        "regarding": {
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "namespace": "shop",
            "name": "web", "uid": "uid-1",
        },
        "reason": "HostInvalid", "action": "Translate", "type": "Warning",
        "note": "Not a host name.", "eventTime": event["eventTime"],
        "reportingController": "portreeve.dev/ingress-controller", "reportingInstance": "pod-1",
    });
    let mut event = event.clone();
    for field in ["apiVersion", "kind"] {
        event.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(event, expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_without_leading() {
    let controller = Controller::start(&Arc::default());
    controller.board.post("test", [notice("web")]);
    sleep(Duration::from_secs(3600)).await;
    assert!(controller.asked().await.is_empty());
    controller.may_write.store(false, Ordering::Relaxed);
    controller.leads.send_replace(true);
    sleep(Duration::from_secs(10)).await;
    assert!(controller.asked().await.is_empty());
    controller.may_write.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs(300)).await;
    assert_eq!(controller.asked().await, ["POST"]);
}

#[tokio::test(start_paused = true)]
async fn it_is_said_once_and_again_when_it_comes_back_and_kept_alive() {
    let controller = Controller::start(&Arc::default());
    controller.leads.send_replace(true);
    controller.board.post("test", [notice("web")]);
    assert_eq!(controller.asked().await, ["POST"]);
    controller
        .board
        .post("test", [notice("web"), notice("api")]);
    assert_eq!(controller.asked().await, ["POST"], "only the other");
    controller.board.post("test", [notice("api")]);
    assert!(controller.asked().await.is_empty());
    controller.board.post("other", [notice("web")]);
    assert_eq!(controller.asked().await, ["PATCH"]);
    let name = notice("web").name();
    assert_eq!(
        controller.state.lock().unwrap().events[&name]["series"]["count"],
        2
    );
    sleep(Duration::from_secs(1790)).await;
    assert!(controller.asked().await.is_empty());
    // The API server has forgotten one of them meanwhile.
    controller.state.lock().unwrap().events.remove(&name);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(controller.asked().await, ["PATCH", "PATCH", "POST"]);
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_does_not_repeat_what_was_said() {
    let state = Arc::default();
    let (first, second) = (Controller::start(&state), Controller::start(&state));
    for controller in [&first, &second] {
        controller.board.post("test", [notice("web")]);
    }
    first.leads.send_replace(true);
    assert_eq!(first.asked().await, ["POST"]);
    let said = state.lock().unwrap().events.clone();
    first.leads.send_replace(false);
    second.leads.send_replace(true);
    assert_eq!(second.asked().await, ["POST"]);
    assert_eq!(state.lock().unwrap().events, said, "it is there already");
    // It has to look how often it was said.
    second.board.post("test", []);
    assert!(second.asked().await.is_empty());
    second.board.post("test", [notice("web")]);
    assert_eq!(second.asked().await, ["GET", "PATCH"]);
}

#[tokio::test(start_paused = true)]
async fn leadership_that_flickers_costs_nothing() {
    let controller = Controller::start(&Arc::default());
    controller.board.post("test", [notice("web")]);
    controller.leads.send_replace(true);
    assert_eq!(controller.asked().await, ["POST"]);
    controller.leads.send_replace(false);
    controller.leads.send_replace(true);
    assert_eq!(controller.asked().await, ["POST"]);
    assert!(controller.asked().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_refuses_or_is_silent_is_asked_again() {
    let controller = Controller::start(&Arc::default());
    controller.state.lock().unwrap().instead = Some(|| Reply::refusal(500, "InternalError"));
    controller.board.post("test", [notice("web")]);
    controller.leads.send_replace(true);
    assert_eq!(controller.asked().await, ["POST"]);
    controller.state.lock().unwrap().instead = Some(|| Reply::Silence);
    sleep(Duration::from_secs(2 + 10)).await;
    assert_eq!(controller.asked().await, ["POST"]);
    assert_eq!(controller.counts.get(Count::EventErrors), 2);
    controller.state.lock().unwrap().instead = None;
    sleep(Duration::from_secs(4)).await;
    assert_eq!(controller.asked().await, ["POST"]);
    assert_eq!(controller.counts.get(Count::Events), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_said_little_by_little() {
    let controller = Controller::start(&Arc::default());
    controller.leads.send_replace(true);
    controller
        .board
        .post("test", (0..500).map(|n| notice(&format!("web-{n}"))));
    assert_eq!(controller.asked().await.len(), 50);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(controller.asked().await.len(), 50);
    assert!(controller.counts.get(Count::EventsDelayed) > 0);
}
