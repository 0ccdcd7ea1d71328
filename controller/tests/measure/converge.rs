//! From a write to the API until the change is in traffic, and the room that it takes.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::backends;
use crate::clients::{Client, Clients};
use crate::controller::Controller;
use crate::crowd::{self, ENDPOINTS};
use crate::figures::Figures;
use crate::http::samples;
use crate::place::{BACKENDS, Place};
use crate::probe::Probe;
use crate::process::Process;
use crate::proxy::Proxy;
use crate::relay::Relay;
use crate::room::Room;
use crate::wait::{until, within};
use crate::{ALONE, is_measured};

/// How much of everything there is.
struct Scale {
    sizes: [usize; 2],
    services: usize,
    changes: u64,
    requests: u64,
}

impl Scale {
    /// `PORTREEVE_CHANGES` is for whoever has less time than a whole measurement takes.
    fn of_this_run() -> Self {
        let given = std::env::var("PORTREEVE_CHANGES").ok();
        let given = given.map(|changes| changes.parse().expect("a number of changes"));
        let (sizes, services, changes) = match is_measured() {
            true => ([1_000, 10_000], 1_000, given.unwrap_or(1_000)),
            false => ([50, 200], 20, 20),
        };
        Self {
            sizes,
            services,
            changes,
            requests: 100 * changes,
        }
    }
}

/// How long making and publishing thousands of objects may take, and writing their statuses.
const PATIENCE: Duration = Duration::from_secs(900);
/// How often one endpoint of fifty is changed, to see what is sent.
const DELTAS: usize = 10;

/// In milliseconds.
const ROUTES: u64 = 500;
const ENDPOINTS_LANE: u64 = 150;
const TRANSLATION: u64 = 300;
const COLD_START: u64 = 5_000;
/// In bytes, and in units of 1000 bytes.
const DELTA: u64 = 2_048;
const CONTROLLER: u64 = 300_000;
const PROXY: u64 = 150_000;

struct Stage {
    place: Place,
    controller: Controller,
    relay: Relay,
    proxy: Proxy,
    _backends: Process,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test, or make converge"]
async fn a_change_is_soon_in_traffic_and_takes_little_room() {
    let _alone = ALONE.lock().await;
    let (scale, mut figures) = (Scale::of_this_run(), Figures::default());
    let stage = Stage::raise().await;
    crowd::services(&stage.place, 0..scale.services).await;
    let mut made = 0;
    for size in scale.sizes {
        let started = Instant::now();
        crowd::ingresses(&stage.place, made..size, scale.services).await;
        made = size;
        stage.settled(size).await;
        println!("{size} Ingresses are there after {:?}", started.elapsed());
        let what = format!("{size} Ingresses");
        let clients = stage.clients();
        stage.change_routes(&scale, &what, &mut figures).await;
        stage.change_endpoints(&scale, &what, &mut figures).await;
        clients.stop(scale.requests, &what, &mut figures).await;
        stage.deltas(&what, &mut figures).await;
        stage.room(&what, &mut figures);
    }
    stage.cold_start(&mut figures).await;
    figures.hold();
}

impl Stage {
    async fn raise() -> Self {
        let place = Place::new("measure", 100).await;
        for (service, backend) in [("left", "one"), ("right", "two")] {
            place.make_service_named(service).await;
            place.lead_service_to(service, backend).await;
        }
        place.make_ingress("web").await;
        place.make_ingress_to("turn", "left", json!({})).await;
        let grpc = json!({"nginx.ingress.kubernetes.io/backend-protocol": "GRPC"});
        place.make_ingress_to("grpc", "web", grpc).await;
        let backends = backends::start(&place);
        let controller = Controller::start(&place, 1);
        let relay = Relay::start(place.address(50, 9443), controller.config).await;
        let proxy = Proxy::following(&place, 1, &[relay.address]);
        controller.ready().await;
        proxy.serves(&place.host("web")).await;
        Self {
            place,
            controller,
            relay,
            proxy,
            _backends: backends,
        }
    }

    /// Waits until the crowd is published, and everything that follows from it is done.
    async fn settled(&self, ingresses: usize) {
        within(PATIENCE, "all is published and written", async || {
            let hosts = self.labelled("portreeve_published_resources", "host").await;
            let current = self.labelled("portreeve_proxies", "current").await;
            let written = self
                .controller
                .metric("portreeve_status_writes_total")
                .await;
            hosts >= ingresses as f64 && written >= ingresses as f64 && current == 1.0
        })
        .await;
    }

