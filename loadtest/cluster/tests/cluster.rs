//! The cluster itself, used as tests use it: a Deployment of the echo backend with everything that
//! a Pod can mount, and the faults.

// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::AuthInfo;
use kube::runtime::{WatchStreamExt, reflector, watcher};
use kube::{Api, Client, Config};
use portreeve_cluster::{Action, Control, Folder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{sleep, timeout};

/// How long anything may take before its test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// One test stops the API server, which the others cannot have.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn a_deployment_serves_and_sees_its_volumes() {
    let test = Test::start("serves").await;
    test.create_echo().await;
    let endpoints = test.endpoints(2).await;
    for endpoint in &endpoints {
        let answer = get(endpoint, 8080).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("service: echo-"),
            "{answer}"
        );
    }

    let root = test.root(&test.pods().await[0]);
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    assert_eq!(read("etc/keys/key"), "one");
    assert_eq!(read("settings/color"), "blue");
    assert_eq!(
        read("run/secrets/kubernetes.io/serviceaccount/namespace"),
        "serves"
    );
    let token = read("run/secrets/kubernetes.io/serviceaccount/token");
    assert_eq!(user(&token).await, "system:serviceaccount:serves:default");
    fs::write(root.join("var/cache/scratch/file"), "written").unwrap();
    assert!(
        !PathBuf::from("/settings").exists(),
        "the machine has what only the Pod should"
    );

    let name = test.pods().await[0].metadata.name.clone().unwrap();
    let log = test
        .api::<Pod>()
        .logs(&name, &Default::default())
        .await
        .unwrap();
    assert!(log.starts_with("listening echo-"), "{log}");

    let change = Patch::Merge(json!({"stringData": {"key": "two"}}));
    let secrets: Api<Secret> = test.api();
    secrets
        .patch("keys", &PatchParams::default(), &change)
        .await
        .unwrap();
    let changed = async {
        while fs::read_to_string(root.join("etc/keys/key")).unwrap() != "two" {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(1), changed)
        .await
        .expect("a changed Secret is mounted within a second");

    let deployments: Api<Deployment> = test.api();
    deployments
        .delete("echo", &DeleteParams::foreground())
        .await
        .unwrap();
    test.until(|pods: &[Arc<Pod>]| pods.is_empty().then_some(()))
        .await;
    assert!(
        !root.exists(),
        "the process of a Pod that was deleted still runs"
    );
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn a_container_that_crashes_is_started_again() {
    let test = Test::start("crashes").await;
    test.create_echo().await;
    test.endpoints(2).await;
    let name = test.pods().await[0].metadata.name.clone().unwrap();
    let container = format!("pod/crashes/{name}/echo");
    Control::from_env()
        .act(&Action::Stop(container))
        .await
        .unwrap();
    let restarted = |pods: &[Arc<Pod>]| {
        let pod = pods
            .iter()
            .find(|pod| pod.metadata.name.as_ref() == Some(&name))?;
        let status = &pod.status.as_ref()?.container_statuses.as_ref()?[0];
        (status.restart_count == 1 && status.ready).then_some(())
    };
    test.until(restarted).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn the_api_server_comes_back_with_its_data_and_without_its_history() {
    let test = Test::start("faults").await;
    test.create_echo().await;
    let endpoints = test.endpoints(2).await;
    let control = Control::from_env();
    let server = || "kube-apiserver".to_owned();

    control.act(&Action::Pause(server())).await.unwrap();
    let list = async { test.pods().await };
    timeout(Duration::from_millis(300), list)
        .await
        .expect_err("a paused server answers");
    control.act(&Action::Resume(server())).await.unwrap();

    let old = test.api::<Pod>().list(&Default::default()).await.unwrap();
    test.create::<ConfigMap>(json!({"metadata": {"name": "later"}}))
        .await;
    control.act(&Action::Stop(server())).await.unwrap();
    control.act(&Action::Compact).await.unwrap();
    assert!(
        get(&endpoints[0], 8080).await.starts_with("HTTP/1.1 200"),
        "Pods run on"
    );
    control.act(&Action::Start(server())).await.unwrap();
    assert_eq!(test.pods().await.len(), 2);
    let past = old.metadata.resource_version.unwrap();
    let watch = test.api::<Pod>().watch(&Default::default(), &past).await;
    let gone = match watch {
        Ok(watch) => format!("{:?}", Box::pin(watch).next().await),
        Err(error) => format!("{error:?}"),
    };
    assert!(gone.contains("410"), "{gone}");
}

/// A namespace of a test's own.
struct Test {
    client: Client,
    namespace: &'static str,
    _alone: MutexGuard<'static, ()>,
}

impl Test {
    async fn start(namespace: &'static str) -> Self {
        let alone = ALONE.lock().await;
        let client = Client::try_default().await.unwrap();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let named = object(json!({"metadata": {"name": namespace}}));
        namespaces
            .create(&PostParams::default(), &named)
            .await
            .unwrap();
        Self {
            client,
            namespace,
            _alone: alone,
        }
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), self.namespace)
    }

    async fn create<K>(&self, value: Value)
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + DeserializeOwned
            + serde::Serialize,
    {
        self.api::<K>()
            .create(&PostParams::default(), &object(value))
            .await
            .unwrap();
    }

    /// Two echo backends and their Service. The Secret comes last: Pods wait for it.
    async fn create_echo(&self) {
        self.create::<Deployment>(deployment()).await;
        self.create::<Service>(json!({
            "metadata": {"name": "echo"},
            "spec": {"selector": {"app": "echo"}, "ports": [{"port": 80, "targetPort": 8080}]},
        }))
        .await;
        self.create::<ConfigMap>(
            json!({"metadata": {"name": "settings"}, "data": {"color": "blue"}}),
        )
        .await;
        self.create::<Secret>(json!({"metadata": {"name": "keys"}, "stringData": {"key": "one"}}))
            .await;
    }

    async fn pods(&self) -> Vec<Pod> {
        self.api::<Pod>()
            .list(&Default::default())
            .await
            .unwrap()
            .items
    }

    /// The addresses of ready endpoints, when there are so many.
    async fn endpoints(&self, number: usize) -> Vec<String> {
        self.until(|slices: &[Arc<EndpointSlice>]| {
            let endpoints = slices
                .iter()
                .flat_map(|slice| slice.endpoints.iter().flatten());
            let ready = endpoints.filter(|endpoint| {
                endpoint
                    .conditions
                    .as_ref()
                    .is_some_and(|it| it.ready == Some(true))
            });
            let addresses: Vec<_> = ready
                .flat_map(|endpoint| endpoint.addresses.clone())
                .collect();
            (addresses.len() == number).then_some(addresses)
        })
        .await
    }

    /// Watches objects until all of them together are as they should be.
    async fn until<K, T>(&self, seen: impl Fn(&[Arc<K>]) -> Option<T>) -> T
    where
        K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let (store, writer) = reflector::store();
        let events = watcher(self.api::<K>(), watcher::Config::default()).default_backoff();
        let mut events = Box::pin(reflector(writer, events));
        let found = async {
            loop {
                events.next().await;
                let found = seen(&store.state());
                // Until a list is complete, the store has what it had before.
                if let Some(found) =
                    found.filter(|_| store.wait_until_ready().now_or_never().is_some())
                {
                    return found;
                }
            }
        };
        let late = |_| panic!("not within {PATIENCE:?}: {:#?}", store.state());
        timeout(PATIENCE, found).await.unwrap_or_else(late)
    }

    /// The file system of a Pod's container, as seen from outside. Links to absolute paths lead out
    /// of it.
    fn root(&self, pod: &Pod) -> PathBuf {
        let name = pod.metadata.name.as_deref().unwrap();
        let process = Folder::from_env().process(&format!("pod/{}/{name}/echo", self.namespace));
        format!("/proc/{}/root", process.unwrap()).into()
    }
}

