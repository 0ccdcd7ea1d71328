//! The teller against an API server that knows who wrote what, with a clock that is wound by hand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::ByteString;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use super::Teller;
use crate::counts::{Count, Counts};
use crate::guard::Guard;
use crate::pki::{Bundle, Told};
use crate::scripted::{Asked, Reply, client};

const PATH: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/ours";

/// What the API server has, and what it was asked.
#[derive(Default)]
struct State {
    /// The configuration, if there is one.
    found: Option<Value>,
    /// Who wrote its authorities last.
    manager: String,
    reads: usize,
    writes: Vec<Asked>,
    instead: Option<fn() -> Reply>,
    /// Somebody who writes this as soon as we have written.
    other: Option<&'static str>,
}

impl State {
    fn answer(&mut self, asked: Asked) -> Reply {
        assert_eq!(asked.path, PATH);
        if let Some(instead) = self.instead {
            return instead();
        }
        let Some(found) = &mut self.found else {
            return Reply::refusal(404, "NotFound");
        };
        if asked.method == "GET" {
            self.reads += 1;
            return Reply::Json(200, found.clone());
        }
        assert_eq!(asked.method, "PATCH");
        self.writes.push(asked.clone());
        let (was, is) = (&found["metadata"], &asked.body["metadata"]);
        if was["uid"] != is["uid"] || was["resourceVersion"] != is["resourceVersion"] {
            return Reply::refusal(409, "Conflict");
        }
        let is_another = !["", "portreeve"].contains(&&*self.manager);
        if is_another && !asked.query.contains("force=true") {
            return conflict(&self.manager);
        }
        for webhook in asked.body["webhooks"].as_array().unwrap() {
            let all = found["webhooks"].as_array_mut().unwrap();
            let it = all.iter_mut().find(|it| it["name"] == webhook["name"]);
            it.unwrap()["clientConfig"]["caBundle"] = webhook["clientConfig"]["caBundle"].clone();
        }
        self.manager = "portreeve".into();
        if let Some(other) = self.other {
            self.write(other);
        }
        Reply::Json(200, self.found.clone().unwrap())
    }

    /// Somebody else writes authorities into the first webhook.
    fn write(&mut self, text: &str) {
        let found = self.found.as_mut().unwrap();
        found["webhooks"][0]["clientConfig"]["caBundle"] = json!(ByteString(text.into()));
        self.manager = "somebody".into();
    }

    /// The authorities of each webhook.
    fn says(&self) -> Vec<String> {
        let webhooks = self.found.as_ref().unwrap()["webhooks"].as_array().unwrap();
        let text = |webhook: &Value| {
            let bundle = webhook["clientConfig"]["caBundle"].clone();
            let bundle: Option<ByteString> = serde_json::from_value(bundle).unwrap();
            String::from_utf8(bundle.map_or_else(Vec::new, |it| it.0)).unwrap()
        };
        webhooks.iter().map(text).collect()
    }
}

fn conflict(who: &str) -> Reply {
    let cause = json!({
        "reason": "FieldManagerConflict",
        "field": ".webhooks",
        "message": format!("conflict with {who:?} using admissionregistration.k8s.io/v1"),
    });
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict",
        "code": 409, "message": "conflict", "details": {"causes": [cause]},
    });
    Reply::Json(409, status)
}

/// Two webhooks that lead to ours, and one that does not.
fn configuration(uid: &str, annotations: Value) -> Value {
    let webhook = |name: &str, service: &str, namespace: &str| {
        json!({
            "name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"service": {"name": service, "namespace": namespace}},
        })
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {
            "name": "ours", "uid": uid, "resourceVersion": "7", "annotations": annotations,
        },
        "webhooks": [
            webhook("first.example", "portreeve-admission", "edge"),
            webhook("second.example", "portreeve-admission", "edge"),
            webhook("other.example", "portreeve-admission", "shop"),
        ],
    })
}

/// Certificates that are told apart by their authors.
fn bundle(names: &[&str]) -> Bundle {
    let one = |name: &&str| {
        let mut params = rcgen::CertificateParams::default();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, *name);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    };
    Bundle::of(&names.iter().map(one).collect::<String>())
}

