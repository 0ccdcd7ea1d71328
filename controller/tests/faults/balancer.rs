//! A load balancer: it forwards connections to whichever proxies said they were ready when they
//! were last asked, and knows nothing else of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::http::says_yes;
use crate::place::Place;
use crate::proxy::Proxy;

/// How often proxies are asked.
const ASK: Duration = Duration::from_millis(100);

/// A proxy, as the load balancer sees it.
struct Target {
    http: SocketAddr,
    admin: SocketAddr,
    ready: AtomicBool,
}

#[derive(Default)]
struct State {
    targets: Vec<Target>,
    next: AtomicU64,
    /// What went wrong at proxies that had said they were ready.
    broken: Mutex<Vec<String>>,
}

pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _running: JoinSet<()>,
}

impl Balancer {
    pub(crate) async fn start(place: &Place, proxies: &[Proxy]) -> Self {
        let target = |proxy: &Proxy| Target {
            http: proxy.http,
            admin: proxy.admin,
            ready: AtomicBool::new(true),
        };
        let state = Arc::new(State {
            targets: proxies.iter().map(target).collect(),
            ..State::default()
        });
        let address = place.address(150, 80);
        let listener = TcpListener::bind(address).await.unwrap();
        let mut running = JoinSet::new();
        running.spawn(accept(listener, Arc::clone(&state)));
        for at in 0..proxies.len() {
            running.spawn(ask(Arc::clone(&state), at));
        }
        Self {
            address,
            state,
            _running: running,
        }
    }

    /// Whether it forwards to a proxy, by the proxy's place in the list.
    pub(crate) fn forwards_to(&self, at: usize) -> bool {
        self.state.targets[at].ready.load(Ordering::Relaxed)
    }

    /// What went wrong at proxies that had said they were ready.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.state.broken.lock().unwrap().clone()
    }
}

async fn ask(state: Arc<State>, at: usize) {
    let target = &state.targets[at];
    loop {
        let ready = says_yes(target.admin, "/readyz").await;
        target.ready.store(ready, Ordering::Relaxed);
        sleep(ASK).await;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        connections.spawn(forward(client, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn forward(mut client: TcpStream, state: Arc<State>) {
    client.set_nodelay(true).unwrap();
    // Whoever refuses is passed over, as load balancers do, but not without a word.
    for _ in 0..state.targets.len() {
        let Some(target) = state.choose() else {
            break;
        };
        match TcpStream::connect(target.http).await {
            Ok(mut proxy) => {
                proxy.set_nodelay(true).unwrap();
                let _either_may_end_it = copy_bidirectional(&mut client, &mut proxy).await;
                return;
            }
            Err(error) => state.complain(format!("{}: {error}", target.http)),
        }
    }
    state.complain("nobody was ready".into());
}

impl State {
    /// The next one that is ready.
    fn choose(&self) -> Option<&Target> {
        let ready = |target: &&Target| target.ready.load(Ordering::Relaxed);
        let ready: Vec<_> = self.targets.iter().filter(ready).collect();
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let at = next.checked_rem(u64::try_from(ready.len()).unwrap())?;
        ready.get(usize::try_from(at).unwrap()).copied()
    }

    fn complain(&self, what: String) {
        self.broken.lock().unwrap().push(what);
    }
}
