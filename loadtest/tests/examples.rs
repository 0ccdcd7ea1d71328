//! Every example does what its README says: the commands are run as they stand, against the real
//! proxy and the example's own backends, and must print what is shown.
//!
//! These tests need the proxy's binary, curl, openssl, grpcurl and pebble, so `cargo test` leaves them
//! out; `make test` provides for them and runs them.

// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use common::Backends;
use common::console::{agrees, shown};
use common::process::Process;
use common::proxy::Proxy;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn every_example_has_a_test_here() {
    let here = fs::read_to_string(repository().join("loadtest/tests/examples.rs")).unwrap();
    for entry in fs::read_dir(repository().join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            here.contains(&format!("fn {name}()")),
            "examples/{name} has no test"
        );
    }
}

#[test]
#[ignore = "needs the proxy's binary: make test"]
fn quickstart() {
    let example = Example::start("quickstart");
    example.follow("examples/quickstart/README.md");
    example.follow("README.md");
    example.stop();
}

#[test]
#[ignore = "needs the proxy's binary: make test"]
fn balancing() {
    follow("balancing");
}

#[test]
#[ignore = "needs the proxy's binary and grpcurl: make test"]
fn grpc() {
    follow("grpc");
}

#[test]
#[ignore = "needs the proxy's binary: make test"]
fn websocket() {
    follow("websocket");
}

#[test]
#[ignore = "needs the proxy's binary: make test"]
fn tls() {
    follow("tls");
}

#[test]
#[ignore = "needs the proxy's binary and pebble: make test"]
fn acme() {
    let root = root("acme");
    let ca = Ca::start(&root);
    let example = Example::start_with("acme", ca.listeners, &ca.flags);
    let instead = [
        ("127.0.0.1:14001", ca.management.to_string()),
        ("127.0.0.1:10254", example.proxy.admin.to_string()),
    ];
    example.follow_with("examples/acme/README.md", &instead);
    example.stop();
    assert!(ca.process.terminate().success());
}

fn follow(name: &str) {
    let example = Example::start(name);
    example.follow(&format!("examples/{name}/README.md"));
    example.stop();
}

/// Where the copy of an example is.
fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The CA of `examples/acme`, on ports of its own.
struct Ca {
    process: Process,
    management: SocketAddr,
    /// Where it asks the proxy: for HTTP, and for HTTPS.
    listeners: [SocketAddr; 2],
    /// The flags by which the proxy finds it.
    flags: Vec<String>,
}

impl Ca {
    fn start(root: &Path) -> Self {
        let [listen, management, dns, dns_management, http, https] = free();
        let folder = repository().join("examples/acme");
        let state = root.join("state");
        let mut command = Command::new(folder.join("ca.sh"));
        command
            .arg(&state)
            .env("CA_LISTEN", listen.to_string())
            .env("CA_MANAGEMENT", management.to_string())
            .env("CA_DNS", dns.to_string())
            .env("CA_DNS_MANAGEMENT", dns_management.to_string())
            .env("CA_HTTP_PORT", http.port().to_string())
            .env("CA_TLS_PORT", https.port().to_string());
        let mut process = Process::start(&mut command);
        process.line("listening ca ");
        let flags = fs::read_to_string(folder.join("flags")).unwrap();
        let flags = flags
            .replace("STATE", state.to_str().unwrap())
            .replace("127.0.0.1:14000", &listen.to_string());
        Self {
            process,
            management,
            listeners: [http, https],
            flags: flags.split_whitespace().map(Into::into).collect(),
        }
    }
}

/// Addresses of this machine that nobody has now, and that nobody is given who takes any: the kernel
/// gives those from 32768 on.
fn free<const N: usize>() -> [SocketAddr; N] {
    let mut ports = 20_000..32_000;
    let listeners = [(); N].map(|()| {
        let mut free = ports.by_ref().filter_map(|port| {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            TcpListener::bind(address).ok()
        });
        free.next().unwrap()
    });
    listeners.map(|listener| listener.local_addr().unwrap())
}

/// An example that runs, on ports of its own, in a copy of its part of the repository.
struct Example {
    root: PathBuf,
    backends: Backends,
    proxy: Proxy,
}

