//! The changes, one after the other, each seen to be in force before the next.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, block_in_place};

use crate::admin::Admin;
use crate::common::Backends;
use crate::common::proxy::Proxy;
use crate::load::{self, is_served_with};
use crate::manifests::{Certificate, Directory, ingress, service};
use crate::pod::Pod;

/// How long a change may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the used Ingress is annotated with, in turn.
const ANNOTATIONS: [&str; 8] = [
    "load-balance: ewma",
    "proxy-read-timeout: '45'",
    "affinity: cookie",
    "proxy-body-size: 2m",
    "upstream-hash-by: $request_uri",
    "proxy-connect-timeout: '7'",
    "load-balance: wlc",
    "proxy-next-upstream-tries: '2'",
];

/// Everything that is changed and everything that sees it.
pub(crate) struct World {
    pub(crate) proxy: Proxy,
    admin: Admin,
    directory: Directory,
    /// The endpoints of the used Service.
    pods: Vec<Pod>,
    /// Those that are endpoints no longer.
    leaving: JoinSet<()>,
    /// The endpoints of streams: what is open to them stays open when they are taken away.
    streams: Backends,
    annotated: usize,
    handshakes: u64,
}

impl World {
    pub(crate) async fn start() -> Self {
        let mut directory = Directory::new();
        let streams = [
            "--listen",
            "127.0.0.1:0=first",
            "--listen",
            "127.0.0.1:0=second",
        ];
        let streams = Backends::start(&streams, 2);
        let pods = vec![Pod::start().await, Pod::start().await];
        directory.replace("used.yaml", &used(0));
        directory.replace("web.yaml", &service("web", &addresses(&pods)));
        directory.replace(
            "rewritten.yaml",
            &ingress("rewritten", "rewritten.example", "/", "web", ""),
        );
        directory.mount(&ingress("mounted", "mounted.example", "/", "web", ""));
        let grpc = "portreeve.dev/backend-protocol: GRPC";
        let streaming = ingress("socket", "socket.example", "/", "streams", "")
            + &ingress("stream", "stream.example", "/", "streams", grpc);
        directory.replace("streaming.yaml", &streaming);
        directory.replace(
            "streams.yaml",
            &service("streams", &[streams.address("first")]),
        );
        directory.replace(
            "tls.yaml",
            &Certificate::new("used.example").manifest("used.example"),
        );
        let proxy = Proxy::start(&directory.root);
        Self {
            admin: Admin::connect(proxy.admin).await,
            proxy,
            directory,
            pods,
            leaving: JoinSet::new(),
            streams,
            annotated: 0,
            handshakes: 0,
        }
    }

    /// Makes a change and waits until it is in force; says how long that took, where it shows.
    pub(crate) async fn change(&mut self, number: usize) -> Option<Duration> {
        let before = self.admin.generation().await;
        match number % 16 {
            0 => self.annotate(),
            1 => self.add_endpoint().await,
            2 => self.add_route("beside", number),
            3 => return Some(self.rotate(before).await),
            4 => self.rewrite(number),
            5 => return Some(self.remove_endpoint(before).await),
            6 => self.add_route("beside", number),
            7 => return self.break_file(&format!("broken-{number}.yaml")),
            8 => {
                self.directory
                    .remove(&format!("broken-{}.yaml", number - 1));
                self.add_route("beside", number);
            }
            9 => self.swap(number),
            10 => return self.break_file("used.yaml"),
            11 => self.annotate(),
            12 => self.directory.replace("bad.yaml", &bad()),
            13 => self.directory.remove("beside.yaml"),
            14 => self.move_streams(number),
            _ => self.directory.remove("bad.yaml"),
        }
        Some(self.in_force(before, number % 16).await)
    }

    /// Waits until the configuration is a later one than `before`.
    async fn in_force(&mut self, before: u64, what: usize) -> Duration {
        let changed = Instant::now();
        while self.admin.generation().await == before {
            assert!(
                changed.elapsed() < PATIENCE,
                "change of kind {what} is not seen"
            );
        }
        changed.elapsed()
    }

    fn annotate(&mut self) {
        self.annotated += 1;
        self.directory.replace("used.yaml", &used(self.annotated));
    }

