//! Three proxies and two controllers, a change a second and a fault a minute, for ten minutes.

use std::convert::Infallible;
use std::fs;
use std::time::Duration;

use k8s_openapi::api::networking::v1::Ingress;
use kube::api::DeleteParams;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::balancer::Balancer;
use crate::clients::{Client, Clients};
use crate::fault::{self, Fault};
use crate::figures::Figures;
use crate::place::{BACKENDS, Place};
use crate::site::Site;
use crate::wait::{until, within};
use crate::watched::Watched;
use crate::{ALONE, is_measured};

/// How often a fault begins, and how often processes are looked at.
const MINUTE: Duration = Duration::from_secs(60);
/// How often something changes.
const CHANGE: Duration = Duration::from_secs(1);
/// How many Ingresses there are that come and go.
const TICKS: usize = 20;
/// How soon after a fault every proxy must have what is new.
const CONVERGED: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test, or make soak"]
async fn what_breaks_again_and_again_costs_nothing_and_nothing_grows() {
    let _alone = ALONE.lock().await;
    let (mut figures, mut watched) = (Figures::default(), Watched::default());
    let mut site = Site::start_alone("soak", 101, 3).await;
    let balancer = Balancer::start(&site.place, &site.proxies).await;
    let clients = clients(&site, &balancer);
    let (churn, place) = (Churn::new(), site.place.clone());
    let faults = match is_measured() {
        true => &fault::ALL[..],
        false => &fault::FEW,
    };
    tokio::select! {
        never = churn.run(&place) => match never {},
        () = async {
            let mut end = Instant::now();
            for fault in faults {
                end += MINUTE;
                happen(*fault, &mut site, &balancer, &churn).await;
                if is_measured() {
                    sleep_until(end).await;
                }
                watched.look(&site);
            }
        } => {}
    }
    let changes = churn.count();
    clients.stop(1_000, "ten minutes", &mut figures).await;
    figures.count("changes", u64::try_from(changes).unwrap(), None);
    figures.count("faults", u64::try_from(faults.len()).unwrap(), None);
    let broken = balancer.broken();
    println!("{broken:?}");
    let broken = u64::try_from(broken.len()).unwrap();
    figures.count("connections that a ready proxy refused", broken, Some(0));
    figures.count("panics in logs", panics(&site.place), Some(0));
    if is_measured() {
        watched.figures(&mut figures);
    }
    figures.hold();
}

/// What ends connections is behind the load balancer; what must not end goes to the first proxy.
fn clients(site: &Site, balancer: &Balancer) -> Clients {
    let client =
        |(name, line): (_, &str), address| Client::new(name, line, address, (&site.place, "web"));
    let balanced = [
        ("HTTP/1.1, balanced", "--connections 8 http"),
        ("new connections, balanced", "--new-connections http"),
    ];
    let kept = [
        ("HTTP/2", "--connections 2 --streams 4 --http2 http"),
        ("WebSocket", "--connections 4 --body 300 ws"),
    ];
    let balanced = balanced.map(|what| client(what, balancer.address));
    Clients::start(
        balanced
            .into_iter()
            .chain(kept.map(|what| client(what, site.proxy().http))),
    )
}

/// Lets something break, and waits until it is as if nothing had been.
async fn happen(fault: Fault, site: &mut Site, balancer: &Balancer, churn: &Churn) {
    fault.happen(site, balancer).await;
    let host = site.place.host(&churn.next().await);
    let since = Instant::now();
    for proxy in &site.proxies {
        within(CONVERGED, "what is new is served", async || {
            proxy.answers(&host).await.is_some()
        })
        .await;
    }
    println!(
        "{fault:?}: what is new is served after {:?}",
        since.elapsed()
    );
}

/// Changes that are made all the while: an endpoint, an Ingress that comes and one that goes.
struct Churn(watch::Sender<usize>);

impl Churn {
    fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    async fn run(&self, place: &Place) -> Infallible {
        let mut pace = interval(CHANGE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            let number = self.count() + 1;
            change(place, number).await;
            self.0.send_replace(number);
        }
    }

    /// How many changes were made.
    fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits for an Ingress that is made from now on.
    async fn next(&self) -> String {
        // The one that is being made may have been begun before.
        let after = self.count() + 1;
        let mut made = self.0.subscribe();
        let next = made.wait_for(|number| *number > after).await;
        tick(*next.unwrap())
    }
}

fn tick(number: usize) -> String {
    format!("tick-{number}")
}

async fn change(place: &Place, number: usize) {
    place.lead_to(BACKENDS[number % 2].0).await;
    place.make_ingress(&tick(number)).await;
    let Some(old) = number.checked_sub(TICKS).filter(|old| *old > 0) else {
        return;
    };
    let ingresses = place.api::<Ingress>();
    until("an Ingress is deleted", async || {
        match ingresses.delete(&tick(old), &DeleteParams::default()).await {
            Ok(_) => true,
            Err(kube::Error::Api(status)) => status.code == 404,
            Err(_) => false,
        }
    })
    .await;
}

/// How often a process of this place panicked.
fn panics(place: &Place) -> u64 {
    let mut count = 0;
    for entry in fs::read_dir(&place.folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "log") {
            let log = fs::read_to_string(path).unwrap();
            let lines = log.lines().filter(|line| line.contains("panicked"));
            lines.for_each(|line| println!("{line}"));
            count += log.matches("panicked").count();
        }
    }
    u64::try_from(count).unwrap()
}
