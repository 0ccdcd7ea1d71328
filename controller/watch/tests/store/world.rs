//! A store that watches the test's API server.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::Client;
use portreeve_translate::{self as translate, HostOwnership, Translation, translate};
use portreeve_watch::{Changed, KindHealth, Kinds, Options, Scope, Store};
use serde_json::Value;
use tokio::time::timeout;

use crate::api::{Api, Stream};

/// A store, its server, and what was reported.
pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) store: Store,
    pub(crate) problems: Arc<Mutex<Vec<String>>>,
}

/// The watches of the kinds that a test says nothing about.
#[derive(Default)]
pub(crate) struct Watches(
    #[allow(dead_code, reason = "they end when dropped")] pub(crate) Vec<Stream>,
);

impl World {
    pub(crate) fn new(scope: Scope) -> Self {
        Self::of(scope, Kinds::all())
    }

    pub(crate) fn of(scope: Scope, kinds: Kinds) -> Self {
        let (api, client) = Api::new();
        let problems = Arc::default();
        let store = start(client, Options { scope, kinds }, &problems);
        Self {
            api,
            store,
            problems,
        }
    }

    /// Everything is known: these Ingresses, Services and slices, and nothing else. Gives the
    /// watches of these three, and the others.
    pub(crate) async fn known(
        ingresses: &[Value],
        services: &[Value],
        slices: &[Value],
    ) -> (Self, [Stream; 3], Watches) {
        let mut world = Self::new(Scope::All);
        let watches = world.empty(&["ingressclasses", "secrets"]).await;
        let streams = [
            world.api.lists("ingresses", ingresses).await,
            world.api.lists("services", services).await,
            world.api.lists("endpointslices", slices).await,
        ];
        let changed = world.changed().await;
        assert!(changed.routes && changed.status);
        (world, streams, watches)
    }

    /// There is nothing of these kinds.
    pub(crate) async fn empty(&mut self, kinds: &[&'static str]) -> Watches {
        let mut watches = Watches::default();
        for kind in kinds {
            watches.0.push(self.api.lists(kind, &[]).await);
        }
        watches
    }

    pub(crate) async fn changed(&mut self) -> Changed {
        in_time(self.store.changed()).await
    }

    /// Nothing changes for as long as anything could be under way.
    pub(crate) async fn unchanged(&mut self) {
        let changed = timeout(Duration::from_millis(500), self.store.changed()).await;
        assert!(changed.is_err(), "{changed:?}");
    }

    pub(crate) fn translation(&self) -> Translation {
        let snapshot = self.store.snapshot().expect("everything is known");
        translate(&snapshot, &translate::Options::standalone())
    }

    /// The hosts that are served where each namespace uses those that it lists.
    pub(crate) fn listed(&self) -> Vec<String> {
        let snapshot = self.store.snapshot().expect("everything is known");
        let options = translate::Options {
            host_ownership: HostOwnership::Listed,
            ..translate::Options::standalone()
        };
        hosts(&translate(&snapshot, &options))
    }

    /// The hosts that are served.
    pub(crate) fn hosts(&self) -> Vec<String> {
        hosts(&self.translation())
    }

    /// The addresses of all endpoints that are served.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let translation = self.translation();
        let upstreams = translation.config.upstreams.values();
        let endpoints = upstreams.flat_map(|upstream| upstream.endpoints.iter());
        endpoints
            .map(|endpoint| endpoint.address.ip().to_string())
            .collect()
    }

    pub(crate) fn health(&self, kind: &str) -> KindHealth {
        let kinds = self.store.health().kinds();
        kinds
            .into_iter()
            .find(|health| health.kind.as_str() == kind)
            .unwrap()
    }

    pub(crate) fn reported(&self, part: &str) -> bool {
        let problems = self.problems.lock().unwrap();
        problems.iter().any(|problem| problem.contains(part))
    }
}

fn hosts(translation: &Translation) -> Vec<String> {
    let hosts = translation.config.hosts.keys();
    hosts
        .map(|host| host.to_string().replace(".example", ""))
        .collect()
}

pub(crate) fn start(client: Client, options: Options, problems: &Arc<Mutex<Vec<String>>>) -> Store {
    let problems = problems.clone();
    Store::start(client, options, move |problem| {
        problems.lock().unwrap().push(problem.to_string());
    })
}

/// Far longer than anything takes.
pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    let waited = timeout(Duration::from_secs(1000), what).await;
    waited.expect("this happens in time")
}
