//! A Kubernetes control plane and a kubelet whose Pods are local processes, in namespaces of their
//! own: for tests against a real API server, and for trying on one machine without containers.
//!
//! The binary starts a cluster; what runs inside (`portreeve-cluster run -- CMD`) reaches it with
//! the kubeconfig of `KUBECONFIG` and breaks it with [`Control`]. It must never touch what it did
//! not start: everything happens in its namespaces, its folder and on loopback.

#![forbid(unsafe_code)]

mod assets;
mod cluster;
mod control;
mod control_plane;
mod daemons;
mod error;
mod etcd;
mod folder;
mod forward;
mod kubelet;
mod namespace;
mod obeying;
mod pki;
mod process;
mod target;

pub use assets::Assets;
pub use cluster::{Cluster, Options};
pub use control::{Action, Control};
pub use error::ClusterError;
pub use folder::Folder;
pub use forward::{Bound, Forward};
pub use kubelet::{Image, Images};
pub use namespace::{HOST, entering, within};
pub use target::Target;
