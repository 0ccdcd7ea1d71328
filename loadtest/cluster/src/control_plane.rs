//! How etcd, the API server and the controller manager are started, and when they are ready.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use http::Request;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client, Config};

use crate::daemons::Daemons;
use crate::namespace::HOST;
use crate::pki::Pki;
use crate::{Assets, ClusterError, Folder, etcd};

pub(crate) const ETCD: &str = "etcd";
pub(crate) const API_SERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// How often the API server is asked whether it is ready.
const ASK: Duration = Duration::from_millis(25);

/// What a cluster of one node needs. Nothing here evicts Pods of a node that sends no heartbeats.
const CONTROLLERS: [&str; 15] = [
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "statefulset-controller",
];

/// Starts the three, and returns when Pods can be made.
pub(crate) async fn start(
    folder: &Folder,
    assets: &Assets,
    pki: &Pki,
    more: &[String],
    daemons: &Daemons,
) -> Result<Client, ClusterError> {
    daemons.start(ETCD, command(assets, ETCD, etcd(folder))?)?;
    let mut server = api_server(pki);
    server.extend(more.iter().map(OsString::from));
    daemons.start(API_SERVER, command(assets, API_SERVER, server)?)?;
    let client = client(folder).await?;
    ready(&client, daemons).await?;
    let manager = controller_manager(folder, pki);
    daemons.start(
        CONTROLLER_MANAGER,
        command(assets, CONTROLLER_MANAGER, manager)?,
    )?;
    daemons.wait(CONTROLLER_MANAGER, accounts(&client)).await?;
    Ok(client)
}

/// A client for the cluster in `folder`.
pub(crate) async fn client(folder: &Folder) -> Result<Client, ClusterError> {
    let kubeconfig = Kubeconfig::read_from(folder.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Waits until the API server says that it is ready.
pub(crate) async fn ready(client: &Client, daemons: &Daemons) -> Result<(), ClusterError> {
    daemons.wait(API_SERVER, says_ready(client)).await
}

/// Asks often: there is no event to wait for.
async fn says_ready(client: &Client) {
    let asked = || async {
        let request = Request::get("/readyz").body(Vec::new()).ok()?;
        client.request_text(request).await.ok()
    };
    while asked().await.is_none() {
        tokio::time::sleep(ASK).await;
    }
}

/// Waits for what the controller manager puts into every namespace, and every Pod there needs.
async fn accounts(client: &Client) {
    let account: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    appears(account, "default").await;
    let authority: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    appears(authority, "kube-root-ca.crt").await;
}

async fn appears<K>(api: Api<K>, name: &str)
where
    K: kube::Resource + Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + 'static,
{
    struct There;
    impl<K> Condition<K> for There {
        fn matches_object(&self, object: Option<&K>) -> bool {
            object.is_some()
        }
    }
    // A watch that failed is begun again: whether its controller lives is asked beside this.
    while await_condition(api.clone(), name, There).await.is_err() {}
}

fn command(
    assets: &Assets,
    name: &str,
    arguments: Vec<OsString>,
) -> Result<Vec<OsString>, ClusterError> {
    let program = assets.find(name)?.into_os_string();
    Ok([vec![program], arguments].concat())
}

fn etcd(folder: &Folder) -> Vec<OsString> {
    let client = format!("http://{}", etcd::ADDRESS);
    let peer = "http://127.0.0.1:2380";
    vec![
        flag("data-dir", folder.data()),
        // What it says is written but may not be on the disk yet: it lives as long as the machine.
        "--unsafe-no-fsync".into(),
        flag("log-level", "warn"),
        flag("listen-client-urls", &client),
        flag("advertise-client-urls", &client),
        flag("listen-peer-urls", peer),
        flag("initial-advertise-peer-urls", peer),
        flag("initial-cluster", format!("default={peer}")),
    ]
}

fn api_server(pki: &Pki) -> Vec<OsString> {
    vec![
        flag("etcd-servers", format!("http://{}", etcd::ADDRESS)),
        flag("bind-address", "0.0.0.0"),
        flag("secure-port", "6443"),
        flag("advertise-address", HOST),
        flag("endpoint-reconciler-type", "none"),
        flag("tls-cert-file", &pki.certificate),
        flag("tls-private-key-file", &pki.key),
        flag("token-auth-file", &pki.tokens),
        flag("authorization-mode", "RBAC"),
        flag("allow-privileged", "true"),
        flag("service-cluster-ip-range", "10.96.0.0/16,fd00:10:96::/112"),
        // Webhooks are called at their endpoints: nothing implements the addresses of Services.
        "--enable-aggregator-routing=true".into(),
        flag("service-account-issuer", "https://kubernetes.default.svc"),
        flag("service-account-key-file", &pki.accounts_public),
        flag("service-account-signing-key-file", &pki.accounts),
    ]
}

fn controller_manager(folder: &Folder, pki: &Pki) -> Vec<OsString> {
    vec![
        flag("kubeconfig", folder.kubeconfig()),
        flag("leader-elect", "false"),
        flag("controllers", CONTROLLERS.join(",")),
        // The default of 20 requests a second slows every rollout of more than a few Pods.
        flag("kube-api-qps", "500"),
        flag("kube-api-burst", "500"),
        flag("bind-address", "127.0.0.1"),
        flag("tls-cert-file", &pki.certificate),
        flag("tls-private-key-file", &pki.key),
        flag("root-ca-file", &pki.authority),
    ]
}

fn flag(name: &str, value: impl AsRef<Path>) -> OsString {
    let mut flag = OsString::from(format!("--{name}="));
    flag.push(value.as_ref());
    flag
}
