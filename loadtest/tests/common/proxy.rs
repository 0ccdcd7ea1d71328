//! The real proxy as a process, on free ports, ready before it is used.

use std::env;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use super::process::Process;

/// How long it may take to read its manifests.
const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy that serves a directory of manifests.
pub(crate) struct Proxy {
    process: Process,
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Proxy {
    /// Starts it on `manifests` and waits until it is ready.
    pub(crate) fn start(manifests: &Path) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        Self::start_with(manifests, [any; 2], &[])
    }

    /// The same listening there for HTTP and HTTPS, with more flags.
    pub(crate) fn start_with(
        manifests: &Path,
        [http, https]: [SocketAddr; 2],
        flags: &[String],
    ) -> Self {
        let mut command = Command::new(binary());
        command.arg("--manifests").arg(manifests).args(flags);
        command.args(["--http", &http.to_string(), "--https", &https.to_string()]);
        command.args(["--admin", "127.0.0.1:0"]);
        command.args([
            "--access-log",
            "off",
            "--drain-delay",
            "0",
            "--drain-timeout",
            "5",
        ]);
        let mut process = Process::start(&mut command);
        let [http, https, admin] = listeners(&mut process, ["http", "https", "admin"]);
        until_ready(admin);
        Self {
            process,
            http,
            https,
            admin,
        }
    }

    /// The next line that it writes with `text` in it.
    pub(crate) fn line(&mut self, text: &str) -> String {
        self.process.line(text)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn terminate(self) -> ExitStatus {
        self.process.terminate()
    }
}

/// The binary: what PORTREEVE_PROXY names, or the one beside the binary under test.
fn binary() -> PathBuf {
    if let Some(named) = env::var_os("PORTREEVE_PROXY") {
        return named.into();
    }
    let beside =
        Path::new(env!("CARGO_BIN_EXE_portreeve-loadtest")).with_file_name("portreeve-proxy");
    assert!(
        beside.exists(),
        "build it first: cargo build -p portreeve-proxy, or set PORTREEVE_PROXY"
    );
    beside
}

/// Reads where it listens, in whatever order it says so.
fn listeners<const N: usize>(process: &mut Process, names: [&str; N]) -> [SocketAddr; N] {
    let mut addresses = [None; N];
    while addresses.iter().any(Option::is_none) {
        let line = process.line("listening ");
        let said = line.split_once("listening ").unwrap().1;
        let (name, address) = said.split_once(' ').unwrap();
        let place = names.iter().position(|wanted| *wanted == name).unwrap();
        addresses[place] = Some(address.parse().unwrap());
    }
    addresses.map(Option::unwrap)
}

/// Asks until the proxy has a configuration; each question waits for its answer.
fn until_ready(admin: SocketAddr) {
    let start = Instant::now();
    while !is_ready(admin) {
        assert!(
            start.elapsed() < PATIENCE,
            "the proxy is not ready after {PATIENCE:?}"
        );
    }
}

fn is_ready(admin: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(admin).unwrap();
    let request = "GET /readyz HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200 ")
}