impl Example {
    fn start(name: &str) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        Self::start_with(name, [any; 2], &[])
    }

    /// The same with a proxy that listens there for HTTP and HTTPS, and has more flags.
    fn start_with(name: &str, listeners: [SocketAddr; 2], flags: &[String]) -> Self {
        let root = root(name);
        let _from_an_earlier_run = fs::remove_dir_all(root.join("examples"));
        let folder = root.join("examples").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(root.join("target")).unwrap();
        // On a terminal curl shows no progress by itself.
        fs::write(root.join(".curlrc"), "silent\nshow-error\n").unwrap();
        let source = repository().join("examples").join(name);
        for entry in fs::read_dir(&source).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        let backends = start_backends(&folder);
        let proxy = Proxy::start_with(&folder, listeners, flags);
        Self {
            root,
            backends,
            proxy,
        }
    }

    /// Runs the commands of a README and compares what they print.
    fn follow(&self, readme: &str) {
        self.follow_with(readme, &[]);
    }

    /// The same with other texts `instead` of some in commands.
    fn follow_with(&self, readme: &str, instead: &[(&str, String)]) {
        let markdown = fs::read_to_string(repository().join(readme)).unwrap();
        let mut followed = 0;
        // What is shown of a cluster is another world: `controller/tests/deployed` looks after it.
        let (here, _) = markdown
            .split_once("\n## In a cluster\n")
            .unwrap_or((&markdown, ""));
        for shown in shown(here)
            .iter()
            .filter(|shown| !shown.command.starts_with("make "))
        {
            let command = instead.iter().fold(shown.command.clone(), |command, it| {
                command.replace(it.0, &it.1)
            });
            let printed = self.run(&command);
            let lines: Vec<_> = printed.lines().collect();
            let (command, expected) = (&shown.command, shown.output.join("\n"));
            let right = agrees(&shown.output, &lines);
            assert!(
                right,
                "{readme} says\n$ {command}\n{expected}\nbut it prints\n{printed}"
            );
            followed += 1;
        }
        assert!(followed > 0, "{readme} shows no command");
    }

    /// Runs a command of a README with this example's own ports and programs.
    fn run(&self, command: &str) -> String {
        let tester = env!("CARGO_BIN_EXE_portreeve-loadtest");
        let command = command
            .replace("127.0.0.1:8080", &self.proxy.http.to_string())
            .replace("127.0.0.1:8443", &self.proxy.https.to_string())
            .replace(
                "${CARGO_TARGET_DIR:-target}/debug/portreeve-loadtest",
                tester,
            );
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &command])
            .current_dir(&self.root)
            .env("PATH", path())
            .env("CARGO_TARGET_DIR", self.root.join("target"))
            .env("CURL_HOME", &self.root);
        // Its errors go to the test's own, where a failure shows them.
        let output = shell.stderr(Stdio::inherit()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn stop(self) {
        assert!(self.proxy.terminate().success());
        assert!(self.backends.process.terminate().success());
    }
}

/// Where the commands are looked for: the test tools first.
fn path() -> std::ffi::OsString {
    let system = env::var_os("PATH").unwrap_or_default();
    let tools = env::var_os("PORTREEVE_TOOLS").map(PathBuf::from);
    env::join_paths(tools.into_iter().chain(env::split_paths(&system))).unwrap()
}

/// Starts the backends on free ports and writes those into the manifests.
fn start_backends(folder: &Path) -> Backends {
    let file = folder.join("backends");
    let lines = fs::read_to_string(&file).unwrap();
    let written: Vec<_> = lines.lines().filter_map(backend).collect();
    let mut free = lines.clone();
    for (port, _) in &written {
        free = free.replace(&format!("127.0.0.1:{port}="), "127.0.0.1:0=");
    }
    fs::write(&file, free).unwrap();
    let names: BTreeSet<_> = written.iter().map(|(_, name)| name).collect();
    assert_eq!(names.len(), written.len(), "two backends have one name");
    let backends = Backends::start(&["--backends", file.to_str().unwrap()], written.len());
    for entry in fs::read_dir(folder).unwrap() {
        let manifest = entry.unwrap().path();
        if manifest
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let mut text = fs::read_to_string(&manifest).unwrap();
            for (port, name) in &written {
                let taken = backends.address(name).port();
                text = text.replace(&format!("port: {port}\n"), &format!("port: {taken}\n"));
            }
            fs::write(manifest, text).unwrap();
        }
    }
    backends
}

/// The port and the name of a line such as `127.0.0.1:9001=shop tls`.
fn backend(line: &str) -> Option<(&str, &str)> {
    let (port, rest) = line.strip_prefix("127.0.0.1:")?.split_once('=')?;
    Some((port, rest.split_whitespace().next()?))
}
