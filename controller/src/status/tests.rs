//! The writer against an API server that knows who wrote what, with a clock that is wound by hand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portreeve_translate::{ObjectKey, Owner};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{Farewell, IngressNow, Seen, Source, Writer};
use crate::counts::{Count, Counts};
use crate::events::{Board, Posted};
use crate::guard::Guard;
use crate::scripted::{Asked, Reply, client};

mod nodes;

const OURS: &str = "10.0.0.1";
const THEIRS: &str = "10.9.9.9";

/// An Ingress at the API server.
#[derive(Clone)]
struct Stored {
    owner: Owner,
    version: u64,
    /// What its status says, and who said it.
    says: Option<(String, String)>,
}

/// What the API server has, and what it was asked.
struct State {
    ingresses: BTreeMap<String, Stored>,
    version: u64,
    asked: Vec<Asked>,
    instead: Option<fn() -> Reply>,
    /// The Node of each Pod, and whether the Pod is ready.
    pods: Vec<(&'static str, bool)>,
    forbids: bool,
    /// The types of a Node's addresses, and what each begins with.
    addresses: Vec<(&'static str, &'static str)>,
    nodes_read: usize,
    /// Whether nobody is told of what is written.
    is_late: bool,
    seen: watch::Sender<Option<Arc<Seen>>>,
}

impl State {
    fn put(&mut self, name: &str, owner: Owner, says: Option<(&str, &str)>) {
        self.version += 1;
        let says = says.map(|(ip, who)| (ip.into(), who.into()));
        let version = self.version;
        let stored = Stored {
            owner,
            version,
            says,
        };
        self.ingresses.insert(name.into(), stored);
        self.tell();
    }

    /// What a watch tells of it, unless it is late.
    fn tell(&self) {
        if self.is_late {
            return;
        }
        let all = self
            .ingresses
            .iter()
            .filter(|(_, i)| i.owner != Owner::Other);
        let ingresses = all.map(|(name, stored)| IngressNow {
            key: ObjectKey::new("shop", name),
            uid: format!("uid-{name}").into(),
            version: stored.version.to_string().into(),
            owner: stored.owner,
            addresses: serde_json::from_value(addresses(stored)).unwrap(),
        });
        let ingresses = ingresses.collect();
        self.seen.send_replace(Some(Arc::new(Seen {
            ingresses,
            service: None,
        })));
    }

    /// Pods and their Nodes.
    fn answer(&mut self, asked: Asked) -> Reply {
        let path: Vec<_> = asked.path.split('/').collect();
        match path[..] {
            [_, "api", "v1", "namespaces", "portreeve", "pods"] => {
                assert!(asked.query.contains("labelSelector=app%3Dproxy"));
                let pods = self
                    .pods
                    .iter()
                    .map(|(node, is_ready)| pod(node, *is_ready));
                let pods = pods.collect::<Value>();
                let list =
                    json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods});
                Reply::Json(200, list)
            }
            [_, "api", "v1", "nodes", _] if self.forbids => Reply::refusal(403, "Forbidden"),
            [_, "api", "v1", "nodes", name] => {
                self.nodes_read += 1;
                let addresses = self
                    .addresses
                    .iter()
                    .map(|(kind, net)| json!({"type": kind, "address": format!("{net}.{name}")}));
                let status = json!({"addresses": addresses.collect::<Value>()});
                let meta = json!({"name": name});
                Reply::Json(
                    200,
                    json!({"kind": "Node", "apiVersion": "v1", "metadata": meta, "status": status}),
                )
            }
            _ => self.apply(asked),
        }
    }

    /// Server-side apply of a status, as far as it goes here.
    fn apply(&mut self, asked: Asked) -> Reply {
        self.asked.push(asked.clone());
        if let Some(instead) = self.instead {
            return instead();
        }
        let name = asked.path.split('/').nth(7).unwrap().to_owned();
        let Some(stored) = self.ingresses.get_mut(&name) else {
            return Reply::refusal(404, "NotFound");
        };
        assert_eq!(asked.body["metadata"]["uid"], format!("uid-{name}"));
        let says = asked.body["status"]["loadBalancer"]["ingress"][0]["ip"].as_str();
        let other = stored.says.as_ref().filter(|(_, who)| who != "portreeve");
        match (says, other) {
            (Some(_), Some((_, who))) if !asked.query.contains("force=true") => {
                return conflict(who);
            }
            (Some(ip), _) => stored.says = Some((ip.into(), "portreeve".into())),
            (None, None) => stored.says = None,
            (None, Some(_)) => {}
        }
        self.version += 1;
        stored.version = self.version;
        let reply = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": {"name": name, "resourceVersion": self.version.to_string()},
            "status": {"loadBalancer": {"ingress": addresses(stored)}},
        });
        self.tell();
        Reply::Json(200, reply)
    }
}

