//! When what is built: routes after a hold-off, endpoints almost at once.
//!
//! Nothing is published before every kind of object is known.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use portreeve_translate::{Memo, ObjectKey, Options, Snapshot};
use portreeve_watch::{Changed, Store};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::build::{self, Update};
use crate::counts::{Count, Counts};
use crate::events::{Board, Notice};
use crate::holdoff::Holdoff;
use crate::losses::{Limit, Losses, Verdict};
use crate::published::Published;
use crate::status::Seen;
use portreeve_process::say;

#[cfg(test)]
mod tests;

/// How long routes are quiet before they are translated, and how long they are waited for at most.
const ROUTES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// The same for endpoints.
const ENDPOINTS: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(100));
/// The same for what statuses depend on.
const STATUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How soon what was said about endpoints is looked over when they change.
const TIDY: Duration = Duration::from_secs(10);
/// How often everything is translated although nothing changed: certificates expire by themselves.
const ANYWAY: Duration = Duration::from_secs(3600);

/// Who is told.
pub(crate) struct Tell {
    /// Proxies.
    pub(crate) publish: watch::Sender<Option<Arc<Published>>>,
    /// Whoever writes Events.
    pub(crate) board: Board,
    /// Whoever writes statuses.
    pub(crate) seen: watch::Sender<Option<Arc<Seen>>>,
    /// The Service whose addresses are published in statuses, if one is.
    pub(crate) service: Option<ObjectKey>,
    /// Whoever wants to know whether a loss is held back.
    pub(crate) held: watch::Sender<bool>,
    /// Where it is counted.
    pub(crate) counts: Arc<Counts>,
}

/// What waits to be built.
struct Lanes {
    options: Arc<Options>,
    routes: Holdoff,
    endpoints: Holdoff,
    statuses: Holdoff,
    /// Whose endpoints changed since they were last published, or left for a translation.
    services: BTreeSet<ObjectKey>,
    anyway: Instant,
    losses: Losses,
    /// Made anew after a translation that failed.
    memo: Memo,
    tell: Tell,
}

