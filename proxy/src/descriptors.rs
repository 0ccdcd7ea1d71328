//! How many files the process may have open, and the few that traffic may not use up.
//!
//! The kernel gives out the lowest free number, so a connection with one of the last numbers says
//! that they are nearly all taken. Those are kept for probes, metrics and manifests: a proxy that
//! cannot be asked how it is looks dead.

use std::fs;
use std::os::fd::AsRawFd;

/// How many are kept.
const KEPT: usize = 32;

/// The process' limit of open files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descriptors {
    limit: usize,
}

impl Descriptors {
    /// Asks the kernel; where it does not say, the smallest usual limit.
    pub(crate) fn of_process() -> Self {
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        Self {
            limit: parse(&limits).unwrap_or(1024),
        }
    }

    /// How many clients there is room for: each may need a connection to an endpoint as well.
    pub(crate) fn for_clients(self) -> usize {
        (self.limit.saturating_sub(2 * KEPT) / 5 * 4).max(16)
    }

    /// Whether a connection took one of those that are kept.
    pub(crate) fn is_scarce(self, connection: &impl AsRawFd) -> bool {
        let number = usize::try_from(connection.as_raw_fd()).unwrap_or(0);
        number >= self.limit.saturating_sub(KEPT).max(self.limit / 2)
    }
}

fn parse(limits: &str) -> Option<usize> {
    let mut lines = limits.lines();
    let line = lines.find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_soft_one() {
        let limits =
            "Limit    Soft Limit  Hard Limit  Units\nMax open files   1024   4096   files\n";
        assert_eq!(parse(limits), Some(1024));
        let unlimited = "Max open files   unlimited   unlimited   files\n";
        assert_eq!(parse(unlimited), None);
    }

    #[test]
    fn the_last_ones_are_scarce() {
        let number = std::io::stderr();
        assert!(!Descriptors { limit: 1024 }.is_scarce(&number));
        assert!(Descriptors { limit: 2 }.is_scarce(&number));
        assert_eq!(Descriptors { limit: 1024 }.for_clients(), 768);
    }
}
