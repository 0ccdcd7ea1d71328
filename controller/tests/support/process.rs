//! A process of a test: its output is kept, it can be signalled, and it ends with the test.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a process may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Process {
    child: Child,
    pub(crate) id: u32,
}

impl Process {
    /// Starts one of our programs; what it writes is added to the file `log`.
    pub(crate) fn start(program: &str, arguments: &[String], log: &Path) -> Self {
        Self::run(&binary(program), arguments, log)
    }

    /// The same with any program.
    pub(crate) fn run(program: &Path, arguments: &[String], log: &Path) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(log);
        let log = log.unwrap();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build it first", program.display()));
        let id = child.id().unwrap();
        Self { child, id }
    }

    /// Sends a signal; std has no function for it.
    pub(crate) async fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.id.to_string()])
            .status();
        assert!(sent.await.unwrap().success(), "process {} is gone", self.id);
    }

    /// Ends it as a crash would.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.expect("it ends").unwrap()
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

/// Where the programs are that a measurement is made with; tests take those beside them.
pub(crate) const PROGRAMS: &str = "PORTREEVE_PROGRAMS";

/// Our programs are built side by side, above the tests.
pub(crate) fn binary(name: &str) -> PathBuf {
    let beside = || {
        let test = std::env::current_exe().unwrap();
        test.parent().unwrap().parent().unwrap().to_path_buf()
    };
    let folder = std::env::var_os(PROGRAMS).map(PathBuf::from);
    folder.unwrap_or_else(beside).join(name)
}
