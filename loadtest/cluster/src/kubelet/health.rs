//! What a container's probes say of it: whether it is ready, and whether to start it again.

use std::time::Duration;

use k8s_openapi::api::core::v1::Probe;
use tokio::time::{sleep, timeout};

use super::container::Runner;
use super::probe::{self, QUICK, Question};
use crate::process::Process;

impl Runner {
    /// Keeps the container's readiness, and returns when it must be started again.
    pub(super) async fn watch_health(&self, process: &Process) {
        let container = &self.container;
        if let Some(probe) = &container.startup_probe
            && !self.becomes(process, probe).await
        {
            return;
        }
        tokio::join!(self.readiness(process), async {
            match &container.liveness_probe {
                Some(probe) => self.fails(process, probe).await,
                None => std::future::pending().await,
            }
        });
    }

    /// Waits for a probe's first success; false when its patience is over.
    async fn becomes(&self, process: &Process, probe: &Probe) -> bool {
        let period = probe::seconds(probe.period_seconds, 10);
        let failures = u32::try_from(probe.failure_threshold.unwrap_or(3)).unwrap_or(3);
        let success = async {
            while !self.ask(process, probe).await {
                sleep(QUICK).await;
            }
        };
        let wait = probe::seconds(probe.initial_delay_seconds, 0) + period * failures;
        timeout(wait, success).await.is_ok()
    }

    /// Returns when a probe has failed as often in a row as it may.
    async fn fails(&self, process: &Process, probe: &Probe) {
        sleep(probe::seconds(probe.initial_delay_seconds, 0)).await;
        let mut failures = 0;
        while failures < probe.failure_threshold.unwrap_or(3) {
            let good = self.ask(process, probe).await;
            failures = if good { 0 } else { failures + 1 };
            sleep(probe::seconds(probe.period_seconds, 10)).await;
        }
    }

    /// Says whether the container is ready, for ever.
    async fn readiness(&self, process: &Process) {
        let Some(probe) = &self.container.readiness_probe else {
            if let Some(question) = probe::usual(&self.container) {
                while !self
                    .ask_once(process, &question, Duration::from_secs(1))
                    .await
                {
                    sleep(QUICK).await;
                }
            }
            self.change(|known| known.ready = true);
            return std::future::pending().await;
        };
        let (mut ready, mut good, mut bad) = (false, 0, 0);
        loop {
            let well = self.ask(process, probe).await;
            (good, bad) = if well { (good + 1, 0) } else { (0, bad + 1) };
            let now = match ready {
                true => bad < probe.failure_threshold.unwrap_or(3),
                false => good >= probe.success_threshold.unwrap_or(1),
            };
            if now != ready {
                ready = now;
                self.change(|known| known.ready = now);
            }
            let period = probe::seconds(probe.period_seconds, 10);
            sleep(if ready { period } else { QUICK }).await;
        }
    }

    async fn ask(&self, process: &Process, probe: &Probe) -> bool {
        let Some(question) = probe::question(probe, &self.container) else {
            return false;
        };
        self.ask_once(process, &question, probe::patience(probe))
            .await
    }

    async fn ask_once(&self, process: &Process, question: &Question, patience: Duration) -> bool {
        if let Question::Exec(words) = question {
            return timeout(patience, self.exec(process, words))
                .await
                .unwrap_or(false);
        }
        let address = self
            .addresses
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        probe::ask(address, question, patience).await
    }
}
