//! A CA that says what a test makes it say: for answers that no real one can be brought to give.
//!
//! It looks at no signature. What no test set is what a CA answers when all goes well.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portreeve_acme::CaSettings;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    fields: Vec<(&'static str, String)>,
    body: String,
    never: bool,
}

impl Answer {
    /// A status with a body.
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            fields: Vec::new(),
            body: body.into(),
            never: false,
        }
    }

    /// JSON.
    pub(crate) fn json(body: &Value) -> Self {
        Self::new(200, body.to_string())
    }

    /// A problem document.
    pub(crate) fn problem(status: u16, problem: &str, detail: &str) -> Self {
        let problem = format!("urn:ietf:params:acme:error:{problem}");
        Self::new(
            status,
            json!({"type": problem, "detail": detail}).to_string(),
        )
    }

    /// None at all.
    pub(crate) fn never() -> Self {
        Self {
            never: true,
            ..Self::new(200, "")
        }
    }

    /// The same with a field more.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }
}

#[derive(Default)]
struct Script {
    /// What is answered instead, by path; the last one for ever.
    answers: HashMap<String, Vec<Answer>>,
    /// What was asked: method and path.
    asked: Vec<String>,
    /// Who asked.
    agents: Vec<String>,
}

/// A CA that follows its script until it is dropped.
pub(crate) struct Scripted {
    script: Arc<Mutex<Script>>,
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Scripted {
    /// One with which all goes well.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(Script::default()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, address, Arc::clone(&script)));
        Self {
            script,
            address,
            _serving: serving,
        }
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Settings that lead to it.
    pub(crate) fn settings(&self) -> CaSettings {
        let mut settings = CaSettings::new(&self.url("/directory"));
        // Nothing is spoken over TLS here, so whom it would believe does not matter.
        let made = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
        settings.roots = Some(made.cert.pem().into());
        settings
    }

    /// From now on `path` is answered with `answers`, one after the other, the last one for ever.
    pub(crate) fn say(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        self.script
            .lock()
            .unwrap()
            .answers
            .insert(path.to_owned(), answers);
    }

    /// The order as it is when all goes well, in `state`.
    pub(crate) fn order(&self, state: &str) -> Value {
        order(&|path| self.url(path), state)
    }

    /// The authorization as it is when all goes well, in `state`.
    pub(crate) fn authorization(&self, state: &str) -> Value {
        authorization(&|path| self.url(path), state)
    }

    /// How often something was asked, such as `POST /order`.
    pub(crate) fn count(&self, asked: &str) -> usize {
        let script = self.script.lock().unwrap();
        script.asked.iter().filter(|one| *one == asked).count()
    }

    /// Who asked.
    pub(crate) fn agents(&self) -> Vec<String> {
        self.script.lock().unwrap().agents.clone()
    }
}

async fn serve(listener: TcpListener, address: SocketAddr, script: Arc<Mutex<Script>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let script = Arc::clone(&script);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, address, Arc::clone(&script)));
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let _gone = served.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let said = {
        let mut script = script.lock().unwrap();
        script.asked.push(format!("{} {path}", request.method()));
        let agent = request.headers()["user-agent"].to_str().unwrap().to_owned();
        script.agents.push(agent);
        match script.answers.get_mut(&path) {
            Some(answers) if answers.len() > 1 => answers.pop(),
            Some(answers) => answers.last().cloned(),
            None => None,
        }
    };
    let said = said.unwrap_or_else(|| usual(&path, &|path| format!("http://{address}{path}")));
    if said.never {
        std::future::pending::<()>().await;
    }
    let mut response = Response::builder()
        .status(said.status)
        .header("replay-nonce", "bm9uY2U");
    for (name, value) in said.fields {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(said.body)).unwrap())
}

fn usual(path: &str, url: &dyn Fn(&str) -> String) -> Answer {
    match path {
        "/directory" => Answer::json(&json!({
            "newNonce": url("/nonce"), "newAccount": url("/account"), "newOrder": url("/order"),
            "keyChange": url("/key"), "renewalInfo": url("/renewal"),
        })),
        "/nonce" => Answer::new(200, ""),
        "/account" => Answer::new(201, r#"{"status":"valid"}"#).with("location", url("/account/1")),
        "/account/1" => Answer::json(&json!({"status": "valid"})),
        "/order" => {
            Answer::new(201, order(url, "pending").to_string()).with("location", url("/order/1"))
        }
        "/order/1" => Answer::json(&order(url, "ready")),
        "/finalize/1" => Answer::json(&order(url, "valid")),
        "/authorization/1" => Answer::json(&authorization(url, "pending")),
        "/challenge/1" => Answer::json(&challenge(url)),
        _ => Answer::problem(404, "malformed", "nothing is there"),
    }
}

fn order(url: &dyn Fn(&str) -> String, state: &str) -> Value {
    json!({
        "status": state,
        "identifiers": [{"type": "dns", "value": "shop.example"}],
        "authorizations": [url("/authorization/1")],
        "finalize": url("/finalize/1"),
        "certificate": url("/certificate/1"),
    })
}

fn authorization(url: &dyn Fn(&str) -> String, state: &str) -> Value {
    json!({
        "status": state,
        "identifier": {"type": "dns", "value": "shop.example"},
        "challenges": [challenge(url)],
    })
}

fn challenge(url: &dyn Fn(&str) -> String) -> Value {
    json!({"type": "http-01", "url": url("/challenge/1"), "status": "pending", "token": "t0ken"})
}
