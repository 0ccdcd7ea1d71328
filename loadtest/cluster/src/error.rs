//! Why a cluster cannot be had, each with what to do about it.

use std::io;
use std::path::PathBuf;

/// Why a cluster cannot start, be reached or be told something.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A program of the control plane is nowhere.
    #[error(
        "{0} is not found; loadtest/steps/cluster.sh builds it, or set KUBEBUILDER_ASSETS to a folder that has it"
    )]
    Missing(String),
    /// A program of the system is not there, or may not be started.
    #[error(
        "cannot run {program}: {source}; `loadtest/steps/setup.sh cluster` installs what is needed"
    )]
    Program {
        /// Its name.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program of the system failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// Its name.
        program: String,
        /// What it said.
        said: String,
    },
    /// A file of the cluster cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder has a cluster.
    #[error("{0} has a running cluster; stop it, or choose another folder with --dir")]
    Running(PathBuf),
    /// The folder has no cluster.
    #[error("no cluster runs in {0}; `portreeve-cluster up --dir DIR` starts one")]
    NotRunning(PathBuf),
    /// A component ended while it was waited for.
    #[error("{name} ended; the end of {log}:\n{last}")]
    Ended {
        /// Its name.
        name: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        last: String,
    },
    /// A component did not become ready.
    #[error("{what} was not ready within {seconds} s; see the logs in {logs}")]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        seconds: u64,
        /// Where the logs are.
        logs: PathBuf,
    },
    /// There is no component of this name.
    #[error("there is no {name}; there are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A component is not in the state that the request needs.
    #[error("{0}")]
    State(String),
    /// The cluster refused a request.
    #[error("the cluster said: {0}")]
    Refused(String),
    /// A certificate cannot be made.
    #[error("cannot make the cluster's certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The API server refused something, or cannot be reached.
    #[error("the API server: {0}")]
    Api(#[from] kube::Error),
    /// The kubeconfig cannot be used.
    #[error("the cluster's kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
}

impl ClusterError {
    /// An error about a file, ready for `map_err`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// An error about starting a program, ready for `map_err`.
    pub(crate) fn program(program: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let program = program.into();
        move |source| Self::Program { program, source }
    }
}
