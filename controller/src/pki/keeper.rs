//! Keeps the certificates up to date, for as long as this controller leads, and has its own ready
//! whether it leads or not.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use portreeve_identity::{Identity, Pem, Role};
use tokio::sync::watch;
use tokio::time::sleep;

use super::bundle::{Bundle, Heard, Told};
use super::entry::Entry;
use super::homes::{Home, Version};
use super::kept::Kept;
use super::material::{self, Material};
use super::plan::{Found, Plan, Step, plan};
use super::{HomeError, PkiError};
use crate::lease::Leadership;
use portreeve_process::say;

/// How often it is looked: somebody may have changed what is kept.
const LOOK: Duration = Duration::from_secs(60);
/// How often it is looked for what is not there yet, or could not be reached.
const SOON: Duration = Duration::from_secs(2);
/// More steps than there can be to do at once.
const STEPS: usize = 12;

type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// Keeps the certificates of controllers, proxies and the admission webhook.
pub struct Keeper {
    home: Home,
    namespace: String,
    leadership: Leadership,
    clock: Clock,
    identity: watch::Sender<Option<Arc<Identity>>>,
    believed: watch::Sender<Option<Bundle>>,
    /// What the API server has been told, if it is told anything.
    told: Option<watch::Receiver<Told>>,
    heard: Heard,
    /// What that was parsed from.
    own: Option<Pem>,
    said: Option<String>,
}

