//! Where the programs of the control plane are.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::ClusterError;

/// The folders that may have the programs, the preferred one first.
///
/// `KUBEBUILDER_ASSETS` is the ecosystem's name for a folder with etcd, kube-apiserver and kubectl;
/// `PORTREEVE_CONTROL_PLANE` is where `loadtest/control-plane/build.sh` put what it built.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    folders: Vec<PathBuf>,
}

impl Assets {
    /// The folders that the environment names.
    pub fn from_env() -> Self {
        let named = ["KUBEBUILDER_ASSETS", "PORTREEVE_CONTROL_PLANE"].map(env::var_os);
        let folders = named.into_iter().flatten().filter(|name| !name.is_empty());
        Self {
            folders: folders.map(PathBuf::from).collect(),
        }
    }

    /// The program of this name.
    pub fn find(&self, name: &str) -> Result<PathBuf, ClusterError> {
        let mut candidates = self.folders.iter().map(|folder| folder.join(name));
        let found = candidates.find(|program| program.is_file());
        found.ok_or_else(|| ClusterError::Missing(name.into()))
    }

    /// A search path on which kubectl is the one of this cluster's version, and this program is.
    pub fn search_path(&self) -> OsString {
        let old = env::var_os("PATH").unwrap_or_default();
        let folders = self.programs().into_iter().chain(env::split_paths(&old));
        env::join_paths(folders).unwrap_or(old)
    }

    /// The folders of the programs that one uses with a cluster.
    pub fn programs(&self) -> Vec<PathBuf> {
        let own = env::current_exe().ok();
        let own = own.and_then(|program| program.parent().map(PathBuf::from));
        self.folders.iter().cloned().chain(own).collect()
    }
}
