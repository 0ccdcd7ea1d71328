//! The loop that tells.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::Client;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::api::{Configuration, WebhookError};
use super::configuration::{Finding, look, wanted};
use crate::counts::{Count, Counts};
use crate::fight::Fight;
use crate::guard::Guard;
use crate::pki::{Bundle, Told};
use portreeve_process::say;

/// How often it is looked: somebody may have made the configuration, or changed it.
const LOOK: Duration = Duration::from_secs(10);
/// How soon it is looked again at first for one that is not there: it is applied together with the
/// controller, and often after it.
const SOON: Duration = Duration::from_secs(1);
/// How long to wait after the first failure, and how long at most.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Tells the API server whom to believe, while this controller leads.
pub struct Teller {
    configuration: Configuration,
    guard: Guard,
    namespace: String,
    believed: watch::Receiver<Option<Bundle>>,
    told: watch::Sender<Told>,
    counts: Arc<Counts>,
    /// What was written last, and the uid of what it was written to.
    last: Option<(String, Bundle)>,
    fight: Fight,
    failures: u32,
    /// How often it was looked for a configuration that is not there.
    absences: u32,
    /// What people were told last, as long as it is so.
    said: Option<String>,
}

impl Teller {
    /// Tells, once it is run, by the ValidatingWebhookConfiguration called `name`, what is
    /// `believed`. Our own objects are in the `namespace`. Out of the other end comes what the API
    /// server has been told.
    pub fn new(
        client: Client,
        guard: Guard,
        name: &str,
        namespace: &str,
        believed: watch::Receiver<Option<Bundle>>,
        counts: Arc<Counts>,
    ) -> (Self, watch::Receiver<Told>) {
        let (told, receiver) = watch::channel(Told::Nothing);
        let teller = Self {
            configuration: Configuration::new(client, guard.clone(), name),
            guard,
            namespace: namespace.into(),
            believed,
            told,
            counts,
            last: None,
            fight: Fight::default(),
            failures: 0,
            absences: 0,
            said: None,
        };
        (teller, receiver)
    }

    /// Runs for as long as it is polled. It can be dropped at any time.
    pub async fn run(mut self) {
        loop {
            let bundle = self.believed.borrow_and_update().clone();
            let pause = match bundle.filter(|_| self.guard.leads()) {
                Some(bundle) => Some(self.round(&bundle).await),
                None => {
                    self.tell(Told::Nothing);
                    None
                }
            };
            tokio::select! {
                () = self.guard.changed() => {}
                () = changed(&mut self.believed) => {}
                () = rest(pause) => {}
            }
        }
    }

    /// Looks, and writes if it must; says how long that will do.
    async fn round(&mut self, bundle: &Bundle) -> Duration {
        match self.check(bundle).await {
            Ok(told) => {
                self.failures = 0;
                self.tell(told);
                self.until_next()
            }
            Err(error) => {
                self.tell(Told::Nothing);
                self.failed(&error)
            }
        }
    }

    async fn check(&mut self, bundle: &Bundle) -> Result<Told, WebhookError> {
        let Some(found) = self.configuration.read().await? else {
            (self.last, self.said) = (None, None);
            self.absences = self.absences.saturating_add(1);
            return Ok(Told::NotByUs);
        };
        self.absences = 0;
        let now = Instant::now();
        match look(&found, &self.namespace, bundle) {
            Finding::CertManagers(annotation) => {
                self.say(format!(
                    "cert-manager says whom its webhooks believe ({annotation}), and we do not"
                ));
                Ok(Told::NotByUs)
            }
            Finding::NotOurs => {
                let namespace = &self.namespace;
                self.say(format!(
                    "none of its webhooks leads to the Service {namespace}/portreeve-admission, so none is told whom to believe"
                ));
                Ok(Told::NotByUs)
            }
            Finding::Right => {
                self.fight.is_settled(now);
                if self.fight.truce().is_none() {
                    self.said = None;
                }
                Ok(Told::Of(bundle.clone()))
            }
            Finding::Wrong if self.fight.truce().is_some_and(|truce| now < truce) => {
                Ok(Told::Nothing)
            }
            Finding::Wrong => self.write(&found, bundle).await,
        }
    }

    async fn write(
        &mut self,
        found: &ValidatingWebhookConfiguration,
        bundle: &Bundle,
    ) -> Result<Told, WebhookError> {
        let wanted = wanted(found, &self.namespace, bundle);
        let taken_from = self.configuration.apply(&wanted).await?;
        self.counts.add(Count::WebhookWrites);
        let from = taken_from.map_or_else(String::new, |other| format!(", instead of {other:?}'s"));
        say(format_args!(
            "{}: its webhooks believe {} of our authorities now{from}",
            self.place(),
            bundle.authorities(),
        ));
        let uid = found.metadata.uid.clone().unwrap_or_default();
        let written = Some((uid, bundle.clone()));
        // The same was written before, so somebody has changed it since.
        let again = self.last == written;
        self.last = written;
        if again && self.fight.rewritten(Instant::now()) {
            self.counts.add(Count::WebhookFights);
            self.say(
                "another writer changes whom its webhooks believe each time that it is written, so it is written once in ten minutes only; \
                 stop the other one, or this one (--admission-webhook-configuration=)"
                    .into(),
            );
        }
        Ok(Told::Of(bundle.clone()))
    }

    /// Says how long it will do that it was looked.
    fn until_next(&self) -> Duration {
        let before = self.absences.checked_sub(1);
        before.map_or(LOOK, |before| doubled(SOON, before).min(LOOK))
    }

    /// Says how long to wait after a failure.
    fn failed(&mut self, error: &WebhookError) -> Duration {
        if !error.is_usual() {
            self.counts.add(Count::WebhookErrors);
            self.say(error.to_string());
        }
        let wait = doubled(BACKOFF.0, self.failures);
        self.failures += 1;
        wait.min(BACKOFF.1)
    }

    fn tell(&self, now: Told) {
        self.told.send_if_modified(|told| {
            let is_news = *told != now;
            *told = now;
            is_news
        });
    }

    /// Says what is wrong, once, until all is well or something else is wrong.
    fn say(&mut self, line: String) {
        if self.said.as_ref() != Some(&line) {
            say(format_args!("{}: {line}", self.place()));
            self.said = Some(line);
        }
    }

    fn place(&self) -> String {
        format!(
            "ValidatingWebhookConfiguration {}",
            self.configuration.name()
        )
    }
}

fn doubled(time: Duration, times: u32) -> Duration {
    time.saturating_mul(1 << times.min(16))
}

/// Waits so long; for ever if there is nothing to wait for.
async fn rest(pause: Option<Duration>) {
    match pause {
        Some(pause) => sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// Waits for a change. If nobody is left who could make one, none will come.
async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
