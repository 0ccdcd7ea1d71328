//! The namespaces of a cluster: how they are made, entered and addressed.
//!
//! The programs of util-linux and iproute2 do it, since this crate has no unsafe code. An ordinary
//! user gets a user namespace of their own, in which they may do the same.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::folder::user;
use crate::{ClusterError, Folder};

/// The API server's address within the namespace.
pub const HOST: &str = "10.244.0.1";

/// The other end of every Pod's link.
pub(crate) const GATEWAY: &str = "10.244.128.1";

/// The same for IPv6.
pub(crate) const GATEWAY_6: &str = "fd00:10:244:0:8000::1";

/// The lower half of each range is local, every address of it, without being set up (AnyIP); and
/// none is a loopback address, which EndpointSlices refuse. The upper half is for Pods.
const LINES: &str = "link set lo up
route add local 10.244.0.0/17 dev lo
address add 10.244.128.1/32 dev lo
";

/// The same for IPv6.
const LINES_6: &str = "route add local fd00:10:244::/65 dev lo
";

/// A command that runs what it is given as arguments in new namespaces.
pub fn within() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount"]);
    if user() != 0 {
        command.args(["--user", "--map-root-user"]);
    }
    command.arg("--");
    command
}

/// A command that runs what it is given as arguments in the namespaces of a running cluster, with
/// KUBECONFIG set.
pub fn entering(folder: &Folder) -> Result<Command, ClusterError> {
    let absent = || ClusterError::NotRunning(folder.path().into());
    let pid = folder.process("cluster").ok_or_else(absent)?;
    let mut command = Command::new("nsenter");
    command.args(["--target", &pid.to_string()]);
    if user() != 0 {
        command.args(["--user", "--preserve-credentials"]);
    }
    command.args(["--net", "--"]);
    command.env("KUBECONFIG", folder.kubeconfig());
    command.env(crate::folder::VARIABLE, folder.path());
    Ok(command)
}

/// Gives the namespace that this process runs in its addresses.
pub(crate) async fn set_up() -> Result<(), ClusterError> {
    ip(LINES).await?;
    if has_ipv6() {
        ip(LINES_6).await?;
    }
    for forwarding in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
        let _ = fs::write(format!("/proc/sys/net/{forwarding}"), "1");
    }
    Ok(())
}

/// Whether the kernel has IPv6; without it a cluster has none.
pub(crate) fn has_ipv6() -> bool {
    Path::new("/proc/sys/net/ipv6").exists()
}

/// Runs lines of `ip`.
pub(crate) async fn ip(lines: &str) -> Result<(), ClusterError> {
    feed(Command::new("ip").args(["-batch", "-"]), lines).await
}

/// Runs a command with this input, and fails with what it said.
pub(crate) async fn feed(command: &mut Command, input: &str) -> Result<(), ClusterError> {
    let program = name(command.as_std().get_program());
    let failed = || ClusterError::program(program.clone());
    command.stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read says why on its standard error.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(failed())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ClusterError::Failed { program, said })
}

fn name(program: &OsStr) -> String {
    program.to_string_lossy().into_owned()
}
