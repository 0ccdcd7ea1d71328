//! Sessions, with a proxy that says exactly what each test makes it say. Time stands still unless
//! everybody waits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use portreeve_table::{Config, Host, ResourceKey, SCHEMA, SKEW, Shared};
use portreeve_translate::Translation;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::fleet::{Fleet, Seen};
use super::peer::Peer;
use super::refusal::Refusal;
use super::session;
use crate::published::Published;

/// A proxy's end of a session, and what stands behind the other.
struct Proxy {
    says: Sender<Bytes>,
    hears: Channel<Bytes>,
    publish: watch::Sender<Option<Arc<Published>>>,
    fleet: Arc<Fleet>,
    session: JoinHandle<String>,
}

impl Proxy {
    fn connect() -> Self {
        let (says, incoming) = Channel::new(8);
        let (outgoing, hears) = Channel::new(1);
        let (publish, latest) = watch::channel(None);
        let fleet = Arc::new(Fleet::default());
        let member = fleet.join(([127, 0, 0, 1], 1).into());
        let session = tokio::spawn(async move {
            let ended = session::run(Peer::new(incoming, outgoing), latest, &member).await;
            member.leave(&ended);
            ended.to_string()
        });
        Self {
            says,
            hears,
            publish,
            fleet,
            session,
        }
    }

    async fn say(&mut self, message: Value) {
        let line = message.to_string() + "\n";
        self.says.send_data(line.into()).await.unwrap();
    }

    async fn say_hello(&mut self, have: Value) {
        self.say_hello_in(SCHEMA, have).await;
    }

    async fn say_hello_in(&mut self, schema: u32, have: Value) {
        self.say(json!({"hello": {"node": "p", "schema": schema, "have": have}}))
            .await;
    }

    /// The next message that is neither a sign of life nor the welcome.
    async fn hear(&mut self) -> Value {
        loop {
            let message = self.hear_anything().await;
            if message.get("ping").is_none() && message.get("welcome").is_none() {
                return message;
            }
        }
    }

    async fn hear_anything(&mut self) -> Value {
        let frame = self.hears.frame().await.unwrap().unwrap();
        serde_json::from_slice(&frame.into_data().unwrap()).unwrap()
    }

    fn publish(&self, config: Config) {
        let translation = Translation {
            config,
            ..Translation::default()
        };
        let number = self.publish.borrow().as_ref().map_or(1, |p| p.number + 1);
        let since = SystemTime::UNIX_EPOCH;
        self.publish.send_replace(Some(Arc::new(Published {
            number,
            since,
            took: Duration::ZERO,
            translation,
        })));
    }

