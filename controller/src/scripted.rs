//! An API server for tests that answers as it is told to.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) body: Value,
}

/// What it is answered.
pub(crate) enum Reply {
    Json(u16, Value),
    Silence,
}

impl Reply {
    /// A refusal with this code and reason.
    pub(crate) fn refusal(code: u16, reason: &str) -> Self {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "code": code, "reason": reason, "message": format!("{reason} it is"),
        });
        Self::Json(code, status)
    }
}

/// A client of an API server that `answer` speaks for.
pub(crate) fn client(answer: impl FnMut(Asked) -> Reply + Send + 'static) -> Client {
    let answer = Arc::new(Mutex::new(answer));
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = Arc::clone(&answer);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let asked = Asked {
                method: head.method.to_string(),
                path: head.uri.path().into(),
                query: head.uri.query().unwrap_or_default().into(),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            };
            let reply = answer.lock().unwrap()(asked);
            match reply {
                Reply::Json(code, json) => {
                    let body = Full::new(Bytes::from(json.to_string()));
                    let response = Response::builder().status(code).body(body);
                    Ok::<_, Infallible>(response.unwrap())
                }
                Reply::Silence => std::future::pending().await,
            }
        }
    });
    Client::new(service, "default")
}