    /// Every protocol, over connections that are kept, of hosts that change meanwhile.
    fn clients(&self) -> Clients {
        let client = |(name, ingress, line): (_, _, &str)| {
            Client::new(name, line, self.proxy.http, (&self.place, ingress))
        };
        Clients::start(
            [
                ("HTTP/1.1", "turn", "--connections 8 http"),
                ("HTTP/2", "web", "--connections 2 --streams 4 --http2 http"),
                ("gRPC", "grpc", "--connections 2 --streams 4 grpc"),
                ("WebSocket", "web", "--connections 4 --body 300 ws"),
            ]
            .map(client),
        )
    }

    async fn labelled(&self, name: &str, label: &str) -> f64 {
        let samples = samples(self.controller.admin, name).await.unwrap();
        let mut found = samples.iter().filter(|(labels, _)| labels.contains(label));
        *found.next().unwrap().1
    }

    /// An Ingress turns to another Service, again and again.
    async fn change_routes(&self, scale: &Scale, what: &str, figures: &mut Figures) {
        let (mut seen, mut translations) = (Vec::new(), Vec::new());
        let mut probe = Probe::connect(self.proxy.http, self.place.host("turn")).await;
        for change in 0..scale.changes {
            let (service, backend) =
                [("right", "two"), ("left", "one")][usize::from(change % 2 == 1)];
            let since = Instant::now();
            let place = &self.place;
            place.make_ingress_to("turn", service, json!({})).await;
            seen.push(probe.shows(backend, since).await);
            let took = self
                .controller
                .metric("portreeve_translation_seconds")
                .await;
            translations.push(Duration::from_secs_f64(took));
        }
        figures.times(&format!("{what}: a changed route in traffic"), seen, ROUTES);
        translations.sort();
        let middle = translations[translations.len() / 2];
        figures.time(
            format!("{what}: full translation, p50"),
            middle,
            Some(TRANSLATION),
        );
    }

    /// A Service gets another endpoint, again and again.
    async fn change_endpoints(&self, scale: &Scale, what: &str, figures: &mut Figures) {
        let mut seen = Vec::new();
        let mut probe = Probe::connect(self.proxy.http, self.place.host("web")).await;
        for change in 0..scale.changes {
            let backend = BACKENDS[usize::from(change % 2 == 0)].0;
            let since = Instant::now();
            self.place.lead_to(backend).await;
            seen.push(probe.shows(backend, since).await);
        }
        let what = format!("{what}: a changed endpoint in traffic");
        figures.times(&what, seen, ENDPOINTS_LANE);
    }

    /// One endpoint of a Service that has many goes and comes.
    async fn deltas(&self, what: &str, figures: &mut Figures) {
        let mut sent = Vec::new();
        for change in 0..DELTAS {
            let before = self.controller.metric("portreeve_published_number").await;
            let bytes = self.relay.sent();
            crowd::change(&self.place, 0, change + 1).await;
            until("the proxy has the change", async || {
                let number = self.controller.metric("portreeve_published_number").await;
                let current = self.labelled("portreeve_proxies", "current").await;
                number > before && current == 1.0
            })
            .await;
            sent.push(self.relay.sent() - bytes);
        }
        sent.sort_unstable();
        let what = format!("{what}: on the wire for one endpoint of {ENDPOINTS}, p50");
        figures.bytes(what, sent[DELTAS / 2], Some(DELTA));
    }

    fn room(&self, what: &str, figures: &mut Figures) {
        for (name, process, most) in [
            ("controller", &self.controller.process, CONTROLLER),
            ("proxy", &self.proxy.process, PROXY),
        ] {
            let room = Room::of(process);
            let memory = format!("{what}: resident memory of the {name}");
            figures.memory(memory, room.resident, Some(most));
            figures.memory(format!("{what}: the most that ever was"), room.most, None);
            figures.count(format!("{what}: descriptors"), room.descriptors, None);
        }
    }

    /// A proxy and a controller that begin with everything that is there.
    async fn cold_start(&self, figures: &mut Figures) {
        let since = Instant::now();
        let proxy = Proxy::following(&self.place, 2, &[self.controller.config]);
        proxy.serves(&self.place.host("web")).await;
        let took = since.elapsed();
        figures.time("cold start of a proxy", took, Some(COLD_START));
        let resident = Room::of(&proxy.process).resident;
        figures.memory("resident memory of that proxy", resident, Some(PROXY));
        let since = Instant::now();
        let controller = Controller::start(&self.place, 2);
        controller.ready().await;
        figures.time("cold start of a controller", since.elapsed(), None);
        let room = Room::of(&controller.process);
        let what = "resident memory of that controller";
        figures.memory(what, room.resident, Some(CONTROLLER));
        figures.memory("the most that ever was", room.most, None);
    }
}