    /// Waits for what the fleet knows of the proxy.
    async fn seen(&self, what: impl Fn(&Seen) -> bool) -> Seen {
        loop {
            if let Some(seen) = self.fleet.seen().into_iter().find(&what) {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn config(hosts: &[&str]) -> Config {
    let hosts = hosts.iter().map(|host| {
        let empty = Shared::new(Host::default());
        (host.parse().unwrap(), empty)
    });
    Config {
        hosts: hosts.collect(),
        ..Config::default()
    }
}

fn key(name: &str) -> ResourceKey {
    name.parse().unwrap()
}

fn hash(of: &str) -> String {
    let config = config(&[of]);
    format!("{:032x}", config.have().into_values().next().unwrap())
}

#[tokio::test(start_paused = true)]
async fn only_what_is_different_is_told() {
    let mut proxy = Proxy::connect();
    proxy.say_hello(json!({})).await;
    proxy.publish(config(&["a.x"]));
    let first = proxy.hear().await;
    assert_eq!(first["delta"]["upsert"]["host/a.x"]["hash"], hash("a.x"));
    assert_eq!(proxy.hear().await, json!({"synced": {"seq": 1}}));
    proxy.say(json!({"ack": {"seq": 1}})).await;
    proxy.publish(config(&["b.x"]));
    let second = proxy.hear().await["delta"].clone();
    assert_eq!(second["remove"], json!(["host/a.x"]));
    let upsert = second["upsert"].as_object().unwrap();
    assert_eq!(upsert.keys().collect::<Vec<_>>(), ["host/b.x"]);
    assert_eq!(proxy.hear().await, json!({"synced": {"seq": 2}}));
    proxy.say(json!({"ack": {"seq": 2}})).await;
    assert_eq!(&*proxy.seen(|seen| seen.has == 2).await.node, "p");
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_has_everything_learns_so() {
    let mut proxy = Proxy::connect();
    let have = json!({"host/a.x": hash("a.x"), "listener/x": "00"});
    proxy.publish(config(&["a.x"]));
    proxy.say_hello(have).await;
    let told = proxy.hear().await;
    assert_eq!(told["delta"]["upsert"], json!({}), "{told}");
    assert_eq!(told["delta"]["remove"], json!(["listener/x"]), "{told}");
    assert_eq!(proxy.hear().await, json!({"synced": {"seq": 1}}));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_before_everything_is_known() {
    let mut proxy = Proxy::connect();
    proxy.say_hello(json!({"host/a.x": hash("a.x")})).await;
    let welcome = proxy.hear_anything().await;
    assert_eq!(welcome, json!({"welcome": {"schema": SCHEMA}}));
    assert_eq!(proxy.hear_anything().await, json!({"ping": {}}));
    proxy.publish(config(&[]));
    let told = proxy.hear().await;
    assert_eq!(told["delta"]["remove"], json!(["host/a.x"]));
}

#[tokio::test(start_paused = true)]
async fn what_was_rejected_is_offered_again_when_it_changes() {
    let mut proxy = Proxy::connect();
    proxy.say_hello(json!({})).await;
    proxy.publish(config(&["a.x"]));
    let _ = (proxy.hear().await, proxy.hear().await);
    let rejected = json!([{"key": "host/a.x", "error": "no"}]);
    proxy
        .say(json!({"nack": {"seq": 1, "rejected": rejected}}))
        .await;
    let seen = proxy.seen(|seen| seen.has == 1).await;
    assert_eq!(seen.rejected[&key("host/a.x")][0].error, "no");
    proxy.publish(config(&["a.x", "b.x"]));
    let told = proxy.hear().await["delta"]["upsert"].clone();
    assert_eq!(told.as_object().unwrap().len(), 1, "{told}");
    let _ = proxy.hear().await;
    proxy.say(json!({"ack": {"seq": 2}})).await;
    let seen = proxy.seen(|seen| seen.has == 2).await;
    assert_eq!(seen.rejected.len(), 1, "it is still not taken");
    proxy.publish(config(&["b.x"]));
    assert_eq!(proxy.hear().await["delta"]["remove"], json!(["host/a.x"]));
    let _ = proxy.hear().await;
    proxy.say(json!({"ack": {"seq": 3}})).await;
    assert_eq!(proxy.seen(|seen| seen.has == 3).await.rejected.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn changes_meanwhile_are_told_as_one() {
    let mut proxy = Proxy::connect();
    proxy.say_hello(json!({})).await;
    proxy.publish(config(&["a.x"]));
    let _ = (proxy.hear().await, proxy.hear().await);
    for hosts in [&["b.x"][..], &["c.x"], &["a.x", "c.x"]] {
        proxy.publish(config(hosts));
    }
    proxy.say(json!({"ack": {"seq": 1}})).await;
    let told = proxy.hear().await["delta"]["upsert"].clone();
    assert_eq!(told.as_object().unwrap().len(), 1, "{told}");
    assert!(told.get("host/c.x").is_some(), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_proxy_one_version_away_is_served_and_one_further_is_refused_and_counted() {
    for schema in [SCHEMA - SKEW, SCHEMA, SCHEMA + SKEW] {
        let mut proxy = Proxy::connect();
        proxy.publish(config(&["a.x"]));
        let text = json!({"hello": {
            "node": "p", "schema": schema, "have": {"listener/x": "00"}, "colour": "red",
        }});
        proxy.say(text).await;
        let told = proxy.hear().await;
        assert!(told["delta"]["upsert"]["host/a.x"].is_object(), "{schema}");
        assert_eq!(told["delta"]["remove"], json!(["listener/x"]), "{schema}");
        let _ = proxy.hear().await;
        proxy.say(json!({"applause": {}})).await;
        proxy.say(json!({"ack": {"seq": 1, "colour": "red"}})).await;
        assert_eq!(proxy.seen(|seen| seen.has == 1).await.schema, schema);
    }
    let mut proxy = Proxy::connect();
    let fleet = Arc::clone(&proxy.fleet);
    proxy.publish(config(&["a.x"]));
    proxy.say_hello_in(SCHEMA + SKEW + 1, json!({})).await;
    // It is told what we speak, so that it can say why this is the end.
    let welcome = proxy.hear_anything().await;
    assert_eq!(welcome, json!({"welcome": {"schema": SCHEMA}}));
    let why = ended(proxy).await;
    assert!(
        why.contains("schema 3") && why.ends_with("update the controller"),
        "{why}"
    );
    assert_eq!(fleet.refusals(Refusal::Schema), 1);
}

#[tokio::test(start_paused = true)]
async fn what_proxies_reject_is_known_with_whose_it_is_until_they_leave() {
    let mut proxy = Proxy::connect();
    let fleet = Arc::clone(&proxy.fleet);
    let mut changes = fleet.changes();
    proxy.publish(config(&["a.x"]));
    proxy.say_hello(json!({})).await;
    let _ = (proxy.hear().await, proxy.hear().await);
    let origin = json!({"namespace": "shop", "name": "web"});
    let long = "é\n".repeat(2000);
    let rejected = json!([
        {"key": "host/a.x", "origin": origin, "error": "no"},
        {"key": "host/a.x", "error": long},
    ]);
    let nack = json!({"nack": {"seq": 1, "rejected": rejected}});
    proxy.say(nack).await;
    changes.changed().await.unwrap();
    let seen = &fleet.rejected()[&key("host/a.x")];
    let mut errors: Vec<_> = seen
        .iter()
        .map(|it| (it.origin.is_some(), it.error.len()))
        .collect();
    errors.sort_unstable();
    // Of what a proxy says, no more is kept than is read, and on one line.
    assert_eq!(errors, [(false, 750), (true, 2)]);
    assert_eq!(fleet.rejections(), 2);
    // Nor more of it than anybody reads, however often and however much it says.
    let hosts: Vec<_> = (0..60).map(|n| format!("{n}.y")).collect();
    for seq in 2..10 {
        let new = format!("{seq}.x");
        let hosts = hosts.iter().map(String::as_str);
        let hosts: Vec<_> = hosts.chain(["a.x", &new]).collect();
        proxy.publish(config(&hosts));
        let _ = (proxy.hear().await, proxy.hear().await);
        let host = |n: usize| if n < 100 { "a.x" } else { hosts[n % 60] };
        let rejected = (0..1500)
            .map(|n| json!({"key": format!("host/{}", host(n)), "error": format!("{seq} {n}")}));
        let rejected: Vec<_> = rejected.collect();
        let nack = json!({"nack": {"seq": seq, "rejected": rejected}});
        proxy.say(nack).await;
        proxy.seen(|seen| seen.has == seq).await;
    }
    let seen = fleet.rejected();
    assert_eq!(seen[&key("host/a.x")].len(), 20);
    assert_eq!(seen.values().map(BTreeSet::len).sum::<usize>(), 1000);
    assert_eq!(fleet.rejected_by_kind()[0], ("host", 61));
    assert_eq!(fleet.counts(9).map(|(_, count)| count), [1, 1, 1]);
    proxy.says = Channel::new(1).0;
    until_empty(&fleet, &mut changes).await;
}

#[tokio::test(start_paused = true)]
async fn of_what_a_proxy_says_only_names_are_kept_that_it_was_told() {
    let mut proxy = Proxy::connect();
    let long = "x".repeat(30_000);
    let hello = json!({"node": long, "schema": SCHEMA, "have": {"host/gone.x": "00"}});
    proxy.say(json!({"hello": hello})).await;
    proxy.publish(config(&["a.x", "b.x"]));
    let _ = (proxy.hear().await, proxy.hear().await);
    let told = |key: &str, namespace: &str| {
        let origin = json!({"namespace": namespace, "name": "web"});
        json!({"key": key, "origin": origin, "error": "no"})
    };
    let rejected = json!([
        told("host/a.x", "shop"),
        told("host/b.x", &long),
        told(&format!("host/{long}"), "shop"),
        told("host/gone.x", "shop"),
        told("host/never.x", "shop"),
        told("listener/x", "shop"),
    ]);
    let nack = json!({"nack": {"seq": 1, "rejected": rejected}});
    proxy.say(nack).await;
    let seen = proxy.seen(|seen| seen.has == 1).await;
    assert_eq!(seen.node.len(), 500);
    assert_eq!(
        seen.rejected.into_keys().collect::<Vec<_>>(),
        [key("host/a.x")]
    );
    assert_eq!(proxy.fleet.rejections(), 6, "all of it is counted");
}

#[tokio::test(start_paused = true)]
async fn what_names_lead_to_is_known_until_a_proxy_says_otherwise_or_leaves() {
    let mut proxy = Proxy::connect();
    let fleet = Arc::clone(&proxy.fleet);
    let mut changes = fleet.changes();
    proxy.say_hello(json!({})).await;
    proxy.publish(config(&["a.x"]));
    let _ = (proxy.hear().await, proxy.hear().await);
    let told = |keys: &[&str]| {
        let told = keys
            .iter()
            .map(|key| json!({"key": key, "error": "this machine"}));
        json!({"refused": told.collect::<Value>()})
    };
    proxy.say(json!({"ack": {"seq": 1}})).await;
    for keys in [&["host/a.x", "host/b.x"][..], &[], &["host/a.x"]] {
        proxy.say(told(keys)).await;
        changes.changed().await.unwrap();
        let refused = fleet.refused();
        let expected = keys.iter().take(1).map(|name| key(name));
        assert_eq!(
            refused.into_keys().collect::<Vec<_>>(),
            expected.collect::<Vec<_>>()
        );
    }
    // It is heard, too, while a verdict is waited for.
    proxy.publish(config(&["a.x", "b.x"]));
    let _ = (proxy.hear().await, proxy.hear().await);
    proxy.say(told(&[])).await;
    changes.changed().await.unwrap();
    assert!(fleet.refused().is_empty());
    proxy.say(json!({"ack": {"seq": 2}})).await;
    proxy.say(told(&["host/b.x"])).await;
    changes.changed().await.unwrap();
    proxy.says = Channel::new(1).0;
    changes.changed().await.unwrap();
    assert!(fleet.refused().is_empty(), "it has left");
}

async fn until_empty(fleet: &Fleet, changes: &mut watch::Receiver<()>) {
    while !fleet.rejected().is_empty() {
        changes.changed().await.unwrap();
    }
}

/// Why the session of a proxy ends that does this.
async fn ended(proxy: Proxy) -> String {
    let Proxy {
        says,
        hears,
        publish,
        fleet,
        session,
    } = proxy;
    let ended = session.await.unwrap();
    drop((says, hears, publish));
    assert_eq!(fleet.seen().len(), 0, "it has left");
    ended
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_or_read_is_let_go() {
    let silent = Proxy::connect();
    assert!(ended(silent).await.contains("does not answer"));

    let mut without_ack = Proxy::connect();
    without_ack.say_hello(json!({})).await;
    without_ack.publish(config(&["a.x"]));
    let _ = (without_ack.hear().await, without_ack.hear().await);
    assert!(ended(without_ack).await.contains("does not answer"));

    let mut without_reading = Proxy::connect();
    without_reading.say_hello(json!({})).await;
    without_reading.publish(config(&["a.x"]));
    assert!(ended(without_reading).await.contains("does not read"));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_speak_as_a_proxy_is_let_go() {
    let mut rude = Proxy::connect();
    rude.say(json!({"ack": {"seq": 1}})).await;
    assert!(ended(rude).await.contains("did not say who it is"));

    let mut garbled = Proxy::connect();
    garbled.says.send_data("{hello\n".into()).await.unwrap();
    assert!(ended(garbled).await.contains("cannot be read"));

    let mut gone = Proxy::connect();
    gone.say_hello(json!({})).await;
    gone.says = Channel::new(1).0;
    assert!(ended(gone).await.contains("is gone"));
}