    fn add_route(&self, name: &str, number: usize) {
        let route = ingress(
            name,
            "used.example",
            &format!("/{name}/{number}"),
            "web",
            "",
        );
        self.directory.replace(&format!("{name}.yaml"), &route);
    }

    fn rewrite(&self, number: usize) {
        let timeout = format!("portreeve.dev/proxy-send-timeout: '{}'", 30 + number % 29);
        let text = ingress("rewritten", "rewritten.example", "/", "web", &timeout);
        self.directory.rewrite("rewritten.yaml", &text);
    }

    fn swap(&mut self, number: usize) {
        let timeout = format!("portreeve.dev/proxy-send-timeout: '{}'", 30 + number % 29);
        let text = ingress("mounted", "mounted.example", "/", "web", &timeout);
        self.directory.mount(&text);
    }

    async fn add_endpoint(&mut self) {
        self.pods.push(Pod::start().await);
        self.tell_endpoints();
    }

    /// First nobody is told of it any more, and then it may go, as Pods do.
    async fn remove_endpoint(&mut self, before: u64) -> Duration {
        let pod = self.pods.remove(0);
        self.tell_endpoints();
        let took = self.in_force(before, 5).await;
        self.leaving.spawn(pod.leave());
        took
    }

    fn tell_endpoints(&self) {
        let text = service("web", &addresses(&self.pods));
        self.directory.replace("web.yaml", &text);
    }

    fn move_streams(&self, number: usize) {
        let names = [
            ["first", "second"],
            ["second", "second"],
            ["second", "first"],
            ["first", "first"],
        ];
        let mut names = names[number / 16 % 4].to_vec();
        names.dedup();
        let addresses: Vec<_> = names
            .iter()
            .map(|name| self.streams.address(name))
            .collect();
        self.directory
            .replace("streams.yaml", &service("streams", &addresses));
    }

    /// A certificate is in force when it is what the next handshake shows.
    async fn rotate(&mut self, before: u64) -> Duration {
        let certificate = Certificate::new("used.example");
        let file: PathBuf = self.directory.root.with_extension("pem");
        std::fs::write(&file, &certificate.chain).unwrap();
        let is_served = is_served_with(&file, self.proxy.https, "used.example").await;
        assert!(!is_served, "a certificate that nobody has seen is served");
        self.directory
            .replace("tls.yaml", &certificate.manifest("used.example"));
        let took = self.in_force(before, 3).await;
        let is_served = is_served_with(&file, self.proxy.https, "used.example").await;
        assert!(
            is_served,
            "the certificate that was replaced is still served"
        );
        self.handshakes += 2;
        took
    }

    /// What cannot be read is said and changes nothing, so there is nothing to time.
    fn break_file(&mut self, name: &str) -> Option<Duration> {
        self.directory
            .replace(name, "kind: Ingress\nmetadata: {name: cut");
        block_in_place(|| self.proxy.line(&format!("{name}: ManifestUnreadable")));
        None
    }

    /// How many connections clients made beyond those that they have.
    pub(crate) async fn connections(&mut self) -> i64 {
        let accepted = "nginx_ingress_controller_nginx_process_connections_total";
        let accepted = self.admin.metric(accepted).await;
        accepted as i64 - (load::CONNECTIONS + 1 + self.handshakes) as i64
    }

    /// Waits until everyone who was taken out of the slice could leave.
    pub(crate) async fn left(&mut self) {
        while let Some(left) = self.leaving.join_next().await {
            left.unwrap();
        }
    }
}

/// The Ingress that most clients use.
fn used(turn: usize) -> String {
    let annotation = ANNOTATIONS[turn % ANNOTATIONS.len()];
    let annotation = format!("portreeve.dev/ssl-redirect: 'false', portreeve.dev/{annotation}");
    ingress("used", "used.example", "/", "web", &annotation)
}

/// An Ingress with everything wrong: it must cost nobody a request but those it asks for itself.
fn bad() -> String {
    let annotation =
        "portreeve.dev/whitelist-source-range: nonsense, portreeve.dev/affinty: cookie";
    ingress("bad", "used.example", "/bad", "nowhere", annotation)
        + &ingress("worse", "not a host", "/", "web", "")
}

fn addresses(pods: &[Pod]) -> Vec<SocketAddr> {
    pods.iter().map(|pod| pod.address).collect()
}
