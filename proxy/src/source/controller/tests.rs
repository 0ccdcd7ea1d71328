//! Sessions, with a controller that says exactly what each test makes it say. Time stands still
//! unless everybody waits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use portreeve_table::{LineBuffer, Lines, SCHEMA, SKEW};
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::connect::Stream;
use super::session::Session;
use super::{Following, Standing};
use crate::metrics::{Contact, Metrics};
use crate::source::{Cache, Sink};

/// A proxy that has no session.
fn following() -> Following {
    Following {
        sink: Sink::new(Arc::default(), Metrics::new(1)),
        cache: Cache::default(),
        node: "p".into(),
        standing: Standing::default(),
    }
}

/// A controller's end of a session, and what is at the other.
struct Controller {
    says: Sender<Bytes>,
    hears: Channel<Bytes>,
    read: LineBuffer,
    sink: Arc<Sink>,
    session: JoinHandle<(Following, String, Option<Duration>)>,
}

impl Controller {
    /// Begins a session of this proxy; returns what it says first.
    async fn follow(mut following: Following) -> (Self, Value) {
        let (says, incoming) = Channel::new(8);
        let (outgoing, hears) = Channel::new(1);
        let sink = Arc::clone(&following.sink);
        let session = tokio::spawn(async move {
            let stream = Stream {
                outgoing,
                incoming,
                _connection: JoinSet::new(),
            };
            let address = ([127, 0, 0, 1], 1).into();
            let session = Session::new(&mut following, address, stream);
            let (ended, lasted) = session.run().await;
            (following, ended.to_string(), lasted)
        });
        let mut controller = Self {
            says,
            hears,
            read: LineBuffer::default(),
            sink,
            session,
        };
        let hello = controller.hear().await["hello"].take();
        (controller, hello)
    }

    async fn begin() -> Self {
        Self::follow(following()).await.0
    }

    async fn say(&mut self, message: Value) {
        self.say_text(message.to_string() + "\n").await;
    }

    async fn say_text(&mut self, text: impl Into<Bytes>) {
        // A session that has ended listens no more, which the test finds out at its end.
        let _ = self.says.send_data(text.into()).await;
    }

    async fn hear(&mut self) -> Value {
        loop {
            if let Some(line) = self.read.next_line() {
                return serde_json::from_slice(line).unwrap();
            }
            let frame = self.hears.frame().await.unwrap().unwrap();
            let data = frame.into_data().unwrap();
            self.read.push(&data, Lines::LIMIT).unwrap();
        }
    }

    /// Tells of a whole delta; returns the verdict.
    async fn tell(&mut self, seq: u64, upsert: Value) -> Value {
        let delta = json!({"delta": {"seq": seq, "upsert": upsert}});
        self.say(delta).await;
        self.say(json!({"synced": {"seq": seq}})).await;
        self.hear().await
    }

    /// Waits for the session's end; returns the proxy, why it ended and how long it stood.
    async fn ended(self) -> (Following, String, Option<Duration>) {
        self.session.await.unwrap()
    }

    /// The same for one that the controller ends.
    async fn end(self) -> Following {
        drop(self.says);
        let (following, why, _) = self.session.await.unwrap();
        assert_eq!(why, "it is gone");
        following
    }
}

fn host(hash: &str) -> Value {
    json!({"hash": hash, "value": {"routes": []}})
}

/// A certificate that cannot be parsed.
fn bad_cert(hash: &str) -> Value {
    let cert = json!({"names": ["a.x"], "chain": "no", "key": "no", "not_after": 0});
    json!({"hash": hash, "value": cert})
}

fn names(of: &Value) -> Vec<String> {
    let rejected = of["nack"]["rejected"].as_array();
    let rejected = rejected.into_iter().flatten();
    let names = rejected.map(|told| told["key"].as_str().unwrap().to_string());
    names.collect()
}

