//! The proxy's own process, serving a directory that the test owns.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::client::get;

/// How long anything may take that should happen at once.
pub const SOON: Duration = Duration::from_secs(20);

/// Waits until `what` holds, looking again as soon as the machine lets it.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "in vain waited for: {what}");
        std::thread::yield_now();
    }
}

/// A directory that is gone when the test is.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("portreeve-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Replaces a file in one step, as careful writers do.
    pub fn write(&self, name: &str, text: &str) {
        let hidden = self.0.join(format!(".{name}.new"));
        std::fs::write(&hidden, text).unwrap();
        std::fs::rename(hidden, self.0.join(name)).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A proxy that is about to be started.
pub struct Proxy {
    command: Command,
    dir: Dir,
}

/// A proxy that runs.
pub struct Started {
    child: Child,
    pub dir: Dir,
    listening: BTreeMap<String, SocketAddr>,
    said: Arc<Mutex<String>>,
    logged: Arc<Mutex<String>>,
}

impl Proxy {
    /// A proxy with one worker on free ports of the loopback address.
    pub fn new() -> Self {
        Self::started_by(Command::new(env!("CARGO_BIN_EXE_portreeve-proxy")))
    }

    /// One that may have so many files open.
    pub fn with_open_files(limit: usize) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\"")]);
        shell.arg(env!("CARGO_BIN_EXE_portreeve-proxy"));
        Self::started_by(shell)
    }

    /// One that may not listen on the first 1024 ports of a network where nobody is.
    pub fn without_privileges() -> Self {
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--map-root-user", "setpriv"]);
        unshare.arg("--bounding-set=-net_bind_service");
        unshare.arg(env!("CARGO_BIN_EXE_portreeve-proxy"));
        let mut proxy = Self::started_by(unshare);
        // Nothing else can be listened on: even the loopback address is not there.
        for listener in ["HTTP", "HTTPS", "ADMIN"] {
            proxy.command.env(format!("PORTREEVE_{listener}"), "none");
        }
        proxy
    }

    /// One that follows these controllers; its directory holds its identity.
    pub fn following(controllers: &[SocketAddr]) -> Self {
        let mut proxy = Self::new();
        let controllers: Vec<_> = controllers.iter().map(ToString::to_string).collect();
        proxy
            .command
            .env_remove("PORTREEVE_MANIFESTS")
            .env("PORTREEVE_CONTROLLER", controllers.join(","))
            .env("PORTREEVE_IDENTITY", proxy.dir.path());
        proxy
    }

    /// By the environment, so that a test can say otherwise with a flag.
    fn started_by(mut command: Command) -> Self {
        let dir = Dir::new();
        command.env("PORTREEVE_MANIFESTS", dir.path());
        for listener in ["HTTP", "HTTPS", "ADMIN"] {
            command.env(format!("PORTREEVE_{listener}"), "127.0.0.1:0");
        }
        command
            .env("PORTREEVE_WORKERS", "1")
            .env("PORTREEVE_DRAIN_DELAY", "0");
        Self { command, dir }
    }

    pub fn arg(mut self, flag: &str, value: &str) -> Self {
        self.command.args([flag, value]);
        self
    }

    /// Puts a file into the directory.
    pub fn manifest(self, text: impl AsRef<str>) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        self.dir.write(&format!("{number}.yaml"), text.as_ref());
        self
    }

    /// Puts a file of this name into the directory.
    pub fn file(self, name: &str, text: impl AsRef<str>) -> Self {
        self.dir.write(name, text.as_ref());
        self
    }

    /// Starts it and waits until it listens.
    pub fn listening(self) -> Started {
        let mut started = self.spawn();
        wait_until("all listeners", || started.read_addresses() == 3);
        started
    }

    /// Starts it and waits until it is ready.
    pub fn start(self) -> Started {
        let started = self.listening();
        wait_until("readiness", || {
            get(started.admin(), "admin", "/readyz").status == 200
        });
        started
    }

    /// Starts it and does not wait.
    pub fn spawn(mut self) -> Started {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let said = collect(child.stderr.take().unwrap());
        let logged = collect(child.stdout.take().unwrap());
        Started {
            child,
            dir: self.dir,
            listening: BTreeMap::new(),
            said,
            logged,
        }
    }
}

fn collect(stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&text);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut into = into.lock().unwrap();
            into.push_str(&line);
            into.push('\n');
        }
    });
    text
}

impl Started {
    fn read_addresses(&mut self) -> usize {
        for line in self.said().lines() {
            if let Some(rest) = line.strip_prefix("portreeve-proxy: listening ") {
                let (name, address) = rest.split_once(' ').unwrap();
                self.listening
                    .insert(name.to_string(), address.parse().unwrap());
            }
        }
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("the proxy ended with {status}: {}", self.said());
        }
        self.listening.len()
    }

    pub fn http(&self) -> SocketAddr {
        self.listening["http"]
    }

    pub fn https(&self) -> SocketAddr {
        self.listening["https"]
    }

    pub fn admin(&self) -> SocketAddr {
        self.listening["admin"]
    }

    /// What it has written to standard error.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// What it has written to standard output.
    pub fn logged(&self) -> String {
        self.logged.lock().unwrap().clone()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// How it ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Whether it says that it is ready.
    pub fn is_ready(&self) -> bool {
        let said = self.said();
        let admin = said.lines().find_map(|line| {
            let (_, address) = line.split_once("listening admin ")?;
            address.parse().ok()
        });
        admin.is_some_and(|admin| get(admin, "admin", "/readyz").status == 200)
    }

    /// Waits for it to end by itself.
    pub fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the end of the proxy", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// A metric's value, summed over the samples whose labels contain all of `labels`.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = get(self.admin(), "admin", "/metrics").text();
        let samples = text.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        });
        samples
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
            .sum()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
