//! A process that has lost a part of itself ends, so that it is started again.

use crate::harness::{Proxy, wait_until};

/// A worker needs files that its own thread opens. Among the limits that let the process begin
/// there are some that leave none for it.
#[test]
fn a_worker_that_ends_takes_the_process_along() {
    let mut reasons = Vec::new();
    for limit in 8..64 {
        let mut proxy = Proxy::with_open_files(limit).spawn();
        let mut status = None;
        wait_until("an end or a beginning", || {
            status = proxy.has_ended();
            status.is_some() || proxy.is_ready()
        });
        let Some(status) = status else { continue };
        assert_eq!(status.code(), Some(1), "{limit}: {}", proxy.said());
        let is_reason = |line: &str| !line.contains(": listening ");
        wait_until("the reason", || proxy.said().lines().any(is_reason));
        if proxy.said().contains("worker 0 has ended: ") {
            return;
        }
        reasons.push(proxy.said());
    }
    panic!("{reasons:#?}");
}