#[tokio::test(start_paused = true)]
async fn a_silent_controller_is_left() {
    let mut controller = Controller::begin().await;
    controller.tell(1, json!({})).await;
    for _ in 0..1000 {
        tokio::time::sleep(Duration::from_secs(14)).await;
        controller.say(json!({"ping": {}})).await;
    }
    let begun = Instant::now();
    let (following, why, lasted) = controller.ended().await;
    assert_eq!(why, "it has been silent for too long");
    assert_eq!(begun.elapsed().as_secs(), 15);
    assert_eq!(lasted.unwrap().as_secs(), 14_000 + 15);
    assert_eq!(following.sink.current.load().number, 1);
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_never_tells_is_left_though_it_is_there() {
    for begun in [false, true] {
        let mut controller = Controller::begin().await;
        if begun {
            controller.tell(1, json!({})).await;
            let cut = json!({"delta": {"seq": 2, "upsert": {"host/a.x": host("1")}}});
            controller.say(cut).await;
        }
        let since = Instant::now();
        while !controller.session.is_finished() {
            assert!(since.elapsed().as_secs() < 100, "it is never left");
            controller.say(json!({"ping": {}})).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        let (following, why, lasted) = controller.ended().await;
        assert_eq!(why, "it is there, but has told nothing for too long");
        assert!((60..=65).contains(&since.elapsed().as_secs()));
        assert_eq!(lasted.is_some(), begun);
        assert_eq!(following.sink.have().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_delta_is_never_applied() {
    let (mut controller, hello) = Controller::follow(following()).await;
    assert_eq!(hello, json!({"node": "p", "schema": 1, "have": {}}));
    let ack = controller.tell(7, json!({"host/a.x": host("a")})).await;
    assert_eq!(ack, json!({"ack": {"seq": 7}}));
    let part = json!({"host/b.x": host("b")});
    let part = json!({"delta": {"seq": 8, "upsert": part, "remove": ["host/a.x"]}});
    controller.say(part).await;
    let following = controller.end().await;
    // Nor by the next controller, which knows nothing of it.
    let (mut next, hello) = Controller::follow(following).await;
    let have = json!({"host/a.x": format!("{:032x}", 0xa)});
    assert_eq!(hello["have"], have);
    let ack = next.tell(1, json!({})).await;
    assert_eq!(ack, json!({"ack": {"seq": 1}}));
    assert_eq!(next.sink.have().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_speak_as_a_controller_is_left() {
    let long = " ".repeat(Lines::LIMIT + 1);
    for (said, why) in [
        ("{garbage\n", "cannot be read"),
        ("\n", "cannot be read"),
        ("7\n", "cannot be read"),
        ("{\"synced\":{\"seq\":-1}}\n", "cannot be read"),
        (
            "{\"delta\":{\"seq\":2}}\n{\"synced\":{\"seq\":1}}\n",
            "makes no sense",
        ),
        (&long, "longer than"),
    ] {
        let mut controller = Controller::begin().await;
        controller.tell(1, json!({"host/a.x": host("a")})).await;
        controller.say_text(said.to_string()).await;
        let (following, ended, _) = controller.ended().await;
        assert!(ended.contains(why), "{ended}");
        assert_eq!(following.sink.have().len(), 1, "the configuration stays");
    }
    // A message or a field that is new is none of that.
    let mut controller = Controller::begin().await;
    controller.say(json!({"applause": {"loud": true}})).await;
    let ack = controller.tell(1, json!({})).await;
    assert_eq!(ack, json!({"ack": {"seq": 1}}));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_told_when_it_comes_and_to_each_controller() {
    let mut controller = Controller::begin().await;
    let both = json!({"cert/t/bad": bad_cert("1"), "listener/x": host("2"), "host/a.x": host("3")});
    let nack = controller.tell(1, both).await;
    assert_eq!(names(&nack), ["cert/t/bad", "listener/x"]);
    assert_eq!(nack["nack"]["seq"], 1);
    assert!(!controller.sink.metrics.was_taken_whole());
    // What changes beside it is taken whole, as often as it is.
    let ack = controller.tell(2, json!({"host/b.x": host("4")})).await;
    assert_eq!(ack, json!({"ack": {"seq": 2}}));
    assert!(!controller.sink.metrics.was_taken_whole());
    let (mut next, hello) = Controller::follow(controller.end().await).await;
    assert!(hello["have"]["cert/t/bad"].is_string());
    // The next one does not offer again what we have, and is told. What we could not take at all
    // it would offer, so that is gone.
    assert_eq!(names(&next.tell(1, json!({})).await), ["cert/t/bad"]);
    let gone = json!({"delta": {"seq": 2, "remove": ["cert/t/bad"]}});
    next.say(gone).await;
    next.say(json!({"synced": {"seq": 2}})).await;
    assert_eq!(next.hear().await, json!({"ack": {"seq": 2}}));
    assert!(next.sink.metrics.was_taken_whole());
    let (mut last, _) = Controller::follow(next.end().await).await;
    let ack = last.tell(1, json!({})).await;
    assert_eq!(ack, json!({"ack": {"seq": 1}}));
}

#[tokio::test(start_paused = true)]
async fn only_who_has_told_everything_keeps_it_up_to_date() {
    let mut controller = Controller::begin().await;
    let metrics = Arc::clone(&controller.sink.metrics);
    metrics.contact.set(Contact::Awaited);
    controller.say(json!({"delta": {"seq": 1}})).await;
    controller.say(json!({"ping": {}})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(metrics.contact.get(), Contact::Awaited);
    assert_eq!(controller.sink.current.load().number, 0);
    controller.say(json!({"synced": {"seq": 1}})).await;
    controller.hear().await;
    assert_eq!(metrics.contact.get(), Contact::Fresh);
    assert_eq!(controller.sink.current.load().number, 1);
}

#[tokio::test(start_paused = true)]
async fn a_controller_one_version_away_is_followed_and_one_further_is_not() {
    for schema in [SCHEMA - SKEW, SCHEMA, SCHEMA + SKEW] {
        let mut controller = Controller::begin().await;
        controller
            .say(json!({"welcome": {"schema": schema, "name": "c"}}))
            .await;
        let ack = controller.tell(1, json!({"host/a.x": host("1")})).await;
        assert_eq!(ack, json!({"ack": {"seq": 1}}), "{schema}");
    }
    let mut controller = Controller::begin().await;
    let sink = Arc::clone(&controller.sink);
    let _ = controller.tell(1, json!({"host/a.x": host("1")})).await;
    let following = controller.end().await;
    let (mut newer, hello) = Controller::follow(following).await;
    assert_eq!(hello["schema"], SCHEMA);
    let schema = SCHEMA + SKEW + 1;
    newer.say(json!({"welcome": {"schema": schema}})).await;
    newer
        .say(json!({"delta": {"seq": 1, "remove": ["host/a.x"]}}))
        .await;
    newer.say(json!({"synced": {"seq": 1}})).await;
    let (_, why, _) = newer.ended().await;
    assert!(
        why.contains("schema 3") && why.ends_with("update the proxy"),
        "{why}"
    );
    assert_eq!(sink.config().hosts.len(), 1, "what was there stays");
}

#[tokio::test(start_paused = true)]
async fn a_closed_route_is_told_with_the_ingress_that_it_belongs_to() {
    let mut controller = Controller::begin().await;
    let route = |name: &str, filters: Value| {
        let origin = json!({"namespace": "shop", "name": name});
        json!({"origin": origin, "rule": "/", "path": {"prefix": "/"}, "filters": filters, "action": "not-found"})
    };
    let routes = [
        route("one", json!([{"firewall": {}}])),
        route("two", json!([])),
        route("three", json!([{"lasers": {}}])),
    ];
    let host = json!({"hash": "1", "value": {"routes": routes}});
    let nack = controller.tell(1, json!({"host/a.x": host})).await;
    let rejected = nack["nack"]["rejected"].as_array().unwrap();
    let origins: Vec<_> = rejected.iter().map(|it| &it["origin"]["name"]).collect();
    assert_eq!(origins, ["one", "three"]);
    // The next controller learns the same of what it does not offer again.
    let (mut next, _) = Controller::follow(controller.end().await).await;
    let nack = next.tell(1, json!({})).await;
    assert_eq!(nack["nack"]["rejected"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn names_that_lead_where_no_request_may_be_sent_are_told_when_they_are_others() {
    let external = |hash: &str, name: &str| {
        let external = json!({"name": name, "port": 80});
        json!({"upstream/t/s:80": {"hash": hash, "value": {"external": external}}})
    };
    let told = json!([{"key": "upstream/t/s:80", "error": "an address of this machine"}]);
    let mut controller = Controller::begin().await;
    controller.tell(1, external("01", "127.0.0.1")).await;
    assert_eq!(controller.hear().await, json!({"refused": told}));
    controller.tell(2, external("02", "192.0.2.1")).await;
    assert_eq!(controller.hear().await, json!({"refused": []}));
    controller.tell(3, external("01", "127.0.0.1")).await;
    assert_eq!(controller.hear().await, json!({"refused": told}));
    // The next one is told, too, when it has said what there is.
    let (mut next, _) = Controller::follow(controller.end().await).await;
    next.tell(1, json!({})).await;
    assert_eq!(next.hear().await, json!({"refused": told}));
}
