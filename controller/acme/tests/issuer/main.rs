//! The issuer against pebble, a real CA, with its state in a directory: what is asked for is there
//! as a manifest, and whoever comes next goes on.

// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod door;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use portreeve_acme::{
    Directory, DirectoryError, Held, Issuer, Kept, Phase, Policy, Statuses, Store, Want,
};
use portreeve_table::Origin;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use door::Door;
use support::pebble::{Pebble, Setup};

/// How long anything may take at most; it takes a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many folders were made, so that each test has its own.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A folder for a test, taken away when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("issuer-{}-{number}", std::process::id());
        Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    fn manifests(&self) -> PathBuf {
        self.0.join("manifests")
    }

    /// What its only record says.
    fn record(&self) -> Value {
        let mut files = fs::read_dir(self.0.join("records")).unwrap();
        let text = fs::read_to_string(files.next().unwrap().unwrap().path()).unwrap();
        assert!(files.next().is_none());
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The directory, as soon as whoever had it has ended.
async fn open(path: &Path) -> Directory {
    loop {
        match Directory::open(path, "portreeve") {
            Err(DirectoryError::Used(_)) => tokio::task::yield_now().await,
            opened => return opened.unwrap(),
        }
    }
}

/// An issuer that runs.
struct Running {
    statuses: watch::Receiver<Statuses>,
    _wants: watch::Sender<Arc<Vec<Want>>>,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(folder: &Folder, pebble: &Pebble, door: Door, want: &Want) -> Self {
        let settings = pebble.settings();
        let policy = Policy::new(settings.id.clone());
        let store = open(&folder.0).await;
        let clock = Arc::new(Timestamp::now);
        let (issuer, statuses) = Issuer::new(store, door, vec![settings], policy, clock);
        let (wants, receiver) = watch::channel(Arc::new(vec![want.clone()]));
        let task = tokio::spawn(issuer.run(receiver));
        Self {
            statuses,
            _wants: wants,
            task,
        }
    }

    async fn until(&mut self, want: &Want, phase: &Phase) {
        let id = want.id();
        let is = |all: &Statuses| all.get(&id).is_some_and(|status| status.phase == *phase);
        let seen = timeout(PATIENCE, self.statuses.wait_for(is)).await.is_ok();
        assert!(seen, "{:?}", self.statuses.borrow().get(&id));
    }

    async fn stop(self) {
        self.task.abort();
        let _aborted = self.task.await;
    }
}

fn want() -> Want {
    let origin = Origin {
        namespace: "shop".into(),
        name: "web".into(),
    };
    let names = ["shop.example", "www.shop.example"].map(|name| name.parse().unwrap());
    Want::new(origin, "shop/tls".parse().unwrap(), names)
}

async fn issued(folder: &Folder, want: &Want) -> Held {
    let store = open(&folder.0).await;
    match store.certificate(&want.secret).await.unwrap() {
        Kept::Ours { chain, .. } => Held::read(&chain).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_certificate_is_a_manifest_that_the_next_process_has_as_well() {
    let (folder, want) = (Folder::new(), want());
    let (door, port) = Door::open(&folder.manifests()).await;
    let pebble = Pebble::start(&Setup::new([port, port])).await;
    let mut first = Running::start(&folder, &pebble, door.clone(), &want).await;
    first.until(&want, &Phase::Issued).await;
    first.stop().await;
    let held = issued(&folder, &want).await;
    assert_eq!(held.names, want.names());
    let record = folder.record();
    assert_eq!(record["ordered"].as_array().unwrap().len(), 1);
    assert!(
        record["asked"]["window"].is_array(),
        "pebble says when: {record}"
    );
    let files = fs::read_dir(folder.manifests()).unwrap().count();
    assert_eq!(files, 1, "challenges are taken away");
    // Who comes next finds it good.
    let mut next = Running::start(&folder, &pebble, door, &want).await;
    next.until(&want, &Phase::Issued).await;
    next.stop().await;
    assert_eq!(issued(&folder, &want).await, held);
    assert_eq!(folder.record(), record);
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn whoever_comes_next_goes_on_with_the_order_of_the_one_before() {
    let (folder, want) = (Folder::new(), want());
    let (door, port) = Door::open(&folder.manifests()).await;
    let pebble = Pebble::start(&Setup::new([port, port])).await;
    let mut first = Running::start(&folder, &pebble, door.closed(), &want).await;
    first.until(&want, &Phase::Answering).await;
    door.reached().await;
    first.stop().await;
    let url = folder.record()["pending"]["url"].clone();
    assert!(url.is_string());
    let mut next = Running::start(&folder, &pebble, door, &want).await;
    next.until(&want, &Phase::Issued).await;
    next.stop().await;
    assert_eq!(folder.record()["ordered"].as_array().unwrap().len(), 1);
    assert_eq!(issued(&folder, &want).await.names, want.names());
}
