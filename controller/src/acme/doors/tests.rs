//! Proxies that come, go and answer late, over real sockets; and what proxies have taken.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use portreeve_acme::{ChallengeKind, Doors as _, Staged};
use portreeve_translate::ObjectKey;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Doors, waiting};
use crate::scripted::{Reply, client};
use crate::serve::{Rejection, Seen};

fn staged(token: &str) -> Staged {
    Staged {
        token: token.parse().unwrap(),
        host: "shop.example".parse().unwrap(),
        key_authorization: format!("{token}.thumb").into(),
        kind: ChallengeKind::Http01,
    }
}

/// A proxy that answers the challenge `token` when it may, and counts how often it is asked.
struct Proxy {
    address: SocketAddr,
    answers: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Proxy {
    async fn start(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, asked) = (Arc::new(AtomicBool::new(answers)), Arc::default());
        let (may, count): (_, Arc<AtomicUsize>) = (Arc::clone(&answers), Arc::clone(&asked));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                let body = if may.load(Ordering::Relaxed) {
                    "token.thumb"
                } else {
                    "nothing"
                };
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self {
            address,
            answers,
            asked,
            _serving: serving,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

type Behind = Arc<Mutex<Vec<SocketAddr>>>;

/// Doors behind a Service that leads where the list says, one slice for each.
fn doors(proxies: &[&Proxy]) -> (Doors, Behind) {
    let behind: Behind = Arc::new(Mutex::new(proxies.iter().map(|it| it.address).collect()));
    let listed = Arc::clone(&behind);
    let client = client(move |asked| {
        assert!(
            asked.query.contains("kubernetes.io%2Fservice-name%3Dproxy"),
            "{}",
            asked.query
        );
        let slices: Vec<Value> = listed.lock().unwrap().iter().map(slice).collect();
        Reply::Json(200, json!({"metadata": {}, "items": slices}))
    });
    let service = ObjectKey::new("edge", "proxy");
    (Doors::behind(client, service).unwrap(), behind)
}

fn slice(address: &SocketAddr) -> Value {
    json!({
        "metadata": {"name": format!("proxy-{}", address.port())},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": address.port()}],
        "endpoints": [{"addresses": [address.ip()]}],
    })
}

#[tokio::test]
async fn it_is_open_when_every_proxy_answers_and_whoever_did_is_not_asked_again() {
    let (one, two) = (Proxy::start(true).await, Proxy::start(false).await);
    let (doors, _) = doors(&[&one, &two]);
    let late = async {
        while two.asked() < 2 {
            tokio::task::yield_now().await;
        }
        two.answers.store(true, Ordering::Relaxed);
    };
    let staged = [staged("token")];
    let (open, ()) = tokio::join!(doors.open(&staged), late);
    open.unwrap();
    assert_eq!(one.asked(), 1);
    assert!(two.asked() > 2);
}

#[tokio::test]
async fn who_has_gone_is_not_waited_for_and_who_has_come_is_asked() {
    let (one, gone) = (Proxy::start(true).await, Proxy::start(false).await);
    let come = Proxy::start(true).await;
    let (doors, behind) = doors(&[&one, &gone]);
    let replaced = async {
        while gone.asked() < 1 {
            tokio::task::yield_now().await;
        }
        *behind.lock().unwrap() = vec![one.address, come.address];
    };
    let staged = [staged("token")];
    let (open, ()) = tokio::join!(doors.open(&staged), replaced);
    open.unwrap();
    assert_eq!((one.asked(), come.asked()), (1, 1));
}

/// Nothing is connected to here, so that time passes by itself.
#[tokio::test(start_paused = true)]
async fn who_does_not_answer_in_time_is_named() {
    let (doors, behind) = doors(&[]);
    let said = doors
        .open(&[staged("token")])
        .await
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("Service edge/proxy, which leads to no proxy"),
        "{said}"
    );
    *behind.lock().unwrap() = vec!["10.0.0.1:443".parse().unwrap()];
    let by_tls = Staged {
        kind: ChallengeKind::TlsAlpn01,
        ..staged("token")
    };
    let said = doors.open(&[by_tls]).await.unwrap_err().to_string();
    assert!(
        said.contains("10.0.0.1: its Service has no port called https"),
        "{said}"
    );
}

fn seen(node: &str, has: u64) -> Seen {
    Seen {
        node: node.into(),
        address: "10.0.0.1:5000".parse().unwrap(),
        since: SystemTime::UNIX_EPOCH,
        schema: 1,
        has,
        rejected: BTreeMap::new(),
        refused: BTreeMap::new(),
    }
}

#[test]
fn of_those_that_are_connected_it_counts_what_they_have_taken() {
    let staged = [staged("token")];
    let mut rejecting = seen("p3", 9);
    let rejection = Rejection {
        origin: None,
        error: "no".into(),
    };
    rejecting.rejected = [("challenge/token".parse().unwrap(), vec![rejection])].into();
    let said = waiting(&[seen("p1", 7), seen("p2", 6), rejecting], 7, &staged);
    let named: BTreeSet<_> = said.iter().filter_map(|it| it.get(..2)).collect();
    assert_eq!(named, BTreeSet::from(["p2", "p3"]));
    assert_eq!(waiting(&[seen("p1", 7)], 7, &staged), [""; 0]);
    let nobody = waiting(&[], 7, &staged);
    assert!(nobody[0].contains("--acme-service"), "{nobody:?}");
}

#[tokio::test(start_paused = true)]
async fn what_this_controller_does_not_tell_yet_no_proxy_has() {
    let (_publish, latest) = tokio::sync::watch::channel(None);
    let fleet = Arc::default();
    let doors = Doors::Fleet { latest, fleet };
    let said = doors
        .open(&[staged("token")])
        .await
        .unwrap_err()
        .to_string();
    assert!(said.contains("does not tell it yet"), "{said}");
}
