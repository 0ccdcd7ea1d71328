//! Who holds a port, as far as the kernel tells us: for the error of a port that is taken.

use std::fs;
use std::net::SocketAddr;

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
        let name = fs::read_to_string(process.path().join("comm")).ok()?;
        let id = process.file_name();
        holds.then(|| format!("{} (process {})", name.trim_end(), id.to_string_lossy()))
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
