//! State in the Secrets of an API server that keeps what it is given, each with its version.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use k8s_openapi::ByteString;
use portreeve_acme::{CHALLENGE_TYPE, CaId, ChallengeKind, ISSUER, Kept, Mark, Record, Staged};
use portreeve_acme::{Store, StoreError, Want};
use portreeve_table::{CertKey, Origin, Secret};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Secrets;
use crate::guard::Guard;
use crate::scripted::{Asked, Reply, client};

/// What the API server has, by path.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Objects>>);

#[derive(Default)]
struct Objects {
    objects: BTreeMap<String, Value>,
    version: u64,
    writes: usize,
}

impl Server {
    fn store(&self) -> Secrets {
        self.store_of(Guard::always())
    }

    fn store_of(&self, guard: Guard) -> Secrets {
        let server = self.clone();
        let client = client(move |asked| server.answer(&asked));
        Secrets::new(client, guard, "edge")
    }

    fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.get(path).cloned()
    }

    fn put(&self, path: &str, object: Value) {
        self.0.lock().unwrap().put(path.into(), object);
    }

    fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let mut kept = self.0.lock().unwrap();
        if asked.method != "GET" {
            kept.writes += 1;
        }
        match &*asked.method {
            "GET" if asked.path.ends_with("/secrets") => kept.list(&asked.query),
            "GET" => kept.found(&asked.path),
            "POST" => kept.create(asked),
            "PUT" => kept.replace(asked),
            "DELETE" => match kept.objects.remove(&asked.path) {
                Some(object) => Reply::Json(200, object),
                None => Reply::refusal(404, "NotFound"),
            },
            other => panic!("{other}"),
        }
    }
}

impl Objects {
    fn put(&mut self, path: String, mut object: Value) -> Reply {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert(path, object.clone());
        Reply::Json(200, object)
    }

    fn found(&self, path: &str) -> Reply {
        let found = self.objects.get(path).cloned();
        found.map_or_else(
            || Reply::refusal(404, "NotFound"),
            |it| Reply::Json(200, it),
        )
    }

    fn create(&mut self, asked: &Asked) -> Reply {
        let name = asked.body["metadata"]["name"].as_str().unwrap();
        let path = format!("{}/{name}", asked.path);
        if self.objects.contains_key(&path) {
            return Reply::refusal(409, "AlreadyExists");
        }
        self.put(path, asked.body.clone())
    }

    fn replace(&mut self, asked: &Asked) -> Reply {
        let version = |it: &Value| it["metadata"]["resourceVersion"].clone();
        match self.objects.get(&asked.path) {
            None => Reply::refusal(404, "NotFound"),
            Some(before) if version(before) != version(&asked.body) => {
                Reply::refusal(409, "Conflict")
            }
            Some(_) => self.put(asked.path.clone(), asked.body.clone()),
        }
    }

    fn list(&self, query: &str) -> Reply {
        let is_asked = |it: &&Value| {
            let kind = it["type"].as_str().unwrap().replace('/', "%2F");
            query.contains(&format!("type%3D{kind}"))
        };
        let items: Vec<_> = self.objects.values().filter(is_asked).collect();
        let list = json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
            "metadata": {}, "items": items,
        });
        Reply::Json(200, list)
    }
}

fn want() -> Want {
    let names = ["shop.example"].map(|name| name.parse().unwrap());
    Want::new(origin(), key(), names)
}

fn origin() -> Origin {
    Origin {
        namespace: "shop".into(),
        name: "web".into(),
    }
}

fn key() -> CertKey {
    "shop/web-tls".parse().unwrap()
}

const TLS: &str = "/api/v1/namespaces/shop/secrets/web-tls";

fn own(name: &str) -> String {
    format!("/api/v1/namespaces/edge/secrets/{name}")
}

fn mark() -> Mark {
    Mark {
        issuer: CaId::new("https://ca.example/dir"),
        names: want().names().to_vec(),
    }
}

fn private() -> Secret<String> {
    Secret::new("a key".to_owned())
}

