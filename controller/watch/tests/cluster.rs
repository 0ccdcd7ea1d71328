//! The store against a real API server: what a scripted one only pretends to do.

#![cfg(test)]

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use portreeve_cluster::{Action, Control};
use portreeve_translate::{ObjectKey, Translation, translate};
use portreeve_watch::{Changed, KindHealth, Kinds, Options, Scope, Store};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

/// One test at a time: one of them takes the API server away.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A namespace of a test's own, and who may do everything in it.
struct Place {
    client: Client,
    namespace: String,
    _alone: MutexGuard<'static, ()>,
}

impl Place {
    async fn new(namespace: &str) -> Self {
        let _alone = ALONE.lock().await;
        let client = Client::try_default().await.expect("a cluster");
        let place = Self {
            client,
            namespace: namespace.into(),
            _alone,
        };
        let all: Api<Namespace> = Api::all(place.client.clone());
        let object = json!({"metadata": {"name": namespace}});
        all.create(&PostParams::default(), &read(object))
            .await
            .unwrap();
        place
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn create<K>(&self, object: Value)
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
        K: Clone + DeserializeOwned + serde::Serialize + std::fmt::Debug,
    {
        let created = self
            .api::<K>()
            .create(&PostParams::default(), &read(object))
            .await;
        created.unwrap();
    }

    async fn create_web(&self, host: &str) {
        let service = json!({"name": "web", "port": {"number": 80}});
        let path = json!({"path": "/", "pathType": "Prefix", "backend": {"service": service}});
        let spec = json!({"rules": [{"host": host, "http": {"paths": [path]}}]});
        self.create::<Ingress>(json!({"metadata": {"name": "web"}, "spec": spec}))
            .await;
        let spec = json!({"ports": [{"port": 80}]});
        self.create::<Service>(json!({"metadata": {"name": "web"}, "spec": spec}))
            .await;
        let labels = json!({"kubernetes.io/service-name": "web"});
        self.create::<EndpointSlice>(json!({
            "metadata": {"name": "web-1", "labels": labels},
            "addressType": "IPv4",
            "ports": [{"port": 8080}],
            "endpoints": [{"addresses": ["10.1.0.1"]}],
        }))
        .await;
    }
}

fn read<K: DeserializeOwned>(object: Value) -> K {
    serde_json::from_value(object).unwrap()
}

fn watch(client: Client, scope: Scope) -> Store {
    let kinds = Kinds::all();
    Store::start(client, Options { scope, kinds }, |problem| {
        println!("{problem}")
    })
}

async fn changed(store: &mut Store) -> Changed {
    let changed = timeout(Duration::from_secs(120), store.changed()).await;
    changed.expect("something changes")
}

/// Waits until what is served is as it should be.
async fn until(store: &mut Store, served: impl Fn(&Translation) -> bool) {
    while !served(&served_by(store)) {
        changed(store).await;
    }
}

fn served_by(store: &Store) -> Translation {
    let options = portreeve_translate::Options::standalone();
    store
        .snapshot()
        .map(|snapshot| translate(&snapshot, &options))
        .unwrap_or_default()
}

fn has(translation: &Translation, host: &str) -> bool {
    translation
        .config
        .hosts
        .keys()
        .any(|served| served.to_string() == host)
}

fn health(store: &Store) -> BTreeMap<&'static str, KindHealth> {
    let kinds = store.health().kinds().into_iter();
    kinds.map(|health| (health.kind.as_str(), health)).collect()
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn objects_are_known_as_the_api_server_has_them() {
    let place = Place::new("watch-objects").await;
    place.create_web("objects.example").await;
    for (name, kind) in [("tls", "kubernetes.io/tls"), ("opaque", "Opaque")] {
        let data = json!({"tls.crt": "a", "tls.key": "b"});
        let secret = json!({"metadata": {"name": name}, "type": kind, "stringData": data});
        place.create::<Secret>(secret).await;
    }
    let mut store = watch(place.client.clone(), Scope::One(place.namespace.clone()));
    changed(&mut store).await;
    assert!(has(&served_by(&store), "objects.example"));
    for (kind, health) in health(&store) {
        assert_eq!(
            (health.synced, health.errors, health.relists),
            (true, 0, 0),
            "{kind}: {health:?}"
        );
    }
    assert_eq!(
        health(&store)["Secret"].objects,
        1,
        "only certificates are read"
    );

    let patch = Patch::Merge(json!({"endpoints": [{"addresses": ["10.1.0.2"], "nodeName": "n"}]}));
    let slices = place.api::<EndpointSlice>();
    slices
        .patch("web-1", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let endpoints = [ObjectKey::new("watch-objects", "web")].into();
    let only_endpoints = Changed {
        endpoints,
        ..Changed::default()
    };
    assert_eq!(changed(&mut store).await, only_endpoints);

    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
    let ingresses = place.api::<Ingress>();
    let params = PatchParams::default();
    ingresses
        .patch_status("web", &params, &Patch::Merge(status))
        .await
        .unwrap();
    let only_status = Changed {
        status: true,
        ..Changed::default()
    };
    assert_eq!(changed(&mut store).await, only_status);

    ingresses
        .delete("web", &DeleteParams::default())
        .await
        .unwrap();
    assert!(changed(&mut store).await.routes);
    assert!(!has(&served_by(&store), "objects.example"));
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn one_namespace_needs_permissions_in_it_alone() {
    let place = Place::new("watch-one").await;
    place.create_web("one.example").await;
    let rule = |group: &str, resources: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": ["list", "watch"]});
    let rules = [
        rule("", &["services", "secrets"]),
        rule("networking.k8s.io", &["ingresses"]),
        rule("discovery.k8s.io", &["endpointslices"]),
    ];
    place
        .create::<Role>(json!({"metadata": {"name": "watch"}, "rules": rules}))
        .await;
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "watch"});
    let subject =
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "watcher"});
    let binding = json!({"metadata": {"name": "watch"}, "roleRef": role, "subjects": [subject]});
    place.create::<RoleBinding>(binding).await;
    let mut config = Config::from_kubeconfig(&KubeConfigOptions::default())
        .await
        .unwrap();
    config.auth_info.impersonate = Some("watcher".into());
    let client = Client::try_from(config).unwrap();
    let mut store = watch(client, Scope::One(place.namespace.clone()));
    changed(&mut store).await;
    assert!(has(&served_by(&store), "one.example"));
    let classes = &health(&store)["IngressClass"];
    assert!(
        classes.last_error.as_ref().unwrap().contains("403"),
        "{classes:?}"
    );
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn namespaces_are_chosen_by_their_labels() {
    let place = Place::new("watch-label").await;
    place.create_web("label.example").await;
    let mut store = watch(place.client.clone(), Scope::Selected("watch=yes".into()));
    changed(&mut store).await;
    assert!(!has(&served_by(&store), "label.example"));
    let namespaces: Api<Namespace> = Api::all(place.client.clone());
    for (label, counts) in [(json!("yes"), true), (json!(null), false)] {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"watch": label}}}));
        namespaces
            .patch("watch-label", &PatchParams::default(), &patch)
            .await
            .unwrap();
        until(&mut store, |served| has(served, "label.example") == counts).await;
    }
}

