//! A Kubernetes control plane and a kubelet whose Pods are local processes.

#![forbid(unsafe_code)]
