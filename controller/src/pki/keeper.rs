//! Keeps the certificates up to date, for as long as this controller leads, and has its own ready
//! whether it leads or not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use portreeve_identity::{Identity, Pem, Role};
use tokio::sync::watch;
use tokio::time::sleep;

use super::entry::Entry;
use super::homes::{Home, Version};
use super::material::{self, Material};
use super::plan::{Plan, Step, plan};
use super::{HomeError, PkiError};
use crate::lease::Leadership;
use portreeve_process::say;

/// Every entry, the authority first: nothing can be said of the others without it.
const ENTRIES: [Entry; 3] = [
    Entry::Authority,
    Entry::Leaf(Role::Controller),
    Entry::Leaf(Role::Proxy),
];
/// How often it is looked: somebody may have changed what is kept.
const LOOK: Duration = Duration::from_secs(60);
/// How often it is looked for what is not there yet, or could not be reached.
const SOON: Duration = Duration::from_secs(2);
/// More steps than there can be to do at once.
const STEPS: usize = 12;

type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// Keeps the certificates of controllers and proxies.
pub struct Keeper {
    home: Home,
    leadership: Leadership,
    clock: Clock,
    identity: watch::Sender<Option<Arc<Identity>>>,
    /// What that was parsed from.
    own: Option<Pem>,
    said: Option<String>,
}

impl Keeper {
    /// Keeps them at `home`, once it is run. Out of the other end comes who this controller is,
    /// as soon as it has a certificate. The `clock` is that on the wall.
    pub fn new(
        home: Home,
        leadership: Leadership,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> (Self, watch::Receiver<Option<Arc<Identity>>>) {
        let (identity, receiver) = watch::channel(None);
        let keeper = Self {
            home,
            leadership,
            clock: Box::new(clock),
            identity,
            own: None,
            said: None,
        };
        (keeper, receiver)
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
            if self.leadership.is_leader() {
                sleep(pause).await;
            } else {
                tokio::select! {
                    () = sleep(pause) => {}
                    () = self.leadership.gained() => {}
                }
            }
        }
    }

    /// Does what is to be done now, and says how long that will do.
    async fn round(&mut self) -> Result<Duration, PkiError> {
        let mut pause = LOOK;
        if self.leadership.is_leader() {
            let due = self.settle().await?.duration_since((self.clock)());
            pause = pause.min(Duration::try_from(due).unwrap_or_default());
        }
        self.read_own().await?;
        Ok(if self.own.is_some() { pause } else { SOON })
    }

    /// Does one step after the other until nothing is left, and says when something will be.
    async fn settle(&self) -> Result<Timestamp, PkiError> {
        let mut material = Material::default();
        let mut versions = BTreeMap::new();
        for entry in ENTRIES {
            let (files, version) = self.home.load(entry).await?;
            material.take(entry, &files);
            versions.insert(entry, version);
        }
        for _ in 0..STEPS {
            let (step, why) = match plan((self.clock)(), &material.inspect()) {
                Plan::At(due) => return Ok(due),
                Plan::Now(step, why) => (step, why),
            };
            let entry = self.apply(&mut material, step)?;
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
