//! Certificates that are replaced: leaves that somebody deletes, and an authority whose time is up.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portreeve_controller::lease::{Candidate, Elector, Leadership, Timing};
use portreeve_controller::pki::{Home, Keeper};
use portreeve_identity::{CA_FILE, CHAIN_FILE, Role};
use tokio::task::JoinSet;

use crate::contact::Contact;
use crate::place::Place;
use crate::site::Site;
use crate::wait::{until, within};

/// How often controllers look at their certificates, and what a busy machine may add.
const LOOKED: Duration = Duration::from_secs(90);
/// For how long a proxy may be without a controller.
const LOST: Duration = Duration::from_secs(1);
/// After two thirds of ten years an authority is replaced.
const DUE: SignedDuration = SignedDuration::from_hours(2433 * 24 + 8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn leaves_that_are_deleted_are_made_anew_and_nobody_is_lost() {
    let mut site = Site::start("leaves", 10, 1).await;
    let (load, contact) = (site.load(), Contact::watch(site.proxy()));
    let pki = site.place.folder.join("pki");
    let before = Role::ALL.map(|role| chain(&pki, role));
    for role in Role::ALL {
        fs::remove_dir_all(pki.join(role.word())).unwrap();
    }
    let took = within(LOOKED, "leaves are made anew", async || {
        let after = Role::ALL.map(|role| chain(&pki, role));
        after
            .iter()
            .all(|chain| !chain.is_empty() && !before.contains(chain))
    })
    .await;
    replace_controllers(&mut site, "leaves").await;
    let (requests, longest) = (load.none_failed().await, contact.longest());
    println!(
        "{requests} requests, anew after {took:?}, without a controller for {longest:?} at most"
    );
    assert!(longest <= LOST, "{longest:?}");
}

/// The test leads, by a clock of its own: years pass for the authority, while controllers and
/// proxies live in the present.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_authority_is_replaced_and_nobody_is_lost() {
    let now = Timestamp::now();
    let ago = |hours| now - SignedDuration::from_hours(hours);
    let mut leading = JoinSet::new();
    let mut leadership = None;
    let prepare = async |place: &Place| {
        let leads = lead(place, &mut leading).await;
        keep(place, &leads, ago(6) - DUE, |_| true).await;
        // It is time for the next one, which is believed from now on but signs nothing yet.
        keep(place, &leads, ago(4), |pki| believed(pki) == 2).await;
        leadership = Some(leads);
    };
    let mut site = Site::start_prepared("authority", 11, 1, prepare).await;
    let leadership = leadership.unwrap();
    let (load, contact) = (site.load(), Contact::watch(site.proxy()));
    // Controllers know the present certificates of theirs, proxies those that come now.
    keep(&site.place, &leadership, ago(2), |pki| {
        pki.join("ca/old.crt").exists()
    })
    .await;
    replace_controllers(&mut site, "promoted").await;
    keep(&site.place, &leadership, now, |pki| believed(pki) == 1).await;
    replace_controllers(&mut site, "retired").await;
    let (requests, longest) = (load.none_failed().await, contact.longest());
    println!("{requests} requests, without a controller for {longest:?} at most");
    assert!(longest <= LOST, "{longest:?}");
}

/// Leads in the place of controllers.
async fn lead(place: &Place, leading: &mut JoinSet<()>) -> Leadership {
    let candidate = Candidate {
        identity: "test".into(),
        namespace: place.name.into(),
        lease: "ingress-controller-leader".into(),
        timing: Timing::of(Duration::from_secs(60)),
    };
    let (elector, mut leadership) = Elector::new(place.client.clone(), candidate);
    leading.spawn(elector.run(std::future::pending()));
    leadership.gained().await;
    leadership
}

/// Keeps certificates as at a time, until everything is done that is due then.
async fn keep(place: &Place, leads: &Leadership, at: Timestamp, is_so: impl Fn(&Path) -> bool) {
    let pki = place.folder.join("pki");
    let last = Role::ALL[Role::ALL.len() - 1];
    let before = chain(&pki, last);
    let home = Home::Directory(pki.clone());
    let (keeper, _own) = Keeper::new(home, place.name, leads.clone(), move || at);
    let mut keeping = JoinSet::new();
    keeping.spawn(keeper.run());
    until("what is due is done", async || {
        chain(&pki, last) != before && is_so(&pki)
    })
    .await;
}

/// What a role is known by; empty when there is nothing.
fn chain(pki: &Path, role: Role) -> String {
    fs::read_to_string(pki.join(role.word()).join(CHAIN_FILE)).unwrap_or_default()
}

/// How many authorities a proxy is told to believe.
fn believed(pki: &Path) -> usize {
    let ca = fs::read_to_string(pki.join(Role::Proxy.word()).join(CA_FILE));
    ca.unwrap_or_default().matches("BEGIN").count()
}

/// Makes the proxy go from one controller to the next: first to the one that has run all the
/// while, then to one that has just been started.
async fn replace_controllers(site: &mut Site, name: &str) {
    for at in 0..site.controllers.len() {
        let controller = site.controllers.remove(at);
        assert!(controller.process.terminate().await.success());
        let name = format!("{name}-{at}");
        site.place.make_ingress(&name).await;
        site.proxy().serves(&site.place.host(&name)).await;
        site.start_controller(at);
        site.controllers[at].ready().await;
    }
}
