//! A proxy's session, as its controller sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::channel::Sender;
use hyper::body::Incoming;
use portreeve_table::{LineBuffer, Lines};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::h2::{beside, on};

/// How often a session gives a sign of life, as a controller's does.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Resources by name, each with the hash that it is told with.
pub type Resources = BTreeMap<String, (String, Value)>;

/// A proxy's session.
pub struct Session {
    /// What it said first.
    pub hello: Value,
    /// The certificate that it showed.
    pub certificate: Vec<u8>,
    incoming: Incoming,
    read: LineBuffer,
    outgoing: UnboundedSender<Bytes>,
}

/// Says what a test says, and that we are there.
async fn speak(mut lines: UnboundedReceiver<Bytes>, mut sender: Sender<Bytes>) {
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            _ = heartbeat.tick() => Some(Bytes::from_static(b"{\"ping\":{}}\n")),
        };
        let Some(line) = line else { return };
        if sender.send_data(line).await.is_err() {
            return;
        }
    }
}

impl Session {
    pub(super) fn new(certificate: &[u8], incoming: Incoming, sender: Sender<Bytes>) -> Self {
        let (outgoing, lines) = unbounded_channel();
        beside(speak(lines, sender));
        Self {
            hello: Value::Null,
            certificate: certificate.to_vec(),
            incoming,
            read: LineBuffer::default(),
            outgoing,
        }
    }

    /// After the proxy has said who it is.
    pub(super) fn begun(mut self) -> Self {
        self.hello = self.hear()["hello"].take();
        self
    }

    pub fn say(&self, message: Value) {
        self.say_text(message.to_string() + "\n");
    }

    pub fn say_text(&self, text: impl Into<Bytes>) {
        let _ = self.outgoing.send(text.into());
    }

    /// A part of a delta.
    pub fn part(&self, seq: u64, upsert: &Resources, remove: &[&str]) {
        let upsert = upsert.iter().map(|(key, (hash, value))| {
            let sent = json!({"hash": hash, "value": value});
            (key.clone(), sent)
        });
        let upsert: BTreeMap<_, _> = upsert.collect();
        self.say(json!({"delta": {"seq": seq, "upsert": upsert, "remove": remove}}));
    }

    /// Says that a delta is whole; returns what the proxy says of it.
    pub fn synced(&mut self, seq: u64) -> Value {
        self.say(json!({"synced": {"seq": seq}}));
        self.hear()
    }

    /// Tells of resources, which the proxy takes.
    pub fn tell(&mut self, seq: u64, upsert: &Resources) {
        self.part(seq, upsert, &[]);
        assert_eq!(self.synced(seq), json!({"ack": {"seq": seq}}));
    }

    /// What the proxy says next.
    pub fn hear(&mut self) -> Value {
        on(self.next()).expect("the session ended")
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(line) = self.read.next_line() {
                return Some(serde_json::from_slice(line).unwrap());
            }
            let frame = self.incoming.frame().await?.ok()?;
            if let Some(data) = frame.data_ref() {
                self.read.push(data, Lines::LIMIT).unwrap();
            }
        }
    }

    /// Waits until the proxy has ended it.
    pub fn left(mut self) {
        assert_eq!(on(self.next()), None);
    }

    /// What it has, by its own account.
    pub fn have(&self) -> Value {
        self.hello["have"].clone()
    }
}

/// What a proxy should say that it has.
pub fn have(resources: &Resources) -> Value {
    let have = resources.iter().map(|(key, (hash, _))| {
        let hash = u128::from_str_radix(hash, 16).unwrap();
        (key.clone(), format!("{hash:032x}"))
    });
    have.collect::<BTreeMap<_, _>>().into_iter().collect()
}
