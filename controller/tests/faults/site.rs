//! Everything that serves a place: backends, controllers and proxies.

use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::controller::Controller;
use crate::load::Load;
use crate::place::Place;
use crate::process::Process;
use crate::proxy::Proxy;
use crate::support::backends;
use crate::wait::until;

/// Held alone by whoever does something to the API server, which all tests share.
static TURN: RwLock<()> = RwLock::const_new(());

/// How many requests a second are made. Cores are shared: more of them would find out no more.
const RATE: u32 = 500;

enum Turn {
    Alone {
        _guard: RwLockWriteGuard<'static, ()>,
    },
    Together {
        _guard: RwLockReadGuard<'static, ()>,
    },
}

pub(crate) struct Site {
    pub(crate) place: Place,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) proxies: Vec<Proxy>,
    _backends: Process,
    _turn: Turn,
}

impl Site {
    /// Two controllers and so many proxies, which serve the Ingress `web`.
    pub(crate) async fn start(name: &'static str, net: u8, proxies: u8) -> Self {
        Self::start_prepared(name, net, proxies, async |_| {}).await
    }

    /// The same, after something was done in the place.
    pub(crate) async fn start_prepared(
        name: &'static str,
        net: u8,
        proxies: u8,
        prepare: impl AsyncFnOnce(&Place),
    ) -> Self {
        let _guard = TURN.read().await;
        let place = Place::new(name, net).await;
        prepare(&place).await;
        Self::raise(Turn::Together { _guard }, place, proxies).await
    }

    /// The same for a test that nobody else may run beside.
    pub(crate) async fn start_alone(name: &'static str, net: u8, proxies: u8) -> Self {
        let _guard = TURN.write().await;
        let place = Place::new(name, net).await;
        Self::raise(Turn::Alone { _guard }, place, proxies).await
    }

    async fn raise(turn: Turn, place: Place, proxies: u8) -> Self {
        place.make_ingress("web").await;
        let site = Self {
            _backends: backends::start(&place),
            controllers: [1, 2].map(|n| Controller::start(&place, n)).into(),
            proxies: (1..=proxies).map(|n| Proxy::start(&place, n)).collect(),
            place,
            _turn: turn,
        };
        for controller in &site.controllers {
            controller.ready().await;
        }
        for proxy in &site.proxies {
            proxy.serves(&site.host()).await;
        }
        site
    }

    /// The host that is served from the beginning.
    pub(crate) fn host(&self) -> String {
        self.place.host("web")
    }

    /// The first proxy; most tests have no other.
    pub(crate) fn proxy(&self) -> &Proxy {
        &self.proxies[0]
    }

    /// Requests for that host at the first proxy.
    pub(crate) fn load(&self) -> Load {
        Load::start(self.proxy().http, &self.host(), RATE)
    }

    /// Takes a controller away, by its place in the list, as a crash would.
    pub(crate) async fn kill_controller(&mut self, at: usize) {
        self.controllers.remove(at).process.kill().await;
    }

    /// Who leads, as the Lease says; empty when nobody ever did.
    pub(crate) async fn holder(&self) -> String {
        let leases = self.place.api::<Lease>();
        let lease = leases.get_opt("ingress-controller-leader").await.unwrap();
        let spec = lease.and_then(|lease| lease.spec);
        spec.and_then(|spec| spec.holder_identity)
            .unwrap_or_default()
    }

    /// Who leads, by the place in the list.
    pub(crate) async fn leader(&self) -> usize {
        let mut found = None;
        until("somebody leads", async || {
            let holder = self.holder().await;
            let mut all = self.controllers.iter();
            found = all.position(|controller| holder.starts_with(&controller.name()));
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// Starts the controller of this number, whose predecessor was taken away from there.
    pub(crate) fn start_controller(&mut self, at: usize) {
        let number = u8::try_from(at + 1).unwrap();
        let controller = Controller::start(&self.place, number);
        self.controllers.insert(at, controller);
    }
}
