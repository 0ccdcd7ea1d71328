//! The connection to the Kubernetes API.

use std::env;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use http::Uri;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// How long the API server may take to be connected to.
const CONNECT: Duration = Duration::from_secs(10);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The file that was named cannot be used.
    #[error("--kubeconfig: {0}")]
    File(#[from] kube::config::KubeconfigError),
    /// Nothing says where the API server is.
    #[error(
        "this is no Pod with a ServiceAccount, and no kubeconfig was found ({0}); give --kubeconfig"
    )]
    Nothing(kube::config::InferConfigError),
    /// The client cannot be made.
    #[error("the Kubernetes client cannot be made: {0}")]
    Client(#[from] kube::Error),
}

/// The API server, as it is reached.
#[derive(Clone)]
pub struct Reached {
    /// A client, which gives up connecting after ten seconds.
    pub client: Client,
    /// Where it is, as far as its addresses are known.
    pub api_servers: Vec<SocketAddr>,
}

/// A client by the named file, else the Pod's ServiceAccount, else by kubectl's own rules.
///
/// # Errors
/// When none of them says where the API server is.
pub async fn client(kubeconfig: Option<&Path>) -> Result<Reached, ClientError> {
    let mut config = match kubeconfig {
        Some(file) => {
            let read = Kubeconfig::read_from(file)?;
            Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?
        }
        None => match Config::incluster() {
            Ok(config) => config,
            Err(_) => Config::infer().await.map_err(ClientError::Nothing)?,
        },
    };
    config.connect_timeout = Some(CONNECT);
    let api_server = address(&config.cluster_url);
    let in_cluster = address_from_env();
    Ok(Reached {
        client: Client::try_from(config)?,
        api_servers: api_server.into_iter().chain(in_cluster).collect(),
    })
}

/// The API server's address where its URL has one rather than a name.
fn address(url: &Uri) -> Option<SocketAddr> {
    let host = url.host()?.trim_matches(['[', ']']);
    let ip: IpAddr = host.parse().ok()?;
    let port = url.port_u16().unwrap_or(443);
    Some((ip, port).into())
}

/// What every Pod is told of it, however it talks to it.
fn address_from_env() -> Option<SocketAddr> {
    let ip: IpAddr = env::var("KUBERNETES_SERVICE_HOST").ok()?.parse().ok()?;
    let port = env::var("KUBERNETES_SERVICE_PORT").ok()?.parse().ok()?;
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_server_has_an_address_where_its_url_has() {
        let of = |url: &str| address(&url.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(
            of("https://10.0.0.1:6443").as_deref(),
            Some("10.0.0.1:6443")
        );
        assert_eq!(of("https://[fd00::1]/").as_deref(), Some("[fd00::1]:443"));
        assert_eq!(of("https://kubernetes.default.svc/"), None);
    }
}