fn pod(node: &str, is_ready: bool) -> Value {
    let ready = if is_ready { "True" } else { "False" };
    json!({
        "metadata": {"name": "proxy"},
        "spec": {"containers": [], "nodeName": node},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    })
}

fn addresses(stored: &Stored) -> Value {
    stored
        .says
        .iter()
        .map(|(ip, _)| json!({"ip": ip}))
        .collect()
}

fn conflict(who: &str) -> Reply {
    let cause = json!({
        "reason": "FieldManagerConflict", "field": ".status.loadBalancer.ingress",
        "message": format!("conflict with \"{who}\" with subresource \"status\" using networking.k8s.io/v1"),
    });
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 409,
        "reason": "Conflict", "message": "Apply failed with 1 conflict", "details": {"causes": [cause]},
    });
    Reply::Json(409, status)
}

/// An Ingress by name, whose it is, and what its status says and who said it.
type Given<'a> = (&'a str, Owner, Option<(&'a str, &'a str)>);

/// A controller that writes statuses, and what it writes to.
struct Setup {
    state: Arc<Mutex<State>>,
    leads: watch::Sender<bool>,
    may_write: Arc<AtomicBool>,
    stop: Option<oneshot::Sender<Farewell>>,
    writer: JoinHandle<()>,
    counts: Arc<Counts>,
    posted: watch::Receiver<Posted>,
}

impl Setup {
    fn new(ingresses: &[Given<'_>]) -> Self {
        Self::with(ingresses, Source::Given(vec![OURS.into()]))
    }

    fn with(ingresses: &[Given<'_>], source: Source) -> Self {
        let (sender, seen) = watch::channel(None);
        let mut state = State {
            ingresses: BTreeMap::new(),
            version: 1,
            asked: Vec::new(),
            instead: None,
            pods: Vec::new(),
            forbids: false,
            addresses: vec![("ExternalIP", "10.0.1")],
            nodes_read: 0,
            is_late: false,
            seen: sender,
        };
        for (name, owner, says) in ingresses {
            state.put(name, *owner, *says);
        }
        let (state, counts) = (Arc::new(Mutex::new(state)), Arc::new(Counts::default()));
        let (leads, led) = watch::channel(false);
        let may_write = Arc::new(AtomicBool::new(true));
        let (server, may) = (Arc::clone(&state), Arc::clone(&may_write));
        let client = client(move |asked| server.lock().unwrap().answer(asked));
        let guard = Guard::new(led, move || may.load(Ordering::Relaxed));
        let (board, posted) = Board::new();
        let writer = Writer::new(client, guard, source, seen, board, Arc::clone(&counts));
        let (stop, stopped) = oneshot::channel();
        let writer = tokio::spawn(writer.run(async { stopped.await.unwrap() }));
        Self {
            state,
            leads,
            may_write,
            stop: Some(stop),
            writer,
            counts,
            posted,
        }
    }

    fn leading(ingresses: &[Given<'_>]) -> Self {
        let setup = Self::new(ingresses);
        setup.leads.send_replace(true);
        setup
    }

    /// Lets everything happen that happens within so many seconds.
    async fn pass(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds) + Duration::from_millis(1)).await;
    }

    /// What was asked until now and not looked at yet.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// What the status of an Ingress says.
    fn says(&self, name: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        let says = state
            .ingresses
            .get(name)
            .and_then(|stored| stored.says.clone());
        says.map(|(ip, _)| ip)
    }

    fn put(&self, name: &str, owner: Owner, says: Option<(&str, &str)>) {
        self.state.lock().unwrap().put(name, owner, says);
    }

    fn instead(&self, reply: Option<fn() -> Reply>) {
        self.state.lock().unwrap().instead = reply;
    }

    async fn stop(mut self, farewell: Farewell) -> Arc<Mutex<State>> {
        self.stop.take().unwrap().send(farewell).unwrap();
        self.writer.await.unwrap();
        self.state
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_without_leading() {
    let setup = Setup::new(&[("web", Owner::Ours, None)]);
    setup.pass(3600).await;
    assert_eq!(setup.asked(), []);
    setup.may_write.store(false, Ordering::Relaxed);
    setup.leads.send_replace(true);
    setup.pass(60).await;
    assert_eq!(
        setup.asked(),
        [],
        "it leads no more, but has not heard of it"
    );
    setup.may_write.store(true, Ordering::Relaxed);
    setup.pass(2).await;
    assert_eq!(setup.asked().len(), 1);
    setup.leads.send_replace(false);
    setup.put("api", Owner::Ours, None);
    setup.pass(60).await;
    assert_eq!(setup.asked(), []);
}

#[tokio::test(start_paused = true)]
async fn only_what_differs_is_written_and_only_what_is_ours() {
    let setup = Setup::leading(&[
        ("equal", Owner::Ours, Some((OURS, "somebody"))),
        ("new", Owner::Ours, None),
        ("other", Owner::Other, None),
        ("nobodys", Owner::Nobody, Some((OURS, "somebody"))),
    ]);
    setup.pass(3600).await;
    let asked = setup.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (&*asked[0].method, &*asked[0].path, &*asked[0].query),
        (
            "PATCH",
            "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/new/status",
            "&fieldManager=portreeve"
        )
    );
    let body = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "new", "uid": "uid-new"},
        "status": {"loadBalancer": {"ingress": [{"ip": OURS}]}},
    });
    assert_eq!(asked[0].body, body);
    assert_eq!(setup.counts.get(Count::StatusWrites), 1);
}