/// A teller that runs.
struct Running {
    state: Arc<Mutex<State>>,
    believed: watch::Sender<Option<Bundle>>,
    told: watch::Receiver<Told>,
    leads: watch::Sender<bool>,
    may_write: Arc<AtomicBool>,
    counts: Arc<Counts>,
}

impl Running {
    async fn start(found: Option<Value>) -> Self {
        let state = Arc::new(Mutex::new(State {
            found,
            ..State::default()
        }));
        let server = Arc::clone(&state);
        let client = client(move |asked| server.lock().unwrap().answer(asked));
        let (leads, is_leading) = watch::channel(true);
        let may_write = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&may_write);
        let guard = Guard::new(is_leading, move || asked.load(Ordering::Relaxed));
        let (believed, receiver) = watch::channel(None);
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        let (teller, told) = Teller::new(client, guard, "ours", "edge", receiver, counted);
        tokio::spawn(teller.run());
        Self {
            state,
            believed,
            told,
            leads,
            may_write,
            counts,
        }
    }

    /// Everybody is to believe these from now on, and the teller has heard of it.
    async fn believe(&self, bundle: &Bundle) {
        self.believed.send_replace(Some(bundle.clone()));
        pass(1).await;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn reads(&self) -> usize {
        self.state().reads
    }

    fn writes(&self) -> usize {
        self.state().writes.len()
    }

    fn told(&self) -> Told {
        self.told.borrow().clone()
    }
}

