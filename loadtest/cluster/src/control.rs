//! What a running cluster can be told from anywhere: a line over a Unix socket, a line back.

use std::fmt;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::{ClusterError, Folder};

/// What can be done to a component. A container can be stopped, paused and resumed as
/// `pod/NAMESPACE/POD/CONTAINER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// End it as a crash would, and return when it is gone. A container is then started again.
    Stop(String),
    /// Start it again as it was, with the same data, and return when it is ready.
    Start(String),
    /// Stop its clock: it keeps its connections and answers nothing.
    Pause(String),
    /// Let it go on.
    Resume(String),
    /// Make etcd forget everything but the present.
    Compact,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stop(name) => write!(f, "stop {name}"),
            Self::Start(name) => write!(f, "start {name}"),
            Self::Pause(name) => write!(f, "pause {name}"),
            Self::Resume(name) => write!(f, "resume {name}"),
            Self::Compact => f.write_str("compact"),
        }
    }
}

impl Action {
    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let (verb, name) = line.split_once(' ').unwrap_or((line, ""));
        let name = name.to_owned();
        Some(match verb {
            "stop" => Self::Stop(name),
            "start" => Self::Start(name),
            "pause" => Self::Pause(name),
            "resume" => Self::Resume(name),
            "compact" => Self::Compact,
            _ => return None,
        })
    }
}

/// The way to tell a running cluster something, from within its namespace or from outside.
#[derive(Clone, Debug)]
pub struct Control {
    folder: Folder,
}

impl Control {
    /// The control of the cluster in this folder.
    pub fn new(folder: Folder) -> Self {
        Self { folder }
    }

    /// The control of the cluster that this process was started in by `run` or `exec`.
    pub fn from_env() -> Self {
        Self::new(Folder::from_env())
    }

    /// Does `action` and returns when it is done.
    pub async fn act(&self, action: &Action) -> Result<(), ClusterError> {
        self.ask(&action.to_string()).await.map(|_| ())
    }

    /// Sends a line; the stream is what follows the cluster's consent.
    pub(crate) async fn ask(&self, line: &str) -> Result<BufReader<UnixStream>, ClusterError> {
        let socket = self.folder.control_socket();
        let absent = |_| ClusterError::NotRunning(self.folder.path().into());
        let mut stream = UnixStream::connect(&socket).await.map_err(absent)?;
        let sent = stream.write_all(format!("{line}\n").as_bytes()).await;
        sent.map_err(ClusterError::file(&socket))?;
        let mut stream = BufReader::new(stream);
        let mut answer = String::new();
        let read = stream.read_line(&mut answer).await;
        read.map_err(ClusterError::file(&socket))?;
        match answer.trim_end() {
            "ok" => Ok(stream),
            "" => Err(ClusterError::Refused("nothing; it is stopping".into())),
            refused => Err(ClusterError::Refused(refused.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_read_as_it_was_written() {
        let name = || "pod/a/b/c".to_owned();
        for action in [
            Action::Stop(name()),
            Action::Start(name()),
            Action::Pause(name()),
            Action::Resume(name()),
            Action::Compact,
        ] {
            assert_eq!(Action::read(&action.to_string()), Some(action));
        }
        assert_eq!(Action::read("explode etcd"), None);
    }
}