#[tokio::test(start_paused = true)]
async fn what_another_has_written_is_taken_over_once() {
    let setup = Setup::leading(&[("web", Owner::Ours, Some((THEIRS, "nginx")))]);
    setup.pass(3600).await;
    let asked = setup.asked();
    let queries: Vec<_> = asked
        .iter()
        .map(|asked| asked.query.contains("force"))
        .collect();
    assert_eq!(queries, [false, true]);
    assert_eq!(setup.says("web").as_deref(), Some(OURS));
    assert_eq!(setup.counts.get(Count::StatusTakeovers), 1);
    assert_eq!(setup.counts.get(Count::StatusErrors), 0);
}

#[tokio::test(start_paused = true)]
async fn errors_and_silence_are_retried() {
    let setup = Setup::leading(&[("web", Owner::Ours, None)]);
    setup.instead(Some(|| Reply::refusal(409, "Conflict")));
    setup.pass(0).await;
    setup.instead(Some(|| Reply::Silence));
    setup.pass(0).await;
    assert_eq!(setup.asked().len(), 1);
    // After a second it is asked again, and after ten more that is given up.
    setup.pass(1).await;
    assert_eq!(setup.asked().len(), 1);
    setup.instead(None);
    setup.pass(10 + 1).await;
    assert_eq!(setup.asked(), []);
    setup.pass(1).await;
    assert_eq!(setup.asked().len(), 1);
    assert_eq!(setup.says("web").as_deref(), Some(OURS));
    assert_eq!(setup.counts.get(Count::StatusErrors), 2);
}

#[tokio::test(start_paused = true)]
async fn an_ingress_that_is_gone_is_no_error() {
    let setup = Setup::leading(&[("web", Owner::Ours, None)]);
    setup.state.lock().unwrap().ingresses.clear();
    setup.pass(3).await;
    assert!(!setup.asked().is_empty());
    setup.state.lock().unwrap().tell();
    setup.pass(3600).await;
    assert!(setup.asked().len() <= 1);
    assert_eq!(setup.counts.get(Count::StatusErrors), 0);
}

#[tokio::test(start_paused = true)]
async fn a_fight_is_told_of_and_not_fought() {
    let setup = Setup::leading(&[("web", Owner::Ours, None), ("api", Owner::Ours, None)]);
    // The other writes back a minute after we do.
    for _ in 0..30 {
        setup.pass(60).await;
        if setup.says("web").as_deref() == Some(OURS) {
            setup.put("web", Owner::Ours, Some((THEIRS, "traefik")));
        }
    }
    let forced = |asked: &Asked| asked.query.contains("force");
    let writes = setup.asked().iter().filter(|asked| forced(asked)).count();
    assert!((6..=8).contains(&writes), "{writes}");
    assert_eq!(setup.counts.get(Count::StatusFights), 1);
    let posted = setup.posted.borrow().clone();
    let notices: Vec<_> = posted["status"].iter().collect();
    assert_eq!(notices.len(), 1);
    assert_eq!(&*notices[0].object.name, "web");
    assert_eq!(&*notices[0].reason, "StatusContested");
    assert!(
        notices[0].note.contains("\"traefik\""),
        "{}",
        notices[0].note
    );
    // The other gives in.
    setup.pass(1200).await;
    assert_eq!(setup.says("web").as_deref(), Some(OURS));
    assert!(setup.posted.borrow()["status"].is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_ingress_without_a_class_is_cleared_and_one_of_another_is_handed_over() {
    let setup = Setup::leading(&[("freed", Owner::Ours, None), ("given", Owner::Ours, None)]);
    setup.pass(1).await;
    assert_eq!(setup.asked().len(), 2);
    setup.put("freed", Owner::Nobody, Some((OURS, "portreeve")));
    setup.put("given", Owner::Other, Some((OURS, "portreeve")));
    setup.pass(3600).await;
    let asked = setup.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].body.get("status"), None);
    assert_eq!(setup.says("freed"), None);
    assert_eq!(setup.says("given").as_deref(), Some(OURS));
}

