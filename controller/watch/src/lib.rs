//! Reads Kubernetes: watches the objects that routing depends on and keeps a snapshot of them.

#![forbid(unsafe_code)]
