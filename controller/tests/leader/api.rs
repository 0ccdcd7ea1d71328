//! An API server that keeps objects, guards their versions and fails as it is told.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// How a client's calls fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They are answered.
    Up,
    /// They are never answered, and never arrive.
    Silent,
    /// They arrive, but are never answered.
    Mute,
    /// They are refused with this status.
    Refusing(u16),
    /// Those about the object of this name are forbidden.
    Hiding(&'static str),
}

/// The server: objects by path, as every client sees them.
#[derive(Clone, Default)]
pub(crate) struct Api(Arc<Mutex<Objects>>);

#[derive(Default)]
struct Objects {
    by_path: BTreeMap<String, Value>,
    version: u64,
}

/// The way of one client to the server.
#[derive(Clone)]
pub(crate) struct Link {
    api: Api,
    mode: Arc<Mutex<Mode>>,
}

type Answer = (u16, Value);

impl Api {
    pub(crate) fn link(&self) -> Link {
        let mode = Arc::new(Mutex::new(Mode::Up));
        Link {
            api: self.clone(),
            mode,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().by_path.get(path).cloned()
    }

    pub(crate) fn delete(&self, path: &str) {
        self.0.lock().unwrap().by_path.remove(path);
    }

    /// Writes an object as somebody else does, whatever there is.
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.0.lock().unwrap().store(path.into(), object);
    }

    fn answer(&self, method: &Method, path: &str, body: &[u8]) -> Answer {
        let mut objects = self.0.lock().unwrap();
        let object = || serde_json::from_slice::<Value>(body).unwrap();
        match *method {
            Method::GET => match objects.by_path.get(path) {
                Some(object) => (200, object.clone()),
                None => failure(404, "NotFound"),
            },
            Method::POST => {
                let object = object();
                let path = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap());
                if objects.by_path.contains_key(&path) {
                    return failure(409, "AlreadyExists");
                }
                (201, objects.store(path, object))
            }
            Method::PUT => objects.replace(path, object()),
            _ => panic!("{method} {path}"),
        }
    }
}

impl Objects {
    fn store(&mut self, path: String, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.by_path.insert(path, object.clone());
        object
    }

    fn replace(&mut self, path: &str, object: Value) -> Answer {
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        let expected = version(&object);
        assert!(expected.is_string(), "a write is not guarded: {object}");
        match self.by_path.get(path).map(version) {
            None => failure(404, "NotFound"),
            Some(found) if found != expected => failure(409, "Conflict"),
            Some(_) => (200, self.store(path.into(), object)),
        }
    }
}

fn failure(code: u16, reason: &str) -> Answer {
    let status = json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason});
    (code, status)
}

impl Link {
    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    pub(crate) fn client(&self) -> Client {
        let link = self.clone();
        let service = tower::service_fn(move |request| {
            let link = link.clone();
            async move { Ok::<_, Infallible>(link.serve(request).await) }
        });
        Client::new(service, "default")
    }

    async fn serve(&self, request: Request<Body>) -> Response<Full<bytes::Bytes>> {
        let mode = *self.mode.lock().unwrap();
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = || self.api.answer(&head.method, head.uri.path(), &body);
        let (code, object) = match mode {
            Mode::Up => answer(),
            Mode::Refusing(code) => failure(code, "Forbidden"),
            Mode::Hiding(name) if head.uri.path().ends_with(name) => failure(403, "Forbidden"),
            Mode::Hiding(_) => answer(),
            Mode::Silent => std::future::pending().await,
            Mode::Mute => {
                answer();
                std::future::pending().await
            }
        };
        let response = Response::builder().status(code);
        response
            .body(Full::new(serde_json::to_vec(&object).unwrap().into()))
            .unwrap()
    }
}
