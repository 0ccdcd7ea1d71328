//! How much room a process takes, as the kernel tells.

use std::fs;

use crate::process::Process;

/// What a process takes now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Resident memory, in units of 1000 bytes.
    pub(crate) resident: u64,
    /// What of that is its own: the rest are files, of which the kernel keeps what it likes.
    pub(crate) own: u64,
    /// The most that it ever was.
    pub(crate) most: u64,
    /// Open file descriptors.
    pub(crate) descriptors: u64,
}

impl Room {
    pub(crate) fn of(process: &Process) -> Self {
        let folder = format!("/proc/{}", process.id);
        let status = fs::read_to_string(format!("{folder}/status")).unwrap();
        let field = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
            kibibytes.parse::<u64>().unwrap() * 1024 / 1000
        };
        let descriptors = fs::read_dir(format!("{folder}/fd")).unwrap().count();
        Self {
            resident: field("VmRSS:"),
            own: field("RssAnon:"),
            most: field("VmHWM:"),
            descriptors: u64::try_from(descriptors).unwrap(),
        }
    }
}
