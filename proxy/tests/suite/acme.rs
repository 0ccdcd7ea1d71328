//! What ACME servers are answered, whatever the routes of a host say.

mod http;
mod solver;
mod tls;

use portreeve_table::{Delta, Have, Lines};
use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{CHALLENGE_TYPE, Options, Snapshot, translate};
use serde_json::json;

use crate::harness::authority::Authority;
use crate::harness::controller::Controller;
use crate::harness::session::Session;
use crate::harness::{Proxy, Started};

/// A proxy that serves what manifests come to, by a controller that stays.
struct World {
    proxy: Started,
    session: Session,
    told: u64,
    _controller: Controller,
}

impl World {
    fn new(manifests: &str) -> Self {
        let authority = Authority::new();
        let mut controller = Controller::start(authority.controller());
        let files = authority.proxy().into_iter();
        let proxy = files.fold(Proxy::following(&[controller.address]), |proxy, file| {
            proxy.file(file.0, file.1)
        });
        let proxy = proxy.listening();
        let session = controller.session();
        let mut world = Self {
            proxy,
            session,
            told: 0,
            _controller: controller,
        };
        world.say(manifests);
        world
    }

    /// Tells the proxy what these manifests come to, and waits until it serves that.
    fn say(&mut self, manifests: &str) {
        let (objects, found) = manifest::parse("a.yaml", manifests, &Limits::default()).unwrap();
        assert_eq!(found, []);
        let (snapshot, _) = Snapshot::from_objects(objects);
        let options = Options {
            challenges: Some("ingress".into()),
            ..Options::standalone()
        };
        let config = translate(&snapshot, &options).config;
        self.told += 1;
        let delta = Delta::between(&Have::new(), &config);
        let lines: String = Lines::new(self.told, &delta, &[]).collect();
        self.session.say_text(lines);
        let ack = json!({"ack": {"seq": self.told}});
        assert_eq!(self.session.hear(), ack);
    }
}

/// The key authorization of a token.
fn authorization(token: &str) -> String {
    format!("{token}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI")
}

/// The Secret of challenges, each with its token, its host and its kind.
fn challenges(challenges: &[(&str, &str, &str)]) -> String {
    let entries = challenges.iter().map(|(token, host, kind)| {
        json!({
            "token": token,
            "host": host,
            "keyAuthorization": authorization(token),
            "kind": kind,
            "ingress": {"namespace": "t", "name": "i"},
        })
    });
    let list = json!(entries.collect::<Vec<_>>()).to_string();
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "challenges", "namespace": "ingress"},
        "type": CHALLENGE_TYPE,
        "stringData": {"challenges.json": list},
    });
    format!("---\n{secret}\n")
}
