//! Certificates in a directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portreeve_controller::lease::Leadership;
use portreeve_controller::pki::{Home, Keeper};
use portreeve_identity::{Identity, Reload, Role};
use rustls::{ClientConfig, ServerConfig};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::handshake::meet;

/// A directory of its own for each test, gone with it.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("portreeve-pki-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn controller(&self) -> Reload<ServerConfig> {
        let folder = self.0.join("controller");
        Reload::server(Role::Controller, &folder, Role::Proxy)
    }

    pub(crate) fn proxy(&self) -> Reload<ClientConfig> {
        Reload::client(Role::Proxy, &self.0.join("proxy"))
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The clock on the wall, as a test sets it.
#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    pub(crate) fn new() -> Self {
        let now = Timestamp::now().as_second();
        Self(Arc::new(AtomicI64::new(now)))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }

    /// Time passes, and the keeper has had a look since.
    pub(crate) async fn pass(&self, time: SignedDuration) {
        self.0.fetch_add(time.as_secs(), Ordering::Relaxed);
        sleep(Duration::from_secs(61)).await;
    }
}

/// Where our own objects are.
pub(crate) const NAMESPACE: &str = "edge";

const ENTRIES: [&str; 4] = ["ca", "controller", "proxy", "admission"];

pub(crate) type Own = watch::Receiver<Option<Arc<Identity>>>;

/// A keeper that keeps, and has had its first look.
pub(crate) async fn keep(home: Home, leadership: &Leadership, clock: &Clock) -> Own {
    let clock = clock.clone();
    let (keeper, own) = Keeper::new(home, NAMESPACE, leadership.clone(), move || clock.now());
    tokio::spawn(keeper.run());
    sleep(Duration::from_secs(1)).await;
    own
}

async fn keep_directory(directory: &Directory, clock: &Clock) -> Own {
    let home = Home::Directory(directory.0.clone());
    keep(home, &Leadership::always(), clock).await
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(start_paused = true)]
async fn an_empty_directory_is_filled() {
    let (directory, clock) = (Directory::new(), Clock::new());
    let own = keep_directory(&directory, &clock).await;
    let (mut controller, mut proxy) = (directory.controller(), directory.proxy());
    assert!(controller.refresh().unwrap() && proxy.refresh().unwrap());
    let client = proxy.config().unwrap();
    meet(&client, &controller.config().unwrap(), clock.now()).unwrap();
    // What the keeper hands out is the same identity.
    let identity = own.borrow().clone().unwrap();
    meet(&client, &identity.server(Role::Proxy).unwrap(), clock.now()).unwrap();

    for folder in ["", "ca", "controller", "proxy", "admission"] {
        let folder = directory.0.join(folder);
        assert_eq!(mode(&folder), 0o700, "{folder:?}");
    }
    for file in [
        "ca/tls.crt",
        "ca/tls.key",
        "proxy/ca.crt",
        "proxy/tls.key",
        "admission/tls.key",
    ] {
        assert_eq!(mode(&directory.0.join(file)), 0o600, "{file}");
    }
    assert!(!directory.0.join("ca/next.crt").exists());
    assert!(!directory.0.join("controller/next.crt").exists());
}

#[tokio::test(start_paused = true)]
async fn what_is_sound_is_left_alone() {
    let (directory, clock) = (Directory::new(), Clock::new());
    drop(keep_directory(&directory, &clock).await);
    let before = ENTRIES.map(|e| directory.read(&format!("{e}/tls.crt")));
    // Another keeper, as after a restart, and some days.
    drop(keep_directory(&directory, &clock).await);
    clock.pass(SignedDuration::from_hours(24 * 50)).await;
    let after = ENTRIES.map(|e| directory.read(&format!("{e}/tls.crt")));
    assert_eq!(before, after);
}

#[tokio::test(start_paused = true)]
async fn what_is_damaged_is_replaced() {
    let (directory, clock) = (Directory::new(), Clock::new());
    let own = keep_directory(&directory, &clock).await;
    let other_key = directory.read("controller/tls.key");
    let other_ca = directory.read("controller/tls.crt");
    for (file, text) in [
        ("proxy/tls.crt", "garbage"),
        ("proxy/tls.key", &*other_key),
        ("proxy/ca.crt", &*other_ca),
        ("controller/tls.key", ""),
        ("controller/tls.crt", "\u{0}"),
        ("ca/tls.crt", "garbage"),
        ("ca/tls.key", &*other_key),
    ] {
        fs::write(directory.0.join(file), text).unwrap();
        clock.pass(SignedDuration::ZERO).await;
        check(&directory, &own, &clock, file);
    }
    for folder in ["proxy", "admission", "ca", ""] {
        fs::remove_dir_all(directory.0.join(folder)).unwrap();
        clock.pass(SignedDuration::ZERO).await;
        check(&directory, &own, &clock, folder);
    }
    // Not even what stands where links belong is in the way.
    let plain = directory.0.join("proxy/tls.key");
    fs::remove_file(&plain).unwrap();
    fs::write(&plain, "garbage").unwrap();
    clock.pass(SignedDuration::ZERO).await;
    check(&directory, &own, &clock, "a plain file");
}

fn check(directory: &Directory, own: &Own, clock: &Clock, what: &str) {
    let mut proxy = directory.proxy();
    assert!(proxy.refresh().unwrap(), "{what}");
    let identity = own.borrow().clone().unwrap();
    let server = identity.server(Role::Proxy).unwrap();
    let met = meet(&proxy.config().unwrap(), &server, clock.now());
    assert_eq!(met, Ok(()), "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_does_not_lead_writes_nothing() {
    let (directory, clock) = (Directory::new(), Clock::new());
    let api = crate::api::Api::default();
    let one = crate::election::stand(&api.link(), "one");
    let mut other = crate::election::stand(&api.link(), "other");
    let mut leader = one.leadership.clone();
    leader.gained().await;
    let home = Home::Directory(directory.0.clone());
    let own = keep(home, &other.leadership, &clock).await;
    clock.pass(SignedDuration::ZERO).await;
    assert!(own.borrow().is_none() && !directory.0.exists());
    // It takes over at once when it comes to lead.
    one.stop().await;
    other.leadership.gained().await;
    sleep(Duration::from_millis(1)).await;
    assert!(own.borrow().is_some() && directory.0.exists());
}

/// Somebody reads all the time, by another clock, while all is replaced again and again.
#[tokio::test(start_paused = true)]
async fn nobody_reads_half_of_a_version() {
    let (directory, clock) = (Directory::new(), Clock::new());
    drop(keep_directory(&directory, &clock).await);
    let is_done = Arc::new(AtomicBool::new(false));
    let mut proxy = directory.proxy();
    let reader = std::thread::spawn({
        let is_done = Arc::clone(&is_done);
        move || {
            let mut read = 0;
            while !is_done.load(Ordering::Relaxed) {
                read += usize::from(proxy.refresh().unwrap());
            }
            read + usize::from(proxy.refresh().unwrap())
        }
    });
    for _ in 0..100 {
        clock.pass(SignedDuration::from_hours(24 * 61)).await;
    }
    is_done.store(true, Ordering::Relaxed);
    assert!(reader.join().unwrap() > 10);
}
