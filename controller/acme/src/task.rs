//! The life of one certificate: it is looked at, what is due is done, and it waits.
//!
//! It never does a thing twice in a row without waiting after a failure.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::advance::ends_an_order;
use crate::attempt::{Attempt, Ended};
use crate::authority::{Authority, Connect};
use crate::backoff::share;
use crate::check::check;
use crate::doors::Doors;
use crate::engine::Engine;
use crate::entry::Entry;
use crate::failure::{Failure, FailureKind};
use crate::plan::{self, Case, Step, There, Why};
use crate::record::Failing;
use crate::renewal;
use crate::status::Phase;
use crate::store::{CaId, Kept, Store, StoreError};
use crate::want::Want;

/// How long nothing is looked at at most: what is there may be changed by others, and clocks are.
const LOOK: Duration = Duration::from_secs(3600);
/// How long to wait when nothing can be kept, or somebody else keeps it.
const PAUSE: Duration = Duration::from_secs(60);
/// How many things are done in a row. What is needed at most is a question, a staging order and
/// another order; whatever wants more has gone wrong.
const STEPS: usize = 6;

/// Sees to one certificate for as long as it is polled.
pub(crate) async fn run<S: Store, D: Doors, C: Connect>(
    engine: Arc<Engine<S, D, C>>,
    mut want: watch::Receiver<Want>,
) {
    loop {
        let current = want.borrow_and_update().clone();
        let wait = match engine.round(&current).await {
            Ok(until) => engine.until(until, &current),
            Err(error) => engine.stored(&current, &error),
        };
        tokio::select! {
            () = sleep(wait) => {}
            changed = want.changed() => if changed.is_err() {
                return;
            }
        }
    }
}

impl<S: Store, D: Doors, C: Connect> Engine<S, D, C> {
    /// Does what is due; returns until when nothing is.
    async fn round(&self, want: &Want) -> Result<Timestamp, StoreError> {
        let mut kept = Entry::load(&self.store, want).await?;
        for _ in 0..STEPS {
            let (there, chain) = self.look(want).await?;
            let step = self.plan(want, &there, &kept);
            self.tell(want, &there, &kept, &step);
            let (ca, url) = match step {
                Step::Leave => return Ok(renewal::later(self.now(), LOOK)),
                Step::Wait { until, .. } => return Ok(until),
                Step::Ask(ca) => {
                    self.ask(want, &there, &mut kept, &ca, chain.as_deref())
                        .await?;
                    continue;
                }
                Step::Resume(ca, url) => (ca, Some(url)),
                Step::Order(ca) => (ca, None),
            };
            // Another CA knows nothing of what this one issued.
            let replaces = chain
                .as_deref()
                .filter(|_| kept.record.issuer.as_ref() == Some(&ca));
            let mut attempt = Attempt {
                engine: self,
                want,
                kept: &mut kept,
                ca: &ca,
                replaces,
            };
            match attempt.run(url.as_deref()).await {
                Ok(()) | Err(Ended::Spent) => {}
                Err(Ended::Store(error @ StoreError::Conflict(_))) => return Err(error),
                Err(Ended::Store(error)) => {
                    self.failed(want, &there, &mut kept, &ca, error.into())
                        .await?;
                }
                Err(Ended::Failed(failure)) => {
                    self.failed(want, &there, &mut kept, &ca, failure).await?;
                }
            }
        }
        Ok(renewal::later(self.now(), PAUSE))
    }

    /// What stands in the Secret, with its chain. What cannot be served is as good as nothing.
    async fn look(&self, want: &Want) -> Result<(There, Option<String>), StoreError> {
        match self.store.certificate(&want.secret).await? {
            Kept::Nothing => Ok((There::Nothing, None)),
            Kept::Foreign => Ok((There::Foreign, None)),
            Kept::Ours { chain, key } => match check(&chain, &key, want.names(), self.now()) {
                Ok(held) => Ok((There::Ours(held), Some(chain))),
                Err(_) => Ok((There::Nothing, None)),
            },
        }
    }

    fn plan(&self, want: &Want, there: &There, kept: &Entry) -> Step {
        self.ledger(|ledger| {
            plan::plan(&Case {
                now: self.now(),
                want,
                there,
                record: &kept.record,
                policy: &self.policy,
                ledger,
            })
        })
    }

