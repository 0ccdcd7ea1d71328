//! Watches Kubernetes, compiles what its Ingresses say and pushes it to proxies.

#![forbid(unsafe_code)]
