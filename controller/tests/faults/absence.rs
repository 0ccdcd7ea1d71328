//! An API server that is away for a minute.

use std::time::{Duration, Instant};

use portreeve_cluster::{Action, Control};
use tokio::time::sleep;

use crate::http::samples;
use crate::site::Site;
use crate::wait::{until, within};

const AWAY: Duration = Duration::from_secs(60);
const CONVERGED: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_api_server_that_is_away_costs_nothing_and_is_caught_up_with() {
    let site = Site::start_alone("absence", 1, 1).await;
    let load = site.load();
    let control = Control::from_env();
    let api_server = || "kube-apiserver".to_string();
    control.act(&Action::Stop(api_server())).await.unwrap();
    let silent = stay_away(&site).await;
    control.act(&Action::Start(api_server())).await.unwrap();
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
    assert!(converged <= CONVERGED, "{converged:?}");
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
        "{requests} requests, away for {AWAY:?}, silent for {silent} s, converged after {converged:?}, status after {written:?}"
    );
}

/// Lets the time pass, and says for how long the API server was silent as controllers tell it.
async fn stay_away(site: &Site) -> f64 {
    let since = Instant::now();
    let mut silent = 0.0;
    while since.elapsed() < AWAY {
        sleep(Duration::from_secs(1)).await;
        assert!(site.proxy().is_ready().await, "{:?}", since.elapsed());
        let kinds = samples(site.controllers[0].admin, "portreeve_watch_silent_seconds").await;
        let least = kinds.unwrap().into_values().fold(f64::MAX, f64::min);
        assert!(least >= silent, "{least} after {silent}");
        silent = least;
    }
    assert!(silent > (AWAY / 2).as_secs_f64(), "{silent}");
    assert_eq!(site.proxy().metric("portreeve_config_stale").await, 0.0);
    silent
}
