//! An API server that does not answer, because it is gone or because it hangs.

use std::time::{Duration, Instant};

use portreeve_cluster::{Action, Control};
use tokio::time::sleep;

use crate::http::samples;
use crate::site::Site;
use crate::wait::{until, within};

/// For how long it is gone, unless `PORTREEVE_AWAY` says how many seconds.
const GONE: Duration = Duration::from_secs(60);
/// The same for one that hangs: longer than controllers wait before they send proxies elsewhere.
const HANGS: Duration = Duration::from_secs(40);
const CONVERGED: Duration = Duration::from_secs(5);

fn api_server() -> String {
    "kube-apiserver".into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_api_server_that_is_gone_costs_nothing_and_is_caught_up_with() {
    let site = Site::start_alone("gone", 1, 1).await;
    let (away, back) = (Action::Stop(api_server()), Action::Start(api_server()));
    cannot_be_asked(&site, GONE, &away, &back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_api_server_that_hangs_costs_nothing_and_is_caught_up_with() {
    let site = Site::start_alone("hangs", 13, 1).await;
    let (away, back) = (Action::Pause(api_server()), Action::Resume(api_server()));
    cannot_be_asked(&site, HANGS, &away, &back).await;
}

async fn cannot_be_asked(site: &Site, length: Duration, away: &Action, back: &Action) {
    let load = site.load();
    let control = Control::from_env();
    control.act(away).await.unwrap();
    let silent = stay_away(site, length).await;
    control.act(back).await.unwrap();
    let back = Instant::now();
    site.place.lead_to("two").await;
    site.place.make_ingress("late").await;
    let (web, late) = (site.host(), site.place.host("late"));
    within(CONVERGED, "what changed is in traffic", async || {
        let answers = async |host| site.proxy().answers(host).await;
        answers(&web).await.as_deref() == Some("two") && answers(&late).await.is_some()
    })
    .await;
    let converged = back.elapsed();
    until("a status is written", async || {
        !site.place.status("late").await.is_empty()
    })
    .await;
    let written = back.elapsed();
    for controller in &site.controllers {
        controller.ready().await;
    }
    let requests = load.none_failed().await;
    println!(
        "{requests} requests, {away}: silent for {silent} s, converged after {converged:?}, status after {written:?}"
    );
    assert!(converged <= CONVERGED, "{converged:?}");
}

/// Lets the time pass, and says for how long the API server was silent as controllers tell it.
async fn stay_away(site: &Site, length: Duration) -> f64 {
    let given = std::env::var("PORTREEVE_AWAY").ok();
    let given = given.map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
    let (since, away) = (Instant::now(), given.unwrap_or(length));
    let mut silent = 0.0;
    while since.elapsed() < away {
        sleep(Duration::from_secs(1)).await;
        assert!(site.proxy().is_ready().await, "{:?}", since.elapsed());
        let kinds = samples(site.controllers[0].admin, "portreeve_watch_silent_seconds").await;
        let least = kinds.unwrap().into_values().fold(f64::MAX, f64::min);
        assert!(least >= silent, "{least} after {silent}");
        silent = least;
    }
    assert!(silent > (away / 2).as_secs_f64(), "{silent}");
    assert_eq!(site.proxy().metric("portreeve_config_stale").await, 0.0);
    silent
}
