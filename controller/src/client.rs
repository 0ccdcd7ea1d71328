//! The connection to the Kubernetes API.

use std::path::Path;
use std::time::Duration;

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

/// A client by the named file, else the Pod's ServiceAccount, else by kubectl's own rules.
///
/// # Errors
/// When none of them says where the API server is.
pub(crate) async fn client(kubeconfig: Option<&Path>) -> Result<Client, ClientError> {
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
    Ok(Client::try_from(config)?)
}
