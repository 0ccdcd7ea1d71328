//! Starts one feed for each kind, with the permissions that its scope leaves it.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::{Api, Client, Resource};
use portreeve_translate::Kind;
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

/// The only Secrets that are read.
const TLS_SECRETS: &str = "type=kubernetes.io/tls";

/// What feeds are started with.
pub(crate) struct Start {
    pub client: Client,
    pub scope: Scope,
    pub kinds: Vec<Kind>,
    /// The namespace of ConfigMaps, if they are among the kinds.
    pub parameters: Box<str>,
    pub out: mpsc::Sender<Message>,
    pub health: Health,
    pub report: Report,
}

/// A task for each kind.
pub(crate) fn all(start: &Start) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for kind in &start.kinds {
        match kind {
            Kind::Ingress => start.namespaced::<Ingress>(&mut tasks, None),
            Kind::IngressClass => {
                let may_be_forbidden = matches!(start.scope, Scope::One(_));
                let api: Api<Lenient<IngressClass>> = Api::all(start.client.clone());
                start.feed(&mut tasks, api, Selector::default(), may_be_forbidden);
            }
            Kind::Service => start.namespaced::<Service>(&mut tasks, None),
            Kind::EndpointSlice => {
                start.namespaced::<EndpointSlice>(&mut tasks, None);
            }
            Kind::Secret => {
                start.namespaced::<Secret>(&mut tasks, Some(TLS_SECRETS));
            }
            Kind::ConfigMap => {
                let api: Api<Lenient<ConfigMap>> =
                    Api::namespaced(start.client.clone(), &start.parameters);
                // Without the right to read them, classes have no settings.
                start.feed(&mut tasks, api, Selector::default(), true);
            }
            Kind::Namespace => {
                let api: Api<Lenient<Namespace>> = Api::all(start.client.clone());
                // As long as they may not be read, nothing is known: not that none lists a host.
                start.feed(&mut tasks, api, namespaces(&start.scope), false);
            }
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
        let Some(vitals) = self.health.vitals(K::KIND) else {
            return;
        };
        let teller = Teller {
            kind: K::KIND,
            out: self.out.clone(),
            vitals,
            report: self.report.clone(),
        };
        let feed = Feed::new(api, selector, may_be_forbidden, teller);
        tasks.spawn(feed.run());
    }
}
