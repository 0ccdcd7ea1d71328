//! Starts one feed for each kind, with the permissions that its scope leaves it.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::{Api, Client, Resource};
use portreeve_translate::{CHALLENGE_TYPE, Kind};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::event::Message;
use crate::feed::{Feed, Selector, Teller};
use crate::health::Health;
use crate::lenient::Lenient;
use crate::problem::Report;
use crate::scope::Scope;
use crate::trim::Trim;
use crate::watched::Watched;

/// The only Secrets that are read, beside those of challenges.
const TLS_SECRETS: &str = "type=kubernetes.io/tls";

/// What feeds are started with.
pub(crate) struct Start {
    pub client: Client,
    pub scope: Scope,
    pub kinds: Vec<Watched>,
    /// The namespace of ConfigMaps, if they are among the kinds.
    pub parameters: Box<str>,
    /// The namespace of challenges, if they are among them.
    pub challenges: Box<str>,
    pub out: mpsc::Sender<Message>,
    pub health: Health,
    pub report: Report,
}

/// A task for each kind.
pub(crate) fn all(start: &Start) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for watched in &start.kinds {
        match watched {
            Watched::Challenges => start.challenges(&mut tasks),
            Watched::Kind(kind) => start.kind(&mut tasks, *kind),
        }
    }
    tasks
}

/// The Namespaces that count.
fn namespaces(scope: &Scope) -> Selector {
    match scope {
        Scope::All => Selector::default(),
        Scope::One(name) => Selector {
            fields: Some(format!("metadata.name={name}")),
            labels: None,
        },
        Scope::Selected(labels) => Selector {
            fields: None,
            labels: Some(labels.clone()),
        },
    }
}

impl Start {
    fn kind(&self, tasks: &mut JoinSet<()>, kind: Kind) {
        match kind {
            Kind::Ingress => self.namespaced::<Ingress>(tasks, None),
            Kind::IngressClass => {
                let may_be_forbidden = matches!(self.scope, Scope::One(_));
                let api: Api<Lenient<IngressClass>> = Api::all(self.client.clone());
                self.feed(tasks, api, Selector::default(), may_be_forbidden);
            }
            Kind::Service => self.namespaced::<Service>(tasks, None),
            Kind::EndpointSlice => {
                self.namespaced::<EndpointSlice>(tasks, None);
            }
            Kind::Secret => {
                self.namespaced::<Secret>(tasks, Some(TLS_SECRETS));
            }
            Kind::ConfigMap => {
                let api: Api<Lenient<ConfigMap>> =
                    Api::namespaced(self.client.clone(), &self.parameters);
                // Without the right to read them, classes have no settings.
                self.feed(tasks, api, Selector::default(), true);
            }
            Kind::Namespace => {
                let api: Api<Lenient<Namespace>> = Api::all(self.client.clone());
                // As long as they may not be read, nothing is known: not that none lists a host.
                self.feed(tasks, api, namespaces(&self.scope), false);
            }
        }
    }

    fn challenges(&self, tasks: &mut JoinSet<()>) {
        let api: Api<Lenient<Secret>> = Api::namespaced(self.client.clone(), &self.challenges);
        let selector = Selector {
            fields: Some(format!("type={CHALLENGE_TYPE}")),
            labels: None,
        };
        // Without the right to read them none is answered, and everything else is served.
        self.watch(tasks, Watched::Challenges, api, selector, true);
    }

    fn namespaced<K>(&self, tasks: &mut JoinSet<()>, fields: Option<&str>)
    where
        K: Trim + Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + DeserializeOwned + Send + Sync + 'static,
    {
        let client = self.client.clone();
        let api: Api<Lenient<K>> = match &self.scope {
            Scope::One(namespace) => Api::namespaced(client, namespace),
            Scope::All | Scope::Selected(_) => Api::all(client),
        };
        let fields = fields.map(String::from);
        let labels = None;
        self.feed(tasks, api, Selector { fields, labels }, false);
    }

    fn feed<K>(
        &self,
        tasks: &mut JoinSet<()>,
        api: Api<Lenient<K>>,
        selector: Selector,
        may_be_forbidden: bool,
    ) where
        K: Trim + Resource<DynamicType = ()>,
        K: Clone + DeserializeOwned + Send + Sync + 'static,
    {
        let watched = Watched::Kind(K::KIND);
        self.watch(tasks, watched, api, selector, may_be_forbidden);
    }

    fn watch<K>(
        &self,
        tasks: &mut JoinSet<()>,
        watched: Watched,
        api: Api<Lenient<K>>,
        selector: Selector,
        may_be_forbidden: bool,
    ) where
        K: Trim + Resource<DynamicType = ()>,
        K: Clone + DeserializeOwned + Send + Sync + 'static,
    {
        let Some(vitals) = self.health.vitals(watched) else {
            return;
        };
        let teller = Teller {
            kind: watched,
            out: self.out.clone(),
            vitals,
            report: self.report.clone(),
        };
        let feed = Feed::new(api, selector, may_be_forbidden, teller);
        tasks.spawn(feed.run());
    }
}
