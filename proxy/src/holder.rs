//! Who holds a port or the lock of a file, as far as the kernel tells us: for the error of what is
//! taken.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// `NAME (process ID)` of whoever listens on the address's port; `None` when we may not know.
pub(crate) fn of(address: SocketAddr) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| {
            let table = fs::read_to_string(table).ok()?;
            listener_inode(&table, address.port()).map(str::to_string)
        })?;
    let link = format!("socket:[{inode}]");
    let mut processes = fs::read_dir("/proc").ok()?.flatten();
    processes.find_map(|process| {
        // `self` and `thread-self` are no processes of their own.
        process.file_name().to_str()?.parse::<u32>().ok()?;
        let mut files = fs::read_dir(process.path().join("fd")).ok()?.flatten();
        let holds =
            files.any(|file| fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == &*link));
        let id = process.file_name();
        holds.then(|| named(&id.to_string_lossy())).flatten()
    })
}

/// `NAME (process ID)` of whoever has the file locked as a whole (flock, proc_locks(5)); `None` when
/// we may not know.
pub(crate) fn of_lock(file: &Path) -> Option<String> {
    let inode = fs::metadata(file).ok()?.ino();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    named(locker(&locks, inode)?)
}

fn named(id: &str) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{id}/comm")).ok()?;
    Some(format!("{} (process {id})", name.trim_end()))
}

/// The id of whoever has locked a file: `1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF`.
fn locker(table: &str, inode: u64) -> Option<&str> {
    let inode = format!(":{inode}");
    table.lines().find_map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        match columns[..] {
            // Who waits for it has an arrow before that.
            [_, "FLOCK", _, _, id, file, ..] if file.ends_with(&inode) => Some(id),
            _ => None,
        }
    })
}

/// The inode of the socket in state LISTEN (0A) on `port`, from the kernel's table.
fn listener_inode(table: &str, port: u16) -> Option<&str> {
    let port = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_whitespace();
        let local = columns.nth(1)?;
        let state = columns.nth(1)?;
        let inode = columns.nth(5)?;
        (local.ends_with(&port) && state == "0A").then_some(inode)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_our_own_port_is_us() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of(listener.local_addr().unwrap()).unwrap();
        let us = format!("(process {})", std::process::id());
        assert!(holder.ends_with(&us), "{holder}");
    }
}
