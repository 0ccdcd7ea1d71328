//! What breaks while everything goes on.

use std::time::Duration;

use portreeve_cluster::{Action, Control};
use portreeve_identity::Role;
use tokio::time::sleep;

use crate::balancer::Balancer;
use crate::is_measured;
use crate::past::forget;
use crate::site::Site;
use crate::wait::until;

/// Something that breaks and is mended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A controller is killed.
    Killed,
    /// Controllers are replaced one after the other.
    Controllers,
    /// No controller is left, and a proxy is replaced meanwhile.
    NoController,
    /// A proxy is replaced.
    Proxy,
    /// The API server is gone for a while.
    ApiServerGone,
    /// The API server hangs for a while.
    ApiServerHangs,
    /// The history that watches stand on is gone.
    HistoryGone,
    /// The leader stops for longer than it may lead, and goes on.
    LeaderStops,
    /// The leaves of all certificates are deleted.
    LeavesGone,
}

use Fault::*;

/// Controllers that begin anew come first: the rest of the time shows whether they grow.
pub(crate) const ALL: [Fault; 10] = [
    Killed,
    Controllers,
    NoController,
    ApiServerGone,
    LeaderStops,
    HistoryGone,
    Proxy,
    ApiServerHangs,
    LeavesGone,
    Proxy,
];

/// Those that are soon over.
pub(crate) const FEW: [Fault; 3] = [Killed, NoController, ApiServerGone];

/// How long something is away.
fn a_while() -> Duration {
    Duration::from_secs(if is_measured() { 20 } else { 3 })
}

impl Fault {
    /// Breaks it, and mends it.
    pub(crate) async fn happen(self, site: &mut Site, balancer: &Balancer) {
        match self {
            Killed => {
                site.kill_controller(0).await;
                begin_anew(site, 0).await;
            }
            Controllers => {
                for at in 0..site.controllers.len() {
                    let controller = site.controllers.remove(at);
                    assert!(controller.process.terminate().await.success());
                    begin_anew(site, at).await;
                }
            }
            NoController => {
                for _ in 0..site.controllers.len() {
                    site.kill_controller(0).await;
                }
                replace_proxy(site, balancer).await;
                for at in 0..2 {
                    begin_anew(site, at).await;
                }
            }
            Proxy => replace_proxy(site, balancer).await,
            ApiServerGone => away(Action::Stop, Action::Start).await,
            ApiServerHangs => away(Action::Pause, Action::Resume).await,
            HistoryGone => forget(&site.place, "unseen").await,
            LeaderStops => {
                let leader = &site.controllers[site.leader().await].process;
                leader.signal("STOP").await;
                sleep(a_while()).await;
                leader.signal("CONT").await;
            }
            LeavesGone => {
                for role in Role::ALL {
                    let leaves = site.place.folder.join("pki").join(role.word());
                    std::fs::remove_dir_all(leaves).unwrap();
                }
            }
        }
    }
}

async fn begin_anew(site: &mut Site, at: usize) {
    site.start_controller(at);
    site.controllers[at].ready().await;
}

/// Replaces the last proxy, which clients only come to by the load balancer.
async fn replace_proxy(site: &mut Site, balancer: &Balancer) {
    let at = site.proxies.len() - 1;
    let proxy = site.proxies.remove(at);
    assert!(proxy.process.terminate().await.success());
    let number = u8::try_from(at + 1).unwrap();
    site.proxies
        .push(crate::proxy::Proxy::start(&site.place, number));
    until("it is forwarded to", async || balancer.forwards_to(at)).await;
}

/// Takes the API server away for a while.
async fn away(stop: impl Fn(String) -> Action, start: impl Fn(String) -> Action) {
    let (control, name) = (Control::from_env(), || "kube-apiserver".to_string());
    control.act(&stop(name())).await.unwrap();
    sleep(a_while()).await;
    control.act(&start(name())).await.unwrap();
}
