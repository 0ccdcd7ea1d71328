//! An API server that asks the test what to answer.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::channel::{Channel, Sender};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

type Body = BoxBody<Bytes, Infallible>;
type Calls = Arc<Mutex<HashMap<String, mpsc::UnboundedSender<Call>>>>;

/// The server, and what it is asked about each kind.
pub(crate) struct Api {
    calls: HashMap<&'static str, mpsc::UnboundedReceiver<Call>>,
}

/// A request that waits for its answer.
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    reply: oneshot::Sender<Response<Body>>,
}

/// A watch that is open; it ends when dropped.
pub(crate) struct Stream {
    lines: Sender<Bytes, Infallible>,
}

pub(crate) const KINDS: [&str; 8] = [
    "ingresses",
    "ingressclasses",
    "services",
    "endpointslices",
    "secrets",
    "namespaces",
    "configmaps",
    // Secrets of another type, which have a watch of their own.
    "challenges",
];

impl Api {
    pub(crate) fn new() -> (Self, Client) {
        let (mut calls, senders) = (HashMap::new(), Calls::default());
        for kind in KINDS {
            let (sender, receiver) = mpsc::unbounded_channel();
            senders.lock().unwrap().insert(kind.into(), sender);
            calls.insert(kind, receiver);
        }
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let senders = senders.clone();
            let uri = request.uri().clone();
            async move { Ok::<_, Infallible>(ask(&senders, &uri).await) }
        });
        (Self { calls }, Client::new(service, "default"))
    }

    /// The next request about a kind.
    pub(crate) async fn asked(&mut self, kind: &'static str) -> Call {
        self.calls.get_mut(kind).unwrap().recv().await.unwrap()
    }

    /// Answers the list that is asked for next with `objects`; gives the watch that goes on.
    pub(crate) async fn lists(&mut self, kind: &'static str, objects: &[Value]) -> Stream {
        let mut stream = self.asked(kind).await.streams();
        for object in objects {
            stream.says("ADDED", object).await;
        }
        stream.is_whole("100").await;
        stream
    }
}

async fn ask(calls: &Calls, uri: &Uri) -> Response<Body> {
    let (reply, answer) = oneshot::channel();
    let path = uri.path().to_string();
    let query = uri.query().unwrap_or_default();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let given = pairs
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let kind = path.rsplit('/').next().unwrap_or_default().to_string();
    let is_challenges = query.contains("acme-challenge");
    let kind = if is_challenges {
        "challenges".into()
    } else {
        kind
    };
    let sender = calls.lock().unwrap()[&kind].clone();
    let query = given;
    let _ = sender.send(Call { path, query, reply });
    match answer.await {
        Ok(answer) => answer,
        // The test holds it back, or is over.
        Err(_) => std::future::pending().await,
    }
}

impl Call {
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.query.get(name).is_some_and(|given| given == value)
    }

    pub(crate) fn is_streamed_list(&self) -> bool {
        self.has("sendInitialEvents", "true")
    }

    /// Whether it watches from this version.
    pub(crate) fn resumes(&self, version: &str) -> bool {
        self.has("watch", "true")
            && self.has("resourceVersion", version)
            && !self.is_streamed_list()
    }

    fn answer(self, code: u16, body: Body) {
        let response = Response::builder().status(code).body(body).unwrap();
        let _ = self.reply.send(response);
    }

    pub(crate) fn fails(self, code: u16) {
        let status = status(code).to_string();
        self.answer(code, Full::new(status.into()).boxed());
    }

    /// A page of a list, and the token of the next one.
    pub(crate) fn page(self, objects: &[Value], next: &str) {
        let metadata = json!({"resourceVersion": "100", "continue": next});
        let list =
            json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": objects});
        self.answer(200, Full::new(list.to_string().into()).boxed());
    }

    /// A watch.
    pub(crate) fn streams(self) -> Stream {
        let (lines, body) = Channel::new(64);
        self.answer(200, body.boxed());
        Stream { lines }
    }
}

fn status(code: u16) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Test", "message": "as the test says", "code": code})
}

impl Stream {
    /// An event about an object.
    pub(crate) async fn says(&mut self, event: &str, object: &Value) {
        let line = json!({"type": event, "object": object}).to_string() + "\n";
        self.line(&line).await;
    }

    /// The list in this stream is whole.
    pub(crate) async fn is_whole(&mut self, version: &str) {
        let annotations = json!({"k8s.io/initial-events-end": "true"});
        let metadata = json!({"resourceVersion": version, "annotations": annotations});
        let object = json!({"kind": "Any", "apiVersion": "v1", "metadata": metadata});
        self.says("BOOKMARK", &object).await;
    }

    pub(crate) async fn fails(&mut self, code: u16) {
        self.says("ERROR", &status(code)).await;
    }

    pub(crate) async fn line(&mut self, line: &str) {
        let sent = self
            .lines
            .send_data(Bytes::copy_from_slice(line.as_bytes()))
            .await;
        sent.expect("the watch is open");
    }
}
