//! One container: started, started again, ended.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Shared;
use super::known::{Known, Phase, waiting};
use super::launch;
use super::root::Mount;
use super::status::PodState;
use crate::process::Process;

/// The longest pause before a container is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Who ran for so long is not in a loop of crashes.
const STABLE: Duration = Duration::from_secs(10);

/// A container of a Pod that is being run.
pub(crate) struct Runner {
    pub(crate) shared: Shared,
    pub(crate) pod: Pod,
    pub(crate) container: Container,
    pub(crate) addresses: Vec<String>,
    /// The Pod's folder.
    pub(crate) folder: PathBuf,
    /// The Pod's network namespace, unless it has the Node's.
    pub(crate) network: Option<PathBuf>,
    pub(crate) mounts: Vec<Mount>,
    /// Whether it is started again after success, and after failure.
    pub(crate) again: (bool, bool),
    pub(crate) state: watch::Sender<PodState>,
    pub(crate) stop: watch::Receiver<Option<Duration>>,
}

impl Runner {
    /// Runs the container until it is done, or until the Pod is told to stop and it has ended.
    pub(crate) async fn run(self) {
        let mut failures = 0;
        while self.stop.borrow().is_none() {
            let begun = Instant::now();
            let good = match self.start() {
                Ok(process) => self.live(&process).await,
                Err(message) => {
                    self.change(|known| known.phase = waiting("CreateContainerError", &message));
                    false
                }
            };
            if !(if good { self.again.0 } else { self.again.1 }) {
                break;
            }
            failures = if begun.elapsed() > STABLE {
                0
            } else {
                failures + 1
            };
            self.pause(failures).await;
        }
        self.change(|known| known.done = true);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Known)) {
        self.state
            .send_modify(|state| state.change(&self.container.name, change));
    }

    fn start(&self) -> Result<Process, String> {
        let mut command = launch::command(self)?;
        let meta = &self.pod.metadata;
        let (namespace, pod) = (meta.namespace.as_deref(), meta.name.as_deref());
        let (namespace, pod) = (namespace.unwrap_or_default(), pod.unwrap_or_default());
        let name = &self.container.name;
        let log = self.shared.folder.log(&format!("{namespace}_{pod}_{name}"));
        let process = format!("pod/{namespace}/{pod}/{name}");
        Process::start(&process, &mut command, &log, &self.shared.registry)
            .map_err(|error| error.to_string())
    }

    /// Waits for the end of a process, and says whether it was a good one.
    async fn live(&self, process: &Process) -> bool {
        let started = Time(Timestamp::now());
        self.change(|known| known.phase = Phase::Running(started.clone()));
        let status = tokio::select! {
            status = process.ended() => status,
            () = self.end_when_told(process) => process.ended().await,
            () = self.watch_health(process) => {
                self.end(process, self.grace()).await;
                process.ended().await
            }
        };
        let status = status.unwrap_or_default();
        let ended = Phase::Ended {
            status,
            started,
            finished: Time(Timestamp::now()),
        };
        self.change(|known| {
            known.phase = ended;
            known.ready = false;
        });
        status.success()
    }

    async fn end_when_told(&self, process: &Process) {
        self.told(|_| true).await;
        let grace = self.stop.borrow().unwrap_or_default();
        tokio::select! {
            () = self.end(process, grace) => {}
            // Deleted by force in the meantime.
            () = self.told(|grace| grace.is_zero()) => process.kill().await,
        }
    }

    /// Waits until the Pod is told to stop within such a time.
    async fn told(&self, such: impl Fn(Duration) -> bool) {
        let mut stop = self.stop.clone();
        // Without the kubelet nobody runs this.
        let _ = stop.wait_for(|grace| grace.is_some_and(&such)).await;
    }

    /// Ends a process as the kubelet does: the hook, SIGTERM, and SIGKILL when the time is over.
    async fn end(&self, process: &Process, grace: Duration) {
        let deadline = Instant::now() + grace;
        // Whatever takes too long is cut short.
        let _ = timeout_at(deadline, self.pre_stop(process)).await;
        if !grace.is_zero() {
            process.terminate().await;
            let _ = timeout_at(deadline, process.ended()).await;
        }
        process.kill().await;
    }

    fn grace(&self) -> Duration {
        let spec = self.pod.spec.as_ref();
        let grace = spec.and_then(|spec| spec.termination_grace_period_seconds);
        Duration::from_secs(grace.and_then(|it| u64::try_from(it).ok()).unwrap_or(30))
    }

    async fn pre_stop(&self, process: &Process) {
        let lifecycle = self.container.lifecycle.as_ref();
        let Some(hook) = lifecycle.and_then(|it| it.pre_stop.as_ref()) else {
            return;
        };
        if let Some(exec) = &hook.exec {
            self.exec(process, exec.command.as_deref().unwrap_or_default())
                .await;
        } else if let Some(pause) = &hook.sleep {
            sleep(Duration::from_secs(
                u64::try_from(pause.seconds).unwrap_or_default(),
            ))
            .await;
        }
    }

    /// Runs a command beside the process, and says whether it succeeded.
    pub(super) async fn exec(&self, process: &Process, words: &[String]) -> bool {
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            &process.pid().to_string(),
            "--mount",
            "--net",
            "--root",
            "--",
        ]);
        command.args(words).kill_on_drop(true);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
            .env_clear()
            .envs(launch::environment(self).unwrap_or_default());
        command.status().await.is_ok_and(|status| status.success())
    }

    /// Waits before the next start: not at all the first time, then longer and longer.
    async fn pause(&self, failures: u32) {
        let doubled = Duration::from_millis(500) * 2_u32.saturating_pow(failures.min(10));
        let pause = if failures < 2 {
            Duration::ZERO
        } else {
            doubled.min(LONGEST_PAUSE)
        };
        if !pause.is_zero() {
            let message = format!("back-off {} s", pause.as_secs());
            self.change(|known| known.wait_again(&message));
        }
        // Told to stop, or the time is over.
        let _ = timeout(pause, self.told(|_| true)).await;
        self.change(|known| known.restarts += 1);
    }
}
