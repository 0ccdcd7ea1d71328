//! A cluster's folder: its certificates, data, logs, sockets, and the list of its processes.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::{env, process};

use crate::namespace::HOST;
use crate::{ClusterError, pki};

/// The variable that tells a command of `run` and `exec` where the cluster is.
pub(crate) const VARIABLE: &str = "PORTREEVE_CLUSTER";

/// The folder of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder of a cluster that may exist already.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self(std::path::absolute(&path).unwrap_or(path))
    }

    /// The folder that `PORTREEVE_CLUSTER` names, which is set within `run` and `exec`; else the
    /// one place where `up` keeps its cluster.
    pub fn from_env() -> Self {
        let named = |name| {
            env::var_os(name)
                .filter(|it| !it.is_empty())
                .map(PathBuf::from)
        };
        let home = || named("HOME").map(|home| home.join(".cache"));
        let usual = || {
            let cache = named("XDG_CACHE_HOME")
                .or_else(home)
                .unwrap_or_else(env::temp_dir);
            cache.join("portreeve/cluster")
        };
        Self::new(named(VARIABLE).unwrap_or_else(usual))
    }

    /// A new folder for a cluster that nobody else knows of.
    pub fn temporary() -> Result<Self, ClusterError> {
        for number in 0..1000 {
            let path = env::temp_dir().join(format!("portreeve-{}-{number}", process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => {
                    return made
                        .map_err(ClusterError::file(&path))
                        .map(|()| Self::new(path));
                }
            }
        }
        let full = io::Error::from(ErrorKind::AlreadyExists);
        Err(ClusterError::file(env::temp_dir())(full))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// How to reach the API server from within the cluster's namespace.
    pub fn kubeconfig(&self) -> PathBuf {
        self.0.join("kubeconfig")
    }

    /// How to reach the API server through the forward of `up`.
    pub fn outside_kubeconfig(&self) -> PathBuf {
        self.0.join("outside.kubeconfig")
    }

    /// Writes the kubeconfig for the API server behind a forward: the inner one with its address.
    pub fn write_outside_kubeconfig(
        &self,
        forward: Option<SocketAddr>,
    ) -> Result<(), ClusterError> {
        let (inner, outer) = (self.kubeconfig(), self.outside_kubeconfig());
        let text = fs::read_to_string(&inner).map_err(ClusterError::file(inner))?;
        let forward = forward
            .map(|address| address.to_string())
            .unwrap_or_default();
        pki::private(&outer, &text.replace(&format!("{HOST}:6443"), &forward))
    }

    /// The processes that run, a name and a process id in each line.
    pub fn pids(&self) -> PathBuf {
        self.0.join("pids")
    }

    /// The log of a component, or of a container as `NAMESPACE_POD_CONTAINER`.
    pub fn log(&self, name: &str) -> PathBuf {
        self.0.join("log").join(format!("{name}.log"))
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.0.join("log")
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.0.join("pki")
    }

    /// Where the kubelet keeps what Pods mount, in memory and within the namespace.
    pub(crate) fn pods(&self) -> PathBuf {
        self.0.join("pods")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("etcd")
    }

    pub(crate) fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// Makes an empty folder for a cluster, and refuses one that is in use.
    pub(crate) fn prepare(&self) -> Result<(), ClusterError> {
        if self.process("cluster").is_some_and(is_alive) {
            return Err(ClusterError::Running(self.0.clone()));
        }
        self.clear()?;
        for folder in [self.logs(), self.pki(), self.data(), self.pods()] {
            let made = DirBuilder::new()
                .mode(0o700)
                .recursive(true)
                .create(&folder);
            made.map_err(ClusterError::file(folder))?;
        }
        Ok(())
    }

    /// Removes what an earlier cluster left here, and nothing else that may be in the folder.
    fn clear(&self) -> Result<(), ClusterError> {
        for folder in [self.logs(), self.pki(), self.data(), self.pods()] {
            absent(fs::remove_dir_all(&folder), &folder)?;
        }
        for file in [self.kubeconfig(), self.pids(), self.control_socket()] {
            absent(fs::remove_file(&file), &file)?;
        }
        Ok(())
    }

    /// Removes the cluster's data and whatever only a running cluster has; the logs stay.
    pub(crate) fn put_away(&self) {
        // What cannot be removed is removed by the next cluster here, which says so if it cannot.
        let _ = fs::remove_dir_all(self.data());
        for file in [self.pids(), self.control_socket()] {
            let _ = fs::remove_file(file);
        }
    }

    /// The process id of a component, or of a container as `pod/NAMESPACE/POD/CONTAINER`.
    pub fn process(&self, name: &str) -> Option<u32> {
        let pids = fs::read_to_string(self.pids()).ok()?;
        let mut lines = pids.lines().filter_map(|line| line.split_once(' '));
        let (_, pid) = lines.find(|(named, _)| *named == name)?;
        pid.parse().ok()
    }
}

fn absent(removed: io::Result<()>, path: &Path) -> Result<(), ClusterError> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(ClusterError::file(path)(error)),
        _ => Ok(()),
    }
}

fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// The user who runs this, by number.
pub(crate) fn user() -> u32 {
    fs::metadata("/proc/self").map_or(0, |it| it.uid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_whole_name() {
        let folder = Folder::temporary().unwrap();
        fs::write(folder.pids(), "cluster 1\npod/a/b/c 22\npod/a/b 3\n").unwrap();
        assert_eq!(folder.process("pod/a/b"), Some(3));
        assert_eq!(folder.process("pod/a/b/c"), Some(22));
        assert_eq!(folder.process("pod"), None);
        fs::remove_dir_all(folder.path()).unwrap();
    }

    #[test]
    fn a_folder_in_use_is_refused_and_a_left_one_is_not() {
        let folder = Folder::temporary().unwrap();
        fs::write(folder.pids(), format!("cluster {}\n", process::id())).unwrap();
        let error = folder.prepare().unwrap_err();
        assert!(matches!(error, ClusterError::Running(_)), "{error}");
        // No process has this number: it is above the greatest that Linux gives.
        fs::write(folder.pids(), "cluster 4194305\n").unwrap();
        folder.prepare().unwrap();
        assert!(folder.logs().is_dir() && !folder.pids().exists());
        fs::remove_dir_all(folder.path()).unwrap();
    }
}
