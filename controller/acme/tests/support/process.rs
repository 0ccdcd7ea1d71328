//! A program of a test: it ends with its test.

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long a program may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program of `loadtest/tools`.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it, and resolves when something listens at each of `listens`.
    pub(crate) async fn start(
        name: &str,
        set: impl FnOnce(&mut Command),
        listens: &[SocketAddr],
    ) -> Self {
        let folder = env::var_os("PORTREEVE_TOOLS");
        let folder = folder.unwrap_or_else(|| panic!("{name} is needed: make test builds it"));
        let mut command = Command::new(PathBuf::from(folder).join(name));
        set(&mut command);
        // Its output is for people: PEBBLE_LOG=1 shows it.
        if env::var_os("PEBBLE_LOG").is_none() {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        let mut process = Self(command.stdin(Stdio::null()).spawn().unwrap());
        for address in listens {
            process.listens(*address).await;
        }
        process
    }

    /// Nothing tells from outside when a program listens but that it does.
    async fn listens(&mut self, address: SocketAddr) {
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            assert!(
                self.0.try_wait().unwrap().is_none(),
                "it ended: PEBBLE_LOG=1 shows why"
            );
            assert!(begun.elapsed() < PATIENCE, "nothing listens at {address}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; waiting frees its id either way.
        let _ended = self.0.kill();
        let _status = self.0.wait();
    }
}

/// A port of this machine that nobody has now, given to nobody else here, nor by the kernel to who
/// takes any: those begin at 32768.
pub(crate) fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