async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn those_that_lead_to_ours_are_told_once_and_again_when_it_changes() {
    let running = Running::start(Some(configuration("1", json!({})))).await;
    pass(60).await;
    assert_eq!(running.reads(), 0, "there is nothing to tell yet");
    let first = bundle(&["a"]);
    running.believe(&first).await;
    let pem = first.pem();
    assert_eq!(running.state().says(), [pem, pem, ""]);
    assert_eq!(running.told(), Told::Of(first.clone()));
    pass(600).await;
    assert_eq!(running.writes(), 1);
    assert!(
        running.state().writes[0]
            .query
            .contains("fieldManager=portreeve")
    );

    let both = bundle(&["a", "b"]);
    running.believe(&both).await;
    assert_eq!(running.state().says()[1], both.pem());
    assert_eq!(running.told(), Told::Of(both));
    assert_eq!(running.writes(), 2);
    assert_eq!(running.counts.get(Count::WebhookWrites), 2);
    assert_eq!(running.counts.get(Count::WebhookErrors), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_nothing_to_do_until_it_is() {
    let running = Running::start(None).await;
    let believed = bundle(&["a"]);
    running.believe(&believed).await;
    assert_eq!(running.told(), Told::NotByUs);
    pass(3600).await;
    assert_eq!(running.counts.get(Count::WebhookErrors), 0);
    running.state().found = Some(configuration("1", json!({})));
    pass(11).await;
    assert_eq!(running.told(), Told::Of(believed));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_applied_a_moment_later_is_told_a_moment_later() {
    let running = Running::start(None).await;
    let believed = bundle(&["a"]);
    running.believe(&believed).await;
    pass(3).await;
    running.state().found = Some(configuration("1", json!({})));
    pass(5).await;
    assert_eq!(running.told(), Told::Of(believed));
}

#[tokio::test(start_paused = true)]
async fn what_others_keep_is_left_alone() {
    for annotation in [
        "inject-ca-from",
        "inject-ca-from-secret",
        "inject-apiserver-ca",
    ] {
        let annotation = json!({format!("cert-manager.io/{annotation}"): "edge/x"});
        let running = Running::start(Some(configuration("1", annotation))).await;
        running.believe(&bundle(&["a"])).await;
        assert_eq!((running.told(), running.writes()), (Told::NotByUs, 0));
    }
    let mut foreign = configuration("1", json!({}));
    foreign["webhooks"].as_array_mut().unwrap().drain(..2);
    let running = Running::start(Some(foreign)).await;
    running.believe(&bundle(&["a"])).await;
    assert_eq!((running.told(), running.writes()), (Told::NotByUs, 0));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_wrote_is_taken_over() {
    let running = Running::start(Some(configuration("1", json!({})))).await;
    running.state().write("theirs");
    let believed = bundle(&["a"]);
    running.believe(&believed).await;
    assert_eq!(running.state().says()[0], believed.pem());
    // The first is not forced, so that it is known whose it was.
    let forced = |asked: &Asked| asked.query.contains("force=true");
    let forced: Vec<_> = running.state().writes.iter().map(forced).collect();
    assert_eq!(forced, [false, true]);
    assert_eq!(running.counts.get(Count::WebhookWrites), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fight_is_given_up_for_a_while() {
    let running = Running::start(Some(configuration("1", json!({})))).await;
    running.state().other = Some("theirs");
    let believed = bundle(&["a"]);
    running.believe(&believed).await;
    pass(120).await;
    let writes = running.counts.get(Count::WebhookWrites);
    assert_eq!(writes, 6, "five times again, and then no more");
    assert_eq!(running.counts.get(Count::WebhookFights), 1);
    assert_eq!(running.told(), Told::Nothing);
    pass(3600).await;
    let writes = running.counts.get(Count::WebhookWrites) - writes;
    assert!((5..=7).contains(&writes), "{writes} times in an hour");
    // The other one gives up.
    running.state().other = None;
    pass(1300).await;
    assert_eq!(running.told(), Told::Of(believed));
    running.state().write("theirs");
    pass(11).await;
    assert_eq!(running.state().manager, "portreeve", "the fight is over");
    assert_eq!(running.counts.get(Count::WebhookFights), 1);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_made_anew_is_no_fight() {
    let running = Running::start(Some(configuration("0", json!({})))).await;
    let believed = bundle(&["a"]);
    running.believe(&believed).await;
    for uid in 1..20 {
        running.state().found = Some(configuration(&uid.to_string(), json!({})));
        pass(11).await;
        assert_eq!(running.told(), Told::Of(believed.clone()));
    }
    assert_eq!(running.counts.get(Count::WebhookFights), 0);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_more_and_more_seldom() {
    let refusals: [fn() -> Reply; 3] = [
        || Reply::refusal(403, "Forbidden"),
        || Reply::refusal(500, "InternalError"),
        || Reply::Silence,
    ];
    for refusal in refusals {
        let running = Running::start(Some(configuration("1", json!({})))).await;
        running.state().instead = Some(refusal);
        let believed = bundle(&["a"]);
        running.believe(&believed).await;
        pass(600).await;
        let errors = running.counts.get(Count::WebhookErrors);
        assert!((10..=17).contains(&errors), "{errors}");
        assert_eq!(running.told(), Told::Nothing);
        running.state().instead = None;
        pass(75).await;
        assert_eq!(running.told(), Told::Of(believed));
    }
}

/// Between the look and the write somebody writes something else.
#[tokio::test(start_paused = true)]
async fn what_has_changed_meanwhile_is_looked_at_again() {
    let running = Running::start(Some(configuration("1", json!({})))).await;
    running.state().instead = Some(|| Reply::refusal(409, "Conflict"));
    let believed = bundle(&["a"]);
    running.believe(&believed).await;
    running.state().instead = None;
    pass(5).await;
    assert_eq!(running.told(), Told::Of(believed));
    assert_eq!(running.counts.get(Count::WebhookErrors), 0);
}

#[tokio::test(start_paused = true)]
async fn only_who_leads_tells() {
    let running = Running::start(Some(configuration("1", json!({})))).await;
    // It was stopped, and has not heard yet that another leads.
    running.may_write.store(false, Ordering::Relaxed);
    let believed = bundle(&["a"]);
    running.believe(&believed).await;
    pass(60).await;
    assert_eq!((running.reads(), running.writes()), (0, 0));
    running.leads.send_replace(false);
    running.may_write.store(true, Ordering::Relaxed);
    pass(600).await;
    assert_eq!((running.reads(), running.writes()), (0, 0));
    assert_eq!(running.told(), Told::Nothing);
    running.leads.send_replace(true);
    pass(1).await;
    assert_eq!(running.told(), Told::Of(believed));
}