/// The store is told 410 Gone, lists again, and misses nothing of what happened meanwhile.
#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn an_api_server_that_comes_back_without_its_history_takes_nothing_away() {
    let place = Place::new("watch-away").await;
    place.create_web("away.example").await;
    let other = json!({"rules": [{"host": "gone.example"}], "defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}});
    place
        .create::<Ingress>(json!({"metadata": {"name": "gone"}, "spec": other}))
        .await;
    let mut store = watch(place.client.clone(), Scope::All);
    until(&mut store, |served| {
        has(served, "away.example") && has(served, "gone.example")
    })
    .await;

    // History that no watch hears of, so that all of them are behind it.
    for n in 0..10 {
        let secret = json!({"metadata": {"name": format!("unseen-{n}")}});
        place.create::<Secret>(secret).await;
    }
    let control = Control::from_env();
    let api_server = || "kube-apiserver".to_string();
    control.act(&Action::Stop(api_server())).await.unwrap();
    control.act(&Action::Compact).await.unwrap();
    let quiet = timeout(Duration::from_secs(10), store.changed()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert!(health(&store).values().all(|health| health.errors > 0));
    control.act(&Action::Start(api_server())).await.unwrap();
    let ingresses = place.api::<Ingress>();
    while ingresses
        .delete("gone", &DeleteParams::default())
        .await
        .is_err()
    {
        tokio::task::yield_now().await;
    }
    until(&mut store, |served| {
        assert!(has(served, "away.example"), "it was there all the while");
        !has(served, "gone.example")
    })
    .await;
    assert!(health(&store)["Ingress"].relists > 0);
    let spec = json!({"spec": {"rules": [{"host": "back.example"}]}});
    ingresses
        .patch("web", &PatchParams::default(), &Patch::Merge(spec))
        .await
        .unwrap();
    until(&mut store, |served| has(served, "back.example")).await;
}