fn deployment() -> Value {
    json!({
        "metadata": {"name": "echo"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "echo"}},
            "template": {"metadata": {"labels": {"app": "echo"}}, "spec": {
                "containers": [{
                    "name": "echo",
                    "image": "portreeve-echo",
                    "ports": [{"containerPort": 8080}],
                    "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
                    "volumeMounts": [
                        {"name": "keys", "mountPath": "/etc/keys", "readOnly": true},
                        {"name": "settings", "mountPath": "/settings"},
                        {"name": "scratch", "mountPath": "/var/cache/scratch"},
                    ],
                }],
                "volumes": [
                    {"name": "keys", "secret": {"secretName": "keys"}},
                    {"name": "settings", "configMap": {"name": "settings"}},
                    {"name": "scratch", "emptyDir": {"medium": "Memory"}},
                ],
            }},
        },
    })
}

fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// Whom the API server takes the bearer of a token for.
async fn user(token: &str) -> String {
    let mut config = Config::infer().await.unwrap();
    config.auth_info = AuthInfo {
        token: Some(token.to_owned().into()),
        ..AuthInfo::default()
    };
    let reviews: Api<SelfSubjectReview> = Api::all(Client::try_from(config).unwrap());
    let review = reviews
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await
        .unwrap();
    review
        .status
        .and_then(|status| status.user_info?.username)
        .unwrap()
}

async fn get(address: &str, port: u16) -> String {
    let mut stream = TcpStream::connect((address, port)).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