fn data(object: &Value, key: &str) -> String {
    let ByteString(bytes) = serde_json::from_value(object["data"][key].clone()).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_record_is_read_as_it_was_written_and_written_over_what_was_read_only() {
    let server = Server::default();
    let (store, id) = (server.store(), want().id());
    assert_eq!(store.record(&id).await, Ok(None));
    let mut record = Record::new(&want());
    let first = store.put_record(&id, &record, None).await.unwrap();
    let again = store.put_record(&id, &record, None).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    record.issuer = Some(CaId::new("https://ca.example/dir"));
    let second = store.put_record(&id, &record, Some(&first)).await.unwrap();
    let late = store.put_record(&id, &record, Some(&first)).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    assert_eq!(store.record(&id).await, Ok(Some((record, second))));
    assert_eq!(store.records().await, Ok(vec![id.clone()]));
    let object = server
        .get(&own(&format!("portreeve-acme-order-{id}")))
        .unwrap();
    assert_eq!(object["type"], "portreeve.dev/acme-order");
    store.remove_record(&id).await.unwrap();
    store.remove_record(&id).await.unwrap();
    assert_eq!(store.records().await, Ok(vec![]));
}

#[tokio::test]
async fn what_is_no_record_is_named_and_not_quoted() {
    let server = Server::default();
    let (store, id) = (server.store(), want().id());
    let path = own(&format!("portreeve-acme-order-{id}"));
    let bytes = ByteString(b"{\"key\": \"hush\"}".to_vec());
    let object =
        json!({"metadata": {}, "type": "portreeve.dev/acme-order", "data": {"record.json": bytes}});
    server.put(&path, object);
    let said = store.record(&id).await.unwrap_err().to_string();
    assert!(
        said.contains("Secret edge/portreeve-acme-order-") && !said.contains("hush"),
        "{said}"
    );
}

#[tokio::test]
async fn a_certificate_is_put_where_nothing_is_or_what_bears_our_mark() {
    let server = Server::default();
    let store = server.store();
    assert_eq!(store.certificate(&key()).await, Ok(Kept::Nothing));
    store
        .put_certificate(&key(), "one", &private(), &mark())
        .await
        .unwrap();
    let mut object = server.get(TLS).unwrap();
    assert_eq!(object["type"], "kubernetes.io/tls");
    assert_eq!(
        object["metadata"]["labels"]["app.kubernetes.io/managed-by"],
        "portreeve"
    );
    assert_eq!(
        object["metadata"]["annotations"][ISSUER],
        "https://ca.example/dir"
    );
    assert_eq!(
        object["metadata"]["annotations"]["portreeve.dev/acme-names"],
        "shop.example"
    );
    assert_eq!(object["metadata"]["ownerReferences"], Value::Null);
    let kept = store.certificate(&key()).await.unwrap();
    let (chain, key_) = ("one".to_owned(), private());
    assert_eq!(kept, Kept::Ours { chain, key: key_ });
    object["metadata"]["labels"]["team"] = "shop".into();
    server.put(TLS, object);
    store
        .put_certificate(&key(), "two", &private(), &mark())
        .await
        .unwrap();
    let object = server.get(TLS).unwrap();
    assert_eq!(data(&object, "tls.crt"), "two");
    assert_eq!(
        object["metadata"]["labels"]["team"], "shop",
        "what others wrote on it stays"
    );
    store.remove_certificate(&key()).await.unwrap();
    assert_eq!(server.get(TLS), None);
}

/// Neither what somebody else made, nor what we made and somebody took over, nor what is of a type
/// that cannot be changed.
#[tokio::test]
async fn what_does_not_bear_our_mark_is_never_written() {
    let marked = json!({"annotations": {ISSUER: "https://ca.example/dir"}});
    for object in [
        json!({"metadata": {}, "type": "kubernetes.io/tls", "data": {}}),
        json!({"metadata": {"annotations": {"team": "shop"}}, "type": "kubernetes.io/tls"}),
        json!({"metadata": marked, "type": "Opaque"}),
    ] {
        let server = Server::default();
        let store = server.store();
        server.put(TLS, object);
        let before = server.get(TLS);
        assert_eq!(store.certificate(&key()).await, Ok(Kept::Foreign));
        let put = store
            .put_certificate(&key(), "one", &private(), &mark())
            .await;
        assert!(matches!(put, Err(StoreError::Foreign(_))), "{put:?}");
        let removed = store.remove_certificate(&key()).await;
        assert!(
            matches!(removed, Err(StoreError::Foreign(_))),
            "{removed:?}"
        );
        assert_eq!((server.get(TLS), server.writes()), (before, 0));
    }
}

#[tokio::test]
async fn a_secret_that_is_handed_over_empty_is_ours() {
    let server = Server::default();
    let metadata = json!({"annotations": {ISSUER: ""}});
    server.put(
        TLS,
        json!({"metadata": metadata, "type": "kubernetes.io/tls"}),
    );
    let kept = server.store().certificate(&key()).await.unwrap();
    assert!(matches!(kept, Kept::Ours { chain, .. } if chain.is_empty()));
}

#[tokio::test]
async fn challenges_are_there_until_there_are_none() {
    let server = Server::default();
    let (store, id) = (server.store(), want().id());
    let path = own(&format!("portreeve-acme-challenge-{id}"));
    for token in ["one", "two"] {
        let staged = Staged {
            token: token.parse().unwrap(),
            host: "shop.example".parse().unwrap(),
            key_authorization: format!("{token}.thumb").into(),
            kind: ChallengeKind::Http01,
        };
        store
            .put_challenges(&id, &origin(), &[staged])
            .await
            .unwrap();
        let object = server.get(&path).unwrap();
        assert_eq!(object["type"], CHALLENGE_TYPE);
        let list: Value = serde_json::from_str(&data(&object, "challenges.json")).unwrap();
        assert_eq!(list[0]["token"], token);
        assert_eq!(
            list[0]["ingress"],
            json!({"namespace": "shop", "name": "web"})
        );
    }
    for _ in 0..2 {
        store.put_challenges(&id, &origin(), &[]).await.unwrap();
        assert_eq!(server.get(&path), None);
    }
}

#[tokio::test]
async fn an_account_is_kept_for_each_ca() {
    let server = Server::default();
    let store = server.store();
    let cas = ["https://a.example/dir", "https://b.example/dir"].map(CaId::new);
    for ca in &cas {
        assert_eq!(store.account(ca).await, Ok(None));
        for credentials in ["first", ca.url()] {
            let credentials = Secret::new(credentials.to_owned());
            store.put_account(ca, &credentials).await.unwrap();
        }
    }
    for ca in &cas {
        let kept = store.account(ca).await.unwrap().unwrap();
        assert_eq!(kept.expose(), ca.url());
    }
}

#[tokio::test]
async fn who_does_not_lead_writes_nothing() {
    let server = Server::default();
    let (leads, receiver) = watch::channel(true);
    let store = server.store_of(Guard::new(receiver, || true));
    let (id, record) = (want().id(), Record::new(&want()));
    store
        .put_certificate(&key(), "one", &private(), &mark())
        .await
        .unwrap();
    let before = server.writes();
    leads.send_replace(false);
    let ca = CaId::new("https://ca.example/dir");
    for refused in [
        store.put_record(&id, &record, None).await.map(drop),
        store.remove_record(&id).await,
        store.put_account(&ca, &private()).await,
        store
            .put_certificate(&key(), "two", &private(), &mark())
            .await,
        store.remove_certificate(&key()).await,
        store.put_challenges(&id, &origin(), &[]).await,
    ] {
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
    }
    assert_eq!(server.writes(), before);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_says_no_or_nothing_is_named_with_what_to_do() {
    let refusing = client(|_| Reply::refusal(403, "Forbidden"));
    let store = Secrets::new(refusing, Guard::always(), "edge");
    let said = store.certificate(&key()).await.unwrap_err().to_string();
    assert!(
        said.contains("Secret shop/web-tls") && said.contains("deploy/acme"),
        "{said}"
    );
    let silent = client(|_| Reply::Silence);
    let store = Secrets::new(silent, Guard::always(), "edge");
    let said = store.certificate(&key()).await.unwrap_err().to_string();
    assert!(said.contains("does not answer"), "{said}");
}