impl Keeper {
    /// Keeps them at `home`, once it is run; our own objects are in the `namespace`. Out of the
    /// other end comes who this controller is, as soon as it has a certificate. The `clock` is that
    /// on the wall.
    pub fn new(
        home: Home,
        namespace: &str,
        leadership: Leadership,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> (Self, watch::Receiver<Option<Arc<Identity>>>) {
        let (identity, receiver) = watch::channel(None);
        let (believed, _) = watch::channel(None);
        let keeper = Self {
            home,
            namespace: namespace.into(),
            leadership,
            clock: Box::new(clock),
            identity,
            believed,
            told: None,
            heard: Heard::default(),
            own: None,
            said: None,
        };
        (keeper, receiver)
    }

    /// Whom everybody is to believe, while this controller leads.
    pub fn believed(&self) -> watch::Receiver<Option<Bundle>> {
        self.believed.subscribe()
    }

    /// Lets the next authority sign only when the API server has been told of it, too.
    pub fn waiting_for(mut self, told: watch::Receiver<Told>) -> Self {
        self.told = Some(told);
        self
    }

    /// Runs for as long as it is polled. It can be dropped at any time: each write is whole.
    pub async fn run(mut self) {
        loop {
            let pause = match self.round().await {
                Ok(pause) => {
                    self.said = None;
                    pause
                }
                Err(error) => {
                    self.complain(error.to_string());
                    SOON
                }
            };
            let mut office = self.leadership.clone();
            let ends_or_begins = async {
                match office.is_leader() {
                    true => office.lost().await,
                    false => office.gained().await,
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = ends_or_begins => {}
                () = news(&mut self.told) => {}
            }
        }
    }

    /// Does what is to be done now, and says how long that will do.
    async fn round(&mut self) -> Result<Duration, PkiError> {
        let settled = match self.leadership.is_leader() {
            true => Some(self.settle().await),
            false => {
                // Whoever leads meanwhile may change it.
                self.believed.send_if_modified(|it| it.take().is_some());
                None
            }
        };
        // What cannot be done for one role is no reason not to have one's own.
        let read = self.read_own().await;
        let mut pause = LOOK;
        if let Some(settled) = settled {
            let due = settled?.duration_since((self.clock)());
            pause = pause.min(Duration::try_from(due).unwrap_or_default());
        }
        read?;
        Ok(if self.own.is_some() { pause } else { SOON })
    }

    /// Does one step after the other until nothing is left, and says when something will be.
    async fn settle(&mut self) -> Result<Timestamp, PkiError> {
        let Kept {
            mut material,
            mut versions,
            mut unread,
        } = Kept::read(&self.home, &self.namespace).await?;
        for _ in 0..STEPS {
            let found = Found {
                told: self.believe(&material),
                ..material.inspect()
            };
            let (step, why) = match plan((self.clock)(), &found) {
                Plan::At(due) => return Ok(due),
                Plan::Now(step, why) => (step, why),
            };
            let entry = self.apply(&mut material, step)?;
            if let Some(error) = unread.remove(&entry) {
                return Err(error.into());
            }
            let version = versions.entry(entry).or_default();
            *version = self.write(&material, entry, version).await?;
            say(format_args!(
                "{}: {}, because {why}",
                self.home.place(entry),
                done(step)
            ));
        }
        Err(PkiError::Endless(STEPS))
    }

    /// Says whom to believe, and since when the API server does.
    fn believe(&mut self, material: &Material) -> Option<Timestamp> {
        let bundle = material.bundle();
        self.believed.send_if_modified(|believed| {
            let is_news = *believed != bundle;
            believed.clone_from(&bundle);
            is_news
        });
        let (Some(bundle), Some(told)) = (bundle, &self.told) else {
            return Some(Timestamp::MIN);
        };
        let now = (self.clock)();
        self.heard.since(&told.borrow(), &bundle, now)
    }

    /// Does a step in memory. What peers would not take is never written.
    fn apply(&self, material: &mut Material, step: Step) -> Result<Entry, PkiError> {
        let authority = || self.home.place(Entry::Authority);
        let entry = material.apply(step, (self.clock)()).map_err(|error| {
            let entry = match step {
                Step::Issue(role) => Entry::Leaf(role),
                _ => Entry::Authority,
            };
            let place = self.home.place(entry);
            PkiError::Make {
                place,
                authority: authority(),
                error,
            }
        })?;
        if let Entry::Leaf(role) = entry
            && let Some(pem) = material.leaves.get(&role)
        {
            let place = self.home.place(entry);
            Identity::parse(role, pem, &place).map_err(|error| PkiError::Unfit {
                authority: authority(),
                error: Box::new(error),
            })?;
        }
        Ok(entry)
    }

    async fn write(
        &self,
        material: &Material,
        entry: Entry,
        version: &Version,
    ) -> Result<Version, PkiError> {
        let files = material.files(entry);
        let write = self.home.store(entry, &files, version);
        Ok(self.leadership.during(write).await??)
    }

    /// Reads what this controller is known by. What is damaged leaves the last that was good.
    async fn read_own(&mut self) -> Result<(), HomeError> {
        let entry = Entry::Leaf(Role::Controller);
        let (files, _) = self.home.load(entry).await?;
        let Some(pem) = material::pem(&files).filter(|pem| self.own.as_ref() != Some(pem)) else {
            return Ok(());
        };
        match Identity::parse(Role::Controller, &pem, &self.home.place(entry)) {
            Ok(identity) => {
                self.own = Some(pem);
                self.identity.send_replace(Some(Arc::new(identity)));
            }
            Err(error) => self.complain(error.to_string()),
        }
        Ok(())
    }

    /// Says what is wrong, once, until all is well or something else is wrong.
    fn complain(&mut self, line: String) {
        if self.said.as_ref() != Some(&line) {
            say(&line);
            self.said = Some(line);
        }
    }
}

/// Waits until the API server has been told something else, for ever if nobody tells it.
async fn news(told: &mut Option<watch::Receiver<Told>>) {
    let is_news = match told {
        Some(told) => told.changed().await.is_ok(),
        None => false,
    };
    if !is_news {
        std::future::pending::<()>().await;
    }
}

/// What people are told that was done.
fn done(step: Step) -> &'static str {
    match step {
        Step::Establish => "a new authority was made",
        Step::Prepare => "the next authority was made",
        Step::Promote => "the next authority signs now",
        Step::Retire => "the former authority is not believed any more",
        Step::Issue(_) => "a new certificate was made",
    }
}