#[tokio::test(start_paused = true)]
async fn the_last_controller_takes_back_what_is_ours() {
    for (farewell, leads, left) in [
        (Farewell::Clear, true, None),
        (Farewell::Keep, true, Some(OURS)),
        (Farewell::Clear, false, Some(OURS)),
    ] {
        let setup = Setup::leading(&[("web", Owner::Ours, None)]);
        setup.put("theirs", Owner::Ours, Some((OURS, "somebody")));
        setup.pass(1).await;
        setup.may_write.store(leads, Ordering::Relaxed);
        let state = setup.stop(farewell).await;
        let state = state.lock().unwrap();
        let says = |name: &str| state.ingresses[name].says.clone().map(|(ip, _)| ip);
        assert_eq!(says("web").as_deref(), left);
        assert_eq!(says("theirs").as_deref(), Some(OURS));
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_controller_waits_for_the_lease_of_the_one_that_stops_before_it() {
    // Which of two that stop at once sees that nobody goes on is a matter of milliseconds. The one
    // that leads did not, keeps statuses and lets go of the Lease; this one does not lead yet.
    let mut setup = Setup::new(&[("web", Owner::Ours, Some((OURS, "portreeve")))]);
    setup.pass(1).await;
    let stop = setup.stop.take().unwrap();
    stop.send(Farewell::Clear).unwrap();
    setup.pass(3).await;
    assert_eq!(setup.asked(), [], "the other leads still");
    assert!(!setup.writer.is_finished());
    setup.leads.send_replace(true);
    setup.writer.await.unwrap();
    let state = setup.state.lock().unwrap();
    assert_eq!(state.ingresses["web"].says, None);
}

#[tokio::test(start_paused = true)]
async fn the_last_controller_does_not_wait_for_a_lease_that_nobody_lets_go_of() {
    let setup = Setup::new(&[("web", Owner::Ours, Some((OURS, "portreeve")))]);
    let start = tokio::time::Instant::now();
    let state = setup.stop(Farewell::Clear).await;
    assert!(start.elapsed() <= Duration::from_secs(15));
    assert_eq!(state.lock().unwrap().asked, []);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_just_now_is_taken_back_before_it_was_heard_of() {
    let setup = Setup::leading(&[("web", Owner::Ours, None)]);
    setup.state.lock().unwrap().is_late = true;
    setup.pass(1).await;
    let says = |state: &State| state.ingresses["web"].says.clone().map(|(ip, _)| ip);
    assert_eq!(says(&setup.state.lock().unwrap()).as_deref(), Some(OURS));
    let state = setup.stop(Farewell::Clear).await;
    assert_eq!(says(&state.lock().unwrap()), None);
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_an_api_server_that_is_silent() {
    let setup = Setup::leading(&[("web", Owner::Ours, Some((OURS, "portreeve")))]);
    setup.pass(1).await;
    setup.instead(Some(|| Reply::Silence));
    let start = tokio::time::Instant::now();
    setup.stop(Farewell::Clear).await;
    assert!(start.elapsed() <= Duration::from_secs(15));
}

#[test]
fn only_the_last_controller_clears_and_only_if_it_is_known_to_be() {
    for (is_asked_for, others, farewell) in [
        (true, Some(0), Farewell::Clear),
        (true, Some(1), Farewell::Keep),
        (true, None, Farewell::Keep),
        (false, Some(0), Farewell::Keep),
    ] {
        assert_eq!(Farewell::of(is_asked_for, others), farewell);
    }
}

#[tokio::test(start_paused = true)]
async fn many_are_written_at_a_rate() {
    let names: Vec<_> = (0..300).map(|n| format!("web-{n}")).collect();
    let all: Vec<_> = names
        .iter()
        .map(|name| (&**name, Owner::Ours, None))
        .collect();
    let setup = Setup::leading(&all);
    setup.pass(1).await;
    assert_eq!(setup.asked().len(), 50 + 50);
    setup.pass(5).await;
    assert_eq!(setup.counts.get(Count::StatusWrites), 300);
}
