//! Everything that is known, and when it is known whole.

use std::collections::BTreeSet;
use std::future;
use std::sync::Arc;

use kube::Client;
use portreeve_translate::{Kind, ObjectKey, Snapshot};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::changed::Changed;
use crate::event::Message;
use crate::facts::Facts;
use crate::health::Health;
use crate::kind::Kinds;
use crate::known::Known;
use crate::problem::Problem;
use crate::scope::Scope;
use crate::start::{self, Start};
use crate::state::{IngressState, ServiceState};
use crate::view::View;
use crate::watched::Watched;

/// How many events wait to be taken in before watches wait, too.
const QUEUE: usize = 256;

/// How many events are taken in before what they changed is told.
const AT_ONCE: usize = 4096;

/// What is watched.
#[derive(Clone, Debug)]
pub struct Options {
    /// In which namespaces.
    pub scope: Scope,
    /// Which kinds.
    pub kinds: Kinds,
}

/// Watches; ends when dropped.
pub struct Store {
    queue: mpsc::Receiver<Message>,
    facts: Facts,
    health: Health,
    scope: Scope,
    /// Aborted when dropped.
    _feeds: JoinSet<()>,
}

impl Store {
    /// Starts to watch, in tasks of their own. `report` is told at once what goes wrong; what goes
    /// on being wrong it is told once.
    pub fn start(
        client: Client,
        options: Options,
        report: impl Fn(&Problem) + Send + Sync + 'static,
    ) -> Self {
        let by_namespace = matches!(options.scope, Scope::Selected(_));
        let namespaces = options.kinds.has_namespaces();
        let kinds = options.kinds.iter();
        let only_labels = (by_namespace && !namespaces).then_some(Watched::Kind(Kind::Namespace));
        let kinds: Vec<_> = kinds.chain(only_labels).collect();
        let mut snapshot = Snapshot::default();
        if !options.kinds.has_secrets() {
            snapshot = snapshot.without_secrets();
        }
        let (out, queue) = mpsc::channel(QUEUE);
        let health = Health::new(kinds.iter().copied());
        let feeds = start::all(&Start {
            client,
            scope: options.scope.clone(),
            parameters: options.kinds.parameters().unwrap_or_default().into(),
            challenges: options.kinds.challenges().unwrap_or_default().into(),
            kinds: kinds.clone(),
            out,
            health: health.clone(),
            report: Arc::new(report),
        });
        let view = View::new(snapshot, by_namespace, namespaces);
        Self {
            queue,
            facts: Facts::new(&kinds, view, health.clone()),
            health,
            scope: options.scope,
            _feeds: feeds,
        }
    }

    /// Waits until every kind is known, then for the next changes; at first everything changed.
    /// Nothing is lost if this is given up while it waits.
    pub async fn changed(&mut self) -> Changed {
        loop {
            self.take_in();
            if let Some(changed) = self.facts.changed() {
                return changed;
            }
            match self.queue.recv().await {
                Some(message) => self.facts.apply(message),
                // No watch is left to change anything.
                None => future::pending().await,
            }
        }
    }

    /// What is known as of the last [`Self::changed`]; `None` until every kind is.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.facts.snapshot()
    }

    /// The Ingresses that are in the snapshot.
    pub fn ingresses(&self) -> impl Iterator<Item = IngressState<'_>> {
        let known = self.facts.known(Kind::Ingress);
        let all = known.into_iter().flat_map(Known::iter);
        let counted = all.filter(|(key, _)| self.facts.counts(Kind::Ingress, key));
        counted.filter_map(|(key, entry)| IngressState::of(key, entry))
    }

    /// The namespaces whose objects are in the snapshot; `None` when all are.
    pub fn namespaces(&self) -> Option<BTreeSet<Box<str>>> {
        match &self.scope {
            Scope::All => None,
            Scope::One(namespace) => Some([Box::from(&**namespace)].into()),
            Scope::Selected(_) => Some(self.facts.namespaces()),
        }
    }

    /// A Service that is watched, whether it is in the snapshot or not.
    pub fn service(&self, key: &ObjectKey) -> Option<ServiceState<'_>> {
        let known = self.facts.known(Kind::Service)?;
        known.get(key).and_then(ServiceState::of)
    }

    /// How the watches are doing, from now on.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Takes in what waits.
    fn take_in(&mut self) {
        for _ in 0..AT_ONCE {
            match self.queue.try_recv() {
                Ok(message) => self.facts.apply(message),
                Err(_) => return,
            }
        }
    }
}
