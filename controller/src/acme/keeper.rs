//! Keeps certificates while this controller leads.

use std::convert::Infallible;
use std::sync::Arc;

use jiff::Timestamp;
use kube::Client;
use portreeve_acme::{CaSettings, Issuer, Policy, Statuses, Want};
use portreeve_table::Origin;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::doors::Doors;
use super::figures::Figures;
use super::secrets::Secrets;
use super::told::Told;
use super::wants::wants;
use crate::events::Board;
use crate::guard::Guard;
use crate::published::Latest;
use crate::status::Seen;

/// Who posts what is said of certificates.
const WHO: &str = "certificates";

/// Keeps certificates while this controller leads.
pub(crate) struct Keeper {
    pub(crate) client: Client,
    pub(crate) guard: Guard,
    /// Our own namespace.
    pub(crate) namespace: String,
    pub(crate) cas: Vec<CaSettings>,
    pub(crate) policy: Policy,
    /// Who is asked whether challenges are answered.
    pub(crate) doors: Doors,
    pub(crate) latest: Latest,
    /// What Ingresses there are, so that Events are about those.
    pub(crate) seen: watch::Receiver<Option<Arc<Seen>>>,
    pub(crate) board: Board,
    pub(crate) figures: Arc<Figures>,
}

impl Keeper {
    /// Keeps certificates for as long as it is polled. It can be dropped at any time.
    pub(crate) async fn run(mut self) {
        loop {
            while !self.guard.leads() {
                self.guard.changed().await;
            }
            let mut guard = self.guard.clone();
            tokio::select! {
                biased;
                () = guard.changed() => {}
                never = self.lead() => match never {},
            }
            self.guard = guard;
            self.board.post(WHO, []);
            self.figures.clear();
        }
    }

    /// Nothing begins before it is known what is wanted: what is not wanted is let go of.
    async fn lead(&mut self) -> Infallible {
        let mut latest = self.latest.clone();
        let first = loop {
            if let Some(latest) = &*latest.borrow_and_update() {
                break wants(&latest.translation);
            }
            changed(&mut latest).await;
        };
        let (sender, wanted) = watch::channel(first);
        let store = Secrets::new(self.client.clone(), self.guard.clone(), &self.namespace);
        let (cas, policy) = (self.cas.clone(), self.policy.clone());
        let clock = Arc::new(Timestamp::now);
        let (issuer, statuses) = Issuer::new(store, self.doors.clone(), cas, policy, clock);
        tokio::select! {
            never = follow(latest, sender) => never,
            never = self.tell(statuses) => never,
            () = issuer.run(wanted) => std::future::pending().await,
        }
    }

    /// Says how things stand.
    async fn tell(&self, mut statuses: watch::Receiver<Statuses>) -> Infallible {
        let mut told = Told::default();
        let mut seen = self.seen.clone();
        loop {
            let (now, ingresses) = (
                statuses.borrow_and_update().clone(),
                seen.borrow_and_update().clone(),
            );
            self.figures.update(&now);
            let uid = |origin: &Origin| uid(ingresses.as_deref()?, origin);
            self.board
                .post(WHO, told.notices(&now, uid, Instant::now()));
            tokio::select! {
                () = changed(&mut statuses) => {}
                () = changed(&mut seen) => {}
                () = at(told.until()) => {}
            }
        }
    }
}

/// Tells the issuer what is wanted, whenever that is something else.
async fn follow(mut latest: Latest, sender: watch::Sender<Arc<Vec<Want>>>) -> Infallible {
    loop {
        changed(&mut latest).await;
        let now = latest.borrow_and_update().clone();
        let Some(now) = now.map(|latest| wants(&latest.translation)) else {
            continue;
        };
        sender.send_if_modified(|before| {
            let is_news = *before != now;
            *before = now;
            is_news
        });
    }
}

fn uid(seen: &Seen, origin: &Origin) -> Option<Box<str>> {
    let mut all = seen.ingresses.iter();
    let is_it = |key: &portreeve_translate::ObjectKey| {
        key.namespace == origin.namespace && key.name == origin.name
    };
    all.find(|now| is_it(&now.key)).map(|now| now.uid.clone())
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Waits for a change. If nobody is left who could make one, none will come.
async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
