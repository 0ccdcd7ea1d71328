//! The life of a Pod: network, volumes, first steps, containers, and its end.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::json;
use tokio::sync::watch;

use super::container::Runner;
use super::sandbox::Sandbox;
use super::status::PodState;
use super::volumes::Volumes;
use super::{Shared, node, persist};

/// A Pod that is being run.
pub(crate) struct Life {
    shared: Shared,
    pod: Pod,
    number: u32,
    folder: PathBuf,
    state: watch::Sender<PodState>,
    stop: watch::Receiver<Option<Duration>>,
}

impl Life {
    /// The life of `pod` until `stop` says how long its end may take.
    pub(crate) fn new(
        shared: &Shared,
        pod: Pod,
        number: u32,
        stop: watch::Receiver<Option<Duration>>,
    ) -> Self {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        Self {
            shared: shared.clone(),
            folder: shared.folder.pods().join(uid),
            state: watch::channel(PodState::new(&pod)).0,
            pod,
            number,
            stop,
        }
    }

    /// Runs the Pod to its end and removes it.
    pub(crate) async fn live(self) {
        tokio::select! {
            () = self.publish() => {}
            () = self.run() => {}
        }
        // Nobody runs in it: what is left is the kubelet's own.
        let _ = fs::remove_dir_all(&self.folder);
        self.delete().await;
    }

    /// Reports every change, the newest state only, for ever.
    async fn publish(&self) {
        let mut changes = self.state.subscribe();
        let (pods, parameters) = (self.api(), PatchParams::default());
        loop {
            changes.mark_unchanged();
            persist(|| {
                let status = self.state.borrow().status();
                // Strategic, which leaves the conditions of others alone.
                let patch = json!({"metadata": {"uid": self.pod.metadata.uid}, "status": status});
                let (pods, parameters) = (&pods, &parameters);
                async move {
                    pods.patch_status(self.name(), parameters, &Patch::Strategic(patch))
                        .await
                }
            })
            .await;
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn run(&self) {
        if let Err(message) = self.run_network().await {
            self.state
                .send_modify(|state| state.wait("CreateContainerError", &message));
        }
        // What has ended or failed stays until it is deleted.
        let _ = self.stop.clone().wait_for(Option::is_some).await;
    }

    async fn run_network(&self) -> Result<(), String> {
        let spec = self.pod.spec.as_ref();
        if spec.and_then(|spec| spec.host_network) == Some(true) {
            return self.run_containers(vec![node::ADDRESS.into()], None).await;
        }
        let namespace = self.pod.metadata.namespace.as_deref().unwrap_or_default();
        let name = format!("sandbox/{namespace}/{}", self.name());
        let sandbox = Sandbox::start(&name, self.number, &self.shared.registry).await;
        let sandbox = sandbox.map_err(|error| error.to_string())?;
        let done = self
            .run_containers(sandbox.addresses(), Some(sandbox.namespace()))
            .await;
        sandbox.stop().await;
        done
    }

    async fn run_containers(
        &self,
        addresses: Vec<String>,
        network: Option<PathBuf>,
    ) -> Result<(), String> {
        self.state
            .send_modify(|state| state.addresses.clone_from(&addresses));
        let mut volumes = Volumes::new(&self.shared, &self.pod, &addresses, &self.folder)?;
        if !self.has_volumes(&mut volumes).await {
            return Ok(());
        }
        let spec = self.pod.spec.clone().unwrap_or_default();
        let runner = |container: &Container, policy: &str| -> Result<Runner, String> {
            Ok(Runner {
                shared: self.shared.clone(),
                pod: self.pod.clone(),
                container: container.clone(),
                addresses: addresses.clone(),
                folder: self.folder.clone(),
                network: network.clone(),
                mounts: volumes.mounts(container)?,
                again: (policy == "Always", policy != "Never"),
                state: self.state.clone(),
                stop: self.stop.clone(),
            })
        };
        let policy = spec.restart_policy.as_deref().unwrap_or("Always");
        let mut all = Vec::new();
        let mut steps = Vec::new();
        for first in spec.init_containers.iter().flatten() {
            // A side-car is begun like a first step and goes on like the others.
            match first.restart_policy.as_deref() {
                Some("Always") => all.push(runner(first, "Always")?),
                _ => steps.push(runner(
                    first,
                    if policy == "Never" {
                        policy
                    } else {
                        "OnFailure"
                    },
                )?),
            }
        }
        for container in &spec.containers {
            all.push(runner(container, policy)?);
        }
        let containers = async {
            for step in steps {
                step.run().await;
                // One that failed for good ends the Pod.
                if !self.state.borrow().is_going_well() {
                    return;
                }
            }
            if self.stop.borrow().is_none() {
                join_all(all.into_iter().map(Runner::run)).await;
            }
        };
        tokio::select! {
            () = containers => {}
            () = volumes.follow() => {}
        }
        Ok(())
    }

    /// Waits until everything that the volumes name is there; false if the Pod must stop first.
    async fn has_volumes(&self, volumes: &mut Volumes) -> bool {
        let mut changes = self.shared.objects.changes();
        let mut stop = self.stop.clone();
        while let Err(message) = volumes.refresh().await {
            self.state
                .send_modify(|state| state.wait("ContainerCreating", &message));
            tokio::select! {
                _ = changes.changed() => {}
                _ = stop.wait_for(Option::is_some) => return false,
            }
        }
        true
    }

    /// Takes the Pod out of the cluster.
    pub(crate) async fn delete(&self) {
        let pods = self.api();
        let parameters = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions {
                uid: self.pod.metadata.uid.clone(),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        persist(|| pods.delete(self.name(), &parameters)).await;
    }

    fn api(&self) -> Api<Pod> {
        let namespace = self.pod.metadata.namespace.as_deref().unwrap_or_default();
        Api::namespaced(self.shared.client.clone(), namespace)
    }

    fn name(&self) -> &str {
        self.pod.metadata.name.as_deref().unwrap_or_default()
    }
}
