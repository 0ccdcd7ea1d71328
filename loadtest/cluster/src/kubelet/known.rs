//! What is known of a container, and how it is reported.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Where a container is in its life.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    Waiting {
        reason: String,
        message: String,
    },
    Running(Time),
    Ended {
        status: ExitStatus,
        started: Time,
        finished: Time,
    },
}

/// What a container is for its Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It must end before the others begin.
    Step,
    /// It is listed with the steps and runs with the others.
    Side,
    Main,
}

/// What is known of a container.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) name: String,
    image: String,
    pub(crate) role: Role,
    pub(crate) phase: Phase,
    pub(crate) last: Option<Phase>,
    pub(crate) ready: bool,
    pub(crate) restarts: i32,
    /// It has ended and will not be started again.
    pub(crate) done: bool,
}

impl Known {
    /// A container that has not been started.
    pub(crate) fn new(container: &Container, role: Role) -> Self {
        Self {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            role,
            phase: waiting("ContainerCreating", ""),
            last: None,
            ready: false,
            restarts: 0,
            done: false,
        }
    }

    /// It waits to be started again.
    pub(crate) fn wait_again(&mut self, message: &str) {
        let phase = waiting("CrashLoopBackOff", message);
        self.last = Some(std::mem::replace(&mut self.phase, phase));
    }

    /// It ended as it should, for good.
    pub(crate) fn succeeded(&self) -> bool {
        self.done && matches!(&self.phase, Phase::Ended { status, .. } if status.success())
    }

    /// What it reports.
    pub(crate) fn status(&self) -> ContainerStatus {
        let running = matches!(self.phase, Phase::Running(_));
        ContainerStatus {
            name: self.name.clone(),
            image: self.image.clone(),
            ready: match self.role {
                Role::Step => self.succeeded(),
                Role::Side | Role::Main => self.ready,
            },
            started: Some(running),
            restart_count: self.restarts,
            state: Some(state(&self.phase)),
            last_state: self.last.as_ref().map(state),
            ..ContainerStatus::default()
        }
    }
}

/// A container that waits for something.
pub(crate) fn waiting(reason: &str, message: &str) -> Phase {
    Phase::Waiting {
        reason: reason.into(),
        message: message.into(),
    }
}

/// As a shell says it: what a signal ended has 128 and its number.
fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .or(status.signal().map(|signal| 128 + signal))
        .unwrap_or(1)
}

fn state(phase: &Phase) -> ContainerState {
    let mut state = ContainerState::default();
    match phase {
        Phase::Waiting { reason, message } => {
            state.waiting = Some(ContainerStateWaiting {
                reason: Some(reason.clone()),
                message: Some(message.clone()).filter(|message| !message.is_empty()),
            });
        }
        Phase::Running(since) => {
            let started_at = Some(since.clone());
            state.running = Some(ContainerStateRunning { started_at });
        }
        Phase::Ended {
            status,
            started,
            finished,
        } => {
            let reason = if status.success() {
                "Completed"
            } else {
                "Error"
            };
            state.terminated = Some(ContainerStateTerminated {
                exit_code: code(*status),
                reason: Some(reason.into()),
                started_at: Some(started.clone()),
                finished_at: Some(finished.clone()),
                ..ContainerStateTerminated::default()
            });
        }
    }
    state
}
