//! A Pod's network: a namespace with a link to the cluster's, held by a process that sleeps.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::ClusterError;
use crate::namespace::{GATEWAY, GATEWAY_6, has_ipv6, ip};
use crate::process::{Process, Registry};

/// Sets up the inner end of the link from the namespace itself, says so, and sleeps.
const HOLD: &str = "printf '%s' \"$1\" | ip -batch - && echo up && exec sleep infinity";

/// How many Pods have addresses before the first is given again.
const ADDRESSES: u32 = 31_000;

/// The network of a running Pod. Its link goes with it.
pub(crate) struct Sandbox {
    holder: Process,
    number: u32,
}

impl Sandbox {
    /// Makes the network of the Pod with this number.
    pub(crate) async fn start(
        name: &str,
        number: u32,
        registry: &Registry,
    ) -> Result<Self, ClusterError> {
        let mut command = Command::new("unshare");
        command.args([
            "--net",
            "--",
            "setpriv",
            "--pdeathsig",
            "KILL",
            "--",
            "sh",
            "-c",
            HOLD,
            "sh",
        ]);
        command.arg(inner(number)).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(ClusterError::program("unshare"))?;
        let out = child.stdout.take();
        let holder = Process::adopt(name, child, registry);
        let mut line = String::new();
        if let Some(out) = out {
            // What went wrong is that the line is not there.
            let _ = BufReader::new(out).read_line(&mut line).await;
        }
        let sandbox = Self { holder, number };
        if line != "up\n" {
            sandbox.stop().await;
            let said = "the Pod's link could not be made; its lines are above".into();
            return Err(ClusterError::Failed {
                program: "ip".into(),
                said,
            });
        }
        ip(&outer(number)).await?;
        Ok(sandbox)
    }

    /// The Pod's addresses.
    pub(crate) fn addresses(&self) -> Vec<String> {
        addresses(self.number)
    }

    /// The file by which its network namespace is entered.
    pub(crate) fn namespace(&self) -> std::path::PathBuf {
        Path::new("/proc")
            .join(self.holder.pid().to_string())
            .join("ns/net")
    }

    /// Takes the network away.
    pub(crate) async fn stop(&self) {
        self.holder.kill().await;
    }
}

fn addresses(number: u32) -> Vec<String> {
    let number = number % ADDRESSES;
    let mut addresses = vec![format!(
        "10.244.{}.{}",
        128 + number / 250,
        2 + number % 250
    )];
    if has_ipv6() {
        addresses.push(format!("fd00:10:244:0:8000::{:x}", number + 16));
    }
    addresses
}

fn inner(number: u32) -> String {
    let own = std::process::id();
    let mut lines =
        format!("link set lo up\nlink add eth0 type veth peer name pod{number} netns {own}\n");
    for address in addresses(number) {
        lines += &format!(
            "address add {} dev eth0 {}\n",
            prefix(&address),
            flags(&address)
        );
    }
    lines += "link set eth0 up\n";
    for address in addresses(number) {
        let gateway = gateway(&address);
        lines +=
            &format!("route add {gateway} dev eth0\nroute add default via {gateway} dev eth0\n");
    }
    lines
}

fn outer(number: u32) -> String {
    let mut lines = String::new();
    if has_ipv6() {
        lines += &format!("address add {GATEWAY_6}/128 dev pod{number} nodad\n");
    }
    lines += &format!("link set pod{number} up\n");
    for address in addresses(number) {
        let gateway = gateway(&address);
        lines += &format!(
            "route add {} dev pod{number} src {gateway}\n",
            prefix(&address)
        );
    }
    lines
}

fn gateway(address: &str) -> &'static str {
    if address.contains(':') {
        GATEWAY_6
    } else {
        GATEWAY
    }
}

fn prefix(address: &str) -> String {
    format!("{address}/{}", if address.contains(':') { 128 } else { 32 })
}

/// Nobody else can have an IPv6 address of this link: it can be used at once.
fn flags(address: &str) -> &'static str {
    if address.contains(':') { "nodad" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pod_has_addresses_of_its_own_in_the_upper_half() {
        let all: std::collections::BTreeSet<_> = (0..ADDRESSES)
            .filter_map(|number| addresses(number).into_iter().next())
            .collect();
        assert_eq!(all.len(), ADDRESSES as usize);
        let upper = |address: &String| {
            let ip: std::net::Ipv4Addr = address.parse().unwrap();
            let octets = ip.octets();
            octets[2] >= 128 && ip.to_string() != GATEWAY
        };
        assert!(all.iter().all(upper));
    }
}
