//! What is kept in `--cache` is served after a restart, until a controller is there.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::{FOLLOWED, LEFT_ALONE, contact, probe, proxy, serving, status, text};
use crate::harness::authority::Authority;
use crate::harness::controller::{Controller, reserved};
use crate::harness::session::{Resources, have};
use crate::harness::told::{all, cert, host, upstream};
use crate::harness::{Backend, Certificate, Dir, Proxy, TlsClient, wait_until};

/// A folder, and an authority for those who use it.
struct Kept {
    dir: Dir,
    authority: Authority,
}

impl Kept {
    fn new() -> Self {
        let (dir, authority) = (Dir::new(), Authority::new());
        Self { dir, authority }
    }

    fn proxy(&self, controller: SocketAddr) -> Proxy {
        let proxy = proxy(&self.authority, &[controller]);
        proxy.arg("--cache", self.dir.path().to_str().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("config.jsonl")
    }

    fn wait_for(&self, part: &str) {
        wait_until(&format!("{part:?} to be kept"), || {
            fs::read_to_string(self.file()).is_ok_and(|text| text.contains(part))
        });
    }
}

#[test]
fn what_was_told_is_served_after_a_restart_without_a_controller() {
    let (kept, backend) = (Kept::new(), Backend::named("here"));
    let certificate = Certificate::new(&["a.example"]);
    let mut controller = Controller::start(kept.authority.controller());
    let first = kept.proxy(controller.address).listening();
    assert_eq!(probe(&first, "/readyz"), 503, "nothing is kept yet");
    let tls = cert("t/tls", "a.example", &certificate, &certificate);
    let truth = all([serving(&backend), tls]);
    controller.session().tell(1, &truth);
    kept.wait_for("\"synced\"");
    let mode = fs::metadata(kept.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Killed: what was not kept by now is lost.
    drop(first);
    let address = controller.kill();

    let second = kept.proxy(address).start();
    assert_eq!(contact(&second), LEFT_ALONE);
    assert_eq!(text(&second, "a.example"), "here");
    let mut client = TlsClient::connect(second.https(), Some("a.example"), &[]);
    assert_eq!(client.get("a.example", "/").text(), "here");
    assert_eq!(client.certificate(), certificate.der());

    // A controller needs to say no more than that nothing is different.
    let mut controller = Controller::at(address, kept.authority.controller());
    let mut session = controller.session();
    assert_eq!(session.have(), have(&truth));
    session.tell(1, &Resources::new());
    assert_eq!(contact(&second), FOLLOWED);
    assert_eq!(text(&second, "a.example"), "here");
}

#[test]
fn without_anything_kept_a_proxy_is_alive_and_not_ready() {
    let kept = Kept::new();
    let address = reserved();
    for damaged in [None, Some(""), Some("{}"), Some("garbage\n")] {
        if let Some(text) = damaged {
            fs::write(kept.file(), text).unwrap();
        }
        let proxy = kept.proxy(address).listening();
        wait_until("a word about the controller", || {
            proxy.said().contains("cannot be connected to")
        });
        let probes = (probe(&proxy, "/livez"), probe(&proxy, "/readyz"));
        assert_eq!(probes, (200, 503), "{damaged:?}");
        let is_named = proxy.said().contains("(--cache) is not used");
        assert_eq!(is_named, damaged.is_some(), "{}", proxy.said());
    }
}

#[test]
fn the_end_keeps_what_changed_last() {
    let kept = Kept::new();
    let [one, two] = ["one", "two"].map(Backend::named);
    let mut controller = Controller::start(kept.authority.controller());
    let mut first = kept.proxy(controller.address).listening();
    let mut session = controller.session();
    session.tell(1, &serving(&one));
    kept.wait_for("\"synced\"");
    // At once after a change that was kept, this one would wait a while.
    let late = host("late.example", "t/s:80");
    session.tell(2, &all([upstream("t/s:80", &[two.address]), late]));
    first.signal("-TERM");
    assert_eq!(first.ended().code(), Some(0));
    let second = kept.proxy(controller.kill()).start();
    assert_eq!(text(&second, "late.example"), "two");
    assert_eq!(status(&second, "other.example"), 404);
}

#[test]
fn an_empty_configuration_is_kept_as_well() {
    let kept = Kept::new();
    let mut controller = Controller::start(kept.authority.controller());
    let first = kept.proxy(controller.address).listening();
    controller.session().tell(1, &Resources::new());
    kept.wait_for("\"synced\"");
    drop(first);
    let second = kept.proxy(controller.kill()).start();
    assert_eq!(contact(&second), LEFT_ALONE);
}