    /// Asks a CA when to renew. That it cannot be asked is no failure: there is a time without it.
    async fn ask(
        &self,
        want: &Want,
        there: &There,
        kept: &mut Entry,
        ca: &CaId,
        chain: Option<&str>,
    ) -> Result<(), StoreError> {
        let (There::Ours(held), Some(chain)) = (there, chain) else {
            return Ok(());
        };
        let answer = match self.accounts.ca(&self.store, ca, self.now()).await {
            Ok(connected) => connected.read().await.renewal_info(chain).await,
            Err(failure) => Err(failure),
        };
        let (now, every) = (self.now(), self.policy.ask_every);
        let before = kept.record.asked.take();
        let known = before.filter(|asked| asked.fingerprint == held.fingerprint);
        let ari = answer.as_ref().ok().and_then(Option::as_ref);
        let mut asked = renewal::answered(now, &want.id(), held, ari, every);
        if answer.is_err() {
            asked.window = known.and_then(|known| known.window);
        }
        kept.record.asked = Some(asked);
        kept.save(&self.store).await
    }

    /// Keeps that it failed. Where the order is over, nobody has to answer for it any more.
    async fn failed(
        &self,
        want: &Want,
        there: &There,
        kept: &mut Entry,
        ca: &CaId,
        failure: Failure,
    ) -> Result<(), StoreError> {
        let kind = failure.kind;
        self.board.say(want, |status| {
            *status.failures.entry(kind).or_default() += 1
        });
        if kind == FailureKind::Account {
            self.accounts.forget(ca).await;
        }
        let cas = plan::turns(&kept.record, there, &self.policy).len();
        let (now, id) = (self.now(), want.id());
        kept.record.failed(now, &id, ca, failure, cas, &self.policy);
        if ends_an_order(kind) {
            // What stays there is answered to nobody who asks, and is replaced by what comes next.
            let _ = self.store.put_challenges(&id, &want.origin, &[]).await;
        }
        kept.save(&self.store).await
    }

    /// Says how things stand.
    fn tell(&self, want: &Want, there: &There, kept: &Entry, step: &Step) {
        let held = match there {
            There::Ours(held) => Some(held),
            There::Nothing | There::Foreign => None,
        };
        let asked = kept.record.asked.as_ref();
        self.board.say(want, |status| {
            status.failing = kept.record.failing.clone();
            status.issuer = kept.record.issuer.clone();
            status.not_after = held.map(|held| held.not_after);
            status.renewal = held.map(|held| renewal::due(&want.id(), held, asked));
            match *step {
                Step::Leave => status.phase = Phase::Foreign,
                Step::Wait { until, why } => status.phase = waiting(until, why),
                Step::Ask(_) | Step::Resume(..) | Step::Order(_) => {}
            }
        });
    }

    /// How long to wait until then, or until it is looked at again in any case.
    fn until(&self, until: Timestamp, want: &Want) -> Duration {
        let wait = until.duration_since(self.now());
        let wait = Duration::try_from(wait).unwrap_or_default();
        let look = LOOK + share(&want.id(), "look", LOOK / 10);
        wait.clamp(Duration::from_secs(1), look)
    }

    /// Says that nothing can be kept, and how long to wait before it is tried again.
    pub(crate) fn stored(&self, want: &Want, error: &StoreError) -> Duration {
        let wait = PAUSE + share(&want.id(), "store", PAUSE / 10);
        let until = renewal::later(self.now(), wait);
        let failure = Failure::from(error.clone());
        self.board.say(want, |status| {
            *status.failures.entry(failure.kind).or_default() += 1;
            status.phase = Phase::Failed { until };
            status.failing = Some(Failing {
                count: status.failing.as_ref().map_or(1, |f| f.count),
                blameless: status.failing.as_ref().map_or(0, |f| f.blameless),
                at: self.now(),
                until,
                last: failure,
            });
        });
        wait
    }
}

fn waiting(until: Timestamp, why: Why) -> Phase {
    match why {
        Why::Good => Phase::Issued,
        Why::Failed => Phase::Failed { until },
        Why::Spent(bound) => Phase::Limited { bound, until },
    }
}