/// Builds and publishes for as long as the process lives.
pub(crate) async fn run(mut store: Store, options: Options, limit: Limit, tell: Tell) {
    let mut lanes = Lanes::new(options, limit, tell);
    loop {
        let (routes, endpoints) = (lanes.routes.due(), lanes.endpoints.due());
        let statuses = lanes.statuses.due();
        tokio::select! {
            biased;
            () = at(routes) => lanes.translate(store.snapshot()).await,
            () = at(endpoints) => lanes.update(store.snapshot()),
            () = at(statuses) => lanes.see(&store),
            () = sleep_until(lanes.anyway) => lanes.translate(store.snapshot()).await,
            changed = store.changed() => lanes.note(changed),
        }
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

impl Lanes {
    fn new(options: Options, limit: Limit, tell: Tell) -> Self {
        Self {
            options: Arc::new(options),
            routes: Holdoff::new(ROUTES.0, ROUTES.1),
            endpoints: Holdoff::new(ENDPOINTS.0, ENDPOINTS.1),
            statuses: Holdoff::new(STATUSES.0, STATUSES.1),
            services: BTreeSet::new(),
            anyway: Instant::now() + ANYWAY,
            losses: Losses::new(limit),
            memo: Memo::default(),
            tell,
        }
    }

    fn note(&mut self, changed: Changed) {
        let now = Instant::now();
        if changed.routes {
            // The first translation waits for nothing: everything is known already.
            match self.tell.publish.borrow().is_some() {
                true => self.routes.changed(now),
                false => self.routes.changed(now - ROUTES.0),
            }
        }
        // Whose an Ingress is may change without its status.
        if changed.routes || changed.status {
            self.statuses.changed(now);
        }
        if !changed.endpoints.is_empty() {
            self.services.extend(changed.endpoints);
            self.endpoints.changed(now);
        }
    }

    /// Translates everything, on a thread of its own: sessions must go on meanwhile.
    async fn translate(&mut self, snapshot: Option<Arc<Snapshot>>) {
        self.routes.clear();
        self.anyway = Instant::now() + ANYWAY;
        let Some(snapshot) = snapshot else {
            return;
        };
        let last = self.tell.publish.borrow().clone();
        let options = Arc::clone(&self.options);
        let mut memo = std::mem::take(&mut self.memo);
        let built = tokio::task::spawn_blocking(move || {
            let now = SystemTime::now();
            let built = build::routes(&mut memo, last.as_deref(), &snapshot, &options, now);
            // An object that was made anew is another to whoever looks for its Events.
            let notices = notices(built.as_ref().or(last.as_deref()), &snapshot);
            (built, notices, memo)
        });
        match built.await {
            Ok((published, notices, memo)) => {
                self.memo = memo;
                self.tell.board.post("translation", notices);
                match published {
                    Some(new) => self.judge(new),
                    None => self.losses.settle(),
                }
                // Every Service is covered, unless nothing of it was published.
                if !self.losses.is_held() {
                    self.endpoints.clear();
                    self.services.clear();
                }
                self.tell.held.send_replace(self.losses.is_held());
            }
            Err(error) => say(format_args!(
                "portreeve-controller: a translation failed, and what was published stays: {error}"
            )),
        }
    }

    /// Makes the upstreams anew whose endpoints changed.
    fn update(&mut self, snapshot: Option<Arc<Snapshot>>) {
        self.endpoints.clear();
        let services = std::mem::take(&mut self.services);
        let (Some(snapshot), Some(last)) = (snapshot, self.tell.publish.borrow().clone()) else {
            return;
        };
        let Update {
            published,
            needs_routes,
        } = build::endpoints(
            &last,
            &snapshot,
            &services,
            &self.options,
            SystemTime::now(),
        );
        published.into_iter().for_each(|new| self.publish(new));
        let now = Instant::now();
        // A translation that is held would be held again: it has its time, and covers this then.
        if needs_routes && !self.losses.is_held() {
            self.routes.changed(now);
        }
        if build::is_said_of_slices(&last) {
            self.anyway = self.anyway.min(now + TIDY);
        }
    }

    /// Tells what statuses depend on.
    fn see(&mut self, store: &Store) {
        self.statuses.clear();
        let Some(snapshot) = store.snapshot().filter(|_| !self.tell.seen.is_closed()) else {
            return;
        };
        let service = self.tell.service.as_ref();
        let seen = Seen::of(store, &snapshot, &self.options, service);
        self.tell.seen.send_replace(Some(Arc::new(seen)));
    }

    /// Publishes what everything was translated for, unless it loses too much to be believed yet.
    fn judge(&mut self, new: Published) {
        let last = self.tell.publish.borrow().clone();
        // The first has nothing to lose.
        let verdict = last.map_or(Verdict::Publish, |last| {
            let (last, new) = (&last.translation.config, &new.translation.config);
            self.losses.judge(last, new, Instant::now())
        });
        match verdict {
            Verdict::Publish => self.publish(new),
            Verdict::Hold {
                until,
                loss,
                is_news,
            } => {
                self.anyway = self.anyway.min(until);
                if is_news {
                    self.tell.counts.add(Count::LossesHeld);
                    let wait = until.saturating_duration_since(Instant::now()).as_secs();
                    say(format_args!(
                        "portreeve-controller: {loss}; that is published if it is still so in {wait} s (--hold-losses-above)"
                    ));
                }
            }
        }
    }

    fn publish(&self, new: Published) {
        self.tell.publish.send_replace(Some(Arc::new(new)));
    }
}

fn notices(published: Option<&Published>, snapshot: &Snapshot) -> Vec<Notice> {
    let found = published.map_or(&[][..], |published| &published.translation.diagnostics);
    let notices = found.iter();
    notices
        .filter_map(|found| Notice::of(found, snapshot))
        .collect()
}
