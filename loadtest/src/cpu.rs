//! The CPU time of other processes, from the scheduler's own books.
//!
//! `/proc/PID/task/*/schedstat` counts in nanoseconds and holds for every thread, where
//! `/proc/PID/stat` counts clock ticks. Threads that ended are not in it: measure long-lived ones.

use std::fs;
use std::time::Duration;

/// Why a process' CPU time cannot be known.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the CPU time of process {pid}: {source}; is it still running?")]
pub struct CpuError {
    pid: u32,
    source: std::io::Error,
}

/// The time all threads of all `pids` have run.
pub(crate) fn of(pids: &[u32]) -> Result<Duration, CpuError> {
    pids.iter()
        .map(|pid| of_one(*pid).map_err(|source| CpuError { pid: *pid, source }))
        .sum()
}

fn of_one(pid: u32) -> std::io::Result<Duration> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the listing and the reading.
        let schedstat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        let ran = schedstat
            .split_whitespace()
            .next()
            .and_then(|ns| ns.parse::<u64>().ok());
        total += ran.unwrap_or_default();
    }
    Ok(Duration::from_nanos(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_time_grows_and_a_missing_process_is_named() {
        let me = std::process::id();
        let before = of(&[me]).unwrap();
        let mut spent = before;
        while spent <= before {
            spent = of(&[me]).unwrap();
        }
        let error = of(&[u32::MAX]).unwrap_err().to_string();
        assert!(error.contains("4294967295"), "{error}");
    }
}
