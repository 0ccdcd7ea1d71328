//! What a Pod reports of itself, from what is known of its containers.

use k8s_openapi::api::core::v1::{Container, HostIP, Pod, PodCondition, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::known::{Known, Phase, Role, waiting};
use super::node;

/// What is known of a Pod.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PodState {
    pub(crate) addresses: Vec<String>,
    pub(crate) containers: Vec<Known>,
    started: Time,
    ready_since: Time,
    was_ready: bool,
}

impl PodState {
    /// A Pod of which nothing runs yet.
    pub(crate) fn new(pod: &Pod) -> Self {
        let role = |container: &Container| match container.restart_policy.as_deref() {
            Some("Always") => Role::Side,
            _ => Role::Step,
        };
        let spec = pod.spec.as_ref();
        let init = spec
            .and_then(|spec| spec.init_containers.as_ref())
            .into_iter()
            .flatten();
        let init = init.map(|container| Known::new(container, role(container)));
        let main = spec.map(|spec| &spec.containers).into_iter().flatten();
        let main = main.map(|container| Known::new(container, Role::Main));
        let now = Time(Timestamp::now());
        Self {
            addresses: Vec::new(),
            containers: init.chain(main).collect(),
            started: now.clone(),
            ready_since: now,
            was_ready: false,
        }
    }

    /// Changes what is known of one container.
    pub(crate) fn change(&mut self, name: &str, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.containers.iter_mut().find(|known| known.name == name) {
            change(known);
        }
        if self.is_ready() != self.was_ready {
            self.was_ready = !self.was_ready;
            self.ready_since = Time(Timestamp::now());
        }
    }

    /// Says of every container that waits, why.
    pub(crate) fn wait(&mut self, reason: &str, message: &str) {
        for known in &mut self.containers {
            if matches!(known.phase, Phase::Waiting { .. }) {
                known.phase = waiting(reason, message);
            }
        }
    }

    /// Whether no step has failed for good.
    pub(crate) fn is_going_well(&self) -> bool {
        !self.steps().any(|step| step.done && !step.succeeded())
    }

    fn steps(&self) -> impl Iterator<Item = &Known> {
        self.containers
            .iter()
            .filter(|known| known.role == Role::Step)
    }

    fn main(&self) -> impl Iterator<Item = &Known> {
        self.containers
            .iter()
            .filter(|known| known.role == Role::Main)
    }

    fn is_initialised(&self) -> bool {
        self.steps().all(Known::succeeded)
    }

    fn is_ready(&self) -> bool {
        let mut others = self
            .containers
            .iter()
            .filter(|known| known.role != Role::Step);
        self.is_initialised() && others.all(|known| known.ready)
    }

    fn phase(&self) -> &'static str {
        if self.main().all(Known::succeeded) {
            "Succeeded"
        } else if self.main().all(|known| known.done) || !self.is_going_well() {
            "Failed"
        } else if self.is_initialised()
            && self
                .main()
                .any(|known| !matches!(known.phase, Phase::Waiting { .. }) || known.restarts > 0)
        {
            "Running"
        } else {
            "Pending"
        }
    }

    /// The status of the Pod.
    pub(crate) fn status(&self) -> PodStatus {
        let (init, main): (Vec<_>, Vec<_>) = self
            .containers
            .iter()
            .partition(|known| known.role != Role::Main);
        let statuses = |list: Vec<&Known>| list.into_iter().map(Known::status).collect::<Vec<_>>();
        let ips = self.addresses.iter().map(|ip| PodIP { ip: ip.clone() });
        PodStatus {
            phase: Some(self.phase().into()),
            conditions: Some(vec![
                condition("PodScheduled", true, &self.started),
                condition("Initialized", self.is_initialised(), &self.started),
                condition("ContainersReady", self.is_ready(), &self.ready_since),
                condition("Ready", self.is_ready(), &self.ready_since),
            ]),
            pod_ip: self.addresses.first().cloned(),
            pod_ips: Some(ips.collect()),
            host_ip: Some(node::ADDRESS.into()),
            host_ips: Some(vec![HostIP {
                ip: node::ADDRESS.into(),
            }]),
            start_time: Some(self.started.clone()),
            init_container_statuses: Some(statuses(init)),
            container_statuses: Some(statuses(main)),
            ..PodStatus::default()
        }
    }
}

fn condition(kind: &str, is: bool, since: &Time) -> PodCondition {
    PodCondition {
        type_: kind.into(),
        status: if is { "True" } else { "False" }.into(),
        last_transition_time: Some(since.clone()),
        ..PodCondition::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn pod() -> PodState {
        let container = |name| json!({"name": name, "image": "x"});
        let pod = json!({"metadata": {}, "spec": {
            "initContainers": [container("first")],
            "containers": [container("a"), container("b")],
        }});
        PodState::new(&serde_json::from_value(pod).unwrap())
    }

    fn ended(code: i32) -> Phase {
        let now = Time(Timestamp::now());
        let status = ExitStatus::from_raw(code << 8);
        Phase::Ended {
            status,
            started: now.clone(),
            finished: now,
        }
    }

    fn finish(pod: &mut PodState, name: &str, code: i32) {
        pod.change(name, |known| {
            known.phase = ended(code);
            known.done = true;
        });
    }

    fn run(pod: &mut PodState, name: &str) {
        pod.change(name, |known| {
            known.phase = Phase::Running(Time(Timestamp::now()));
            known.ready = true;
        });
    }

    #[test]
    fn a_pod_is_ready_when_all_of_its_containers_are() {
        let mut pod = pod();
        assert_eq!(pod.phase(), "Pending");
        finish(&mut pod, "first", 0);
        run(&mut pod, "a");
        assert_eq!((pod.phase(), pod.is_ready()), ("Running", false));
        run(&mut pod, "b");
        assert!(pod.is_ready() && pod.was_ready);
        pod.change("a", |known| known.ready = false);
        assert!(!pod.is_ready() && !pod.was_ready);
    }

    #[test]
    fn a_pod_ends_as_its_containers_do() {
        let mut pod = pod();
        finish(&mut pod, "first", 0);
        finish(&mut pod, "a", 0);
        assert_eq!(pod.phase(), "Running");
        let mut other = pod.clone();
        finish(&mut pod, "b", 0);
        assert_eq!(pod.phase(), "Succeeded");
        finish(&mut other, "b", 3);
        assert_eq!(other.phase(), "Failed");
    }

    #[test]
    fn a_pod_whose_first_step_fails_has_failed() {
        let mut pod = pod();
        finish(&mut pod, "first", 1);
        assert_eq!(pod.phase(), "Failed");
    }
}
