//! The command line that becomes a container's program, step by step: into the Pod's network, into
//! a mount namespace of its own, its volumes in their places, the new root.

use std::collections::BTreeMap;
use std::fs;

use tokio::process::Command;

use super::container::Runner;
use super::env::{self, Context};
use super::{names, root};

/// Mounts everything that the fstab `$1` lists and becomes `$4` in the root `$2`, folder `$3`. The
/// last to change the process makes it mortal: it dies with the kubelet.
const START: &str = r#"
mount --all --fstab "$1"
root=$2 folder=$3
shift 3
exec setpriv --pdeathsig KILL -- chroot "$root" env --chdir "$folder" "$@"
"#;

/// The command that becomes the container's program.
pub(crate) fn command(it: &Runner) -> Result<Command, String> {
    let environment = environment(it)?;
    let words = words(it, &environment)?;
    let root = it.folder.join(format!("root-{}", it.container.name));
    let fstab = it.folder.join(format!("{}.fstab", it.container.name));
    if !fstab.exists() {
        let mut mounts = vec![names::mount(&it.shared.folder)];
        // A volume in that place wins.
        mounts.extend(it.mounts.iter().cloned());
        let lines = root::build(&root, &mounts, "/".as_ref());
        let written = lines.and_then(|lines| fs::write(&fstab, lines));
        written.map_err(|error| format!("the container's root: {error}"))?;
    }
    let mut command = match &it.network {
        Some(network) => {
            let mut command = Command::new("nsenter");
            command
                .arg(format!("--net={}", network.display()))
                .args(["--", "unshare"]);
            command
        }
        None => Command::new("unshare"),
    };
    command
        .args(["--mount", "--", "sh", "-ec", START, "sh"])
        .arg(fstab)
        .arg(root);
    command
        .arg(it.container.working_dir.as_deref().unwrap_or("/"))
        .args(words);
    command.env_clear().envs(environment);
    Ok(command)
}

/// The container's environment, or what it waits for.
pub(crate) fn environment(it: &Runner) -> Result<BTreeMap<String, String>, String> {
    let context = Context {
        pod: &it.pod,
        addresses: &it.addresses,
        objects: &it.shared.objects,
    };
    env::environment(&context, &it.container)
}

fn words(it: &Runner, environment: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let expand = |words: &Option<Vec<String>>| -> Vec<String> {
        let words = words.iter().flatten();
        words.map(|word| env::expand(word, environment)).collect()
    };
    let container = &it.container;
    let image = container.image.as_deref().unwrap_or_default();
    let port = container
        .ports
        .iter()
        .flatten()
        .next()
        .map_or(0, |port| port.container_port);
    let meta = &it.pod.metadata;
    let values = BTreeMap::from([
        ("POD_IP", it.addresses.first().cloned().unwrap_or_default()),
        ("POD_NAME", meta.name.clone().unwrap_or_default()),
        ("POD_NAMESPACE", meta.namespace.clone().unwrap_or_default()),
        ("PORT", port.to_string()),
    ]);
    let (command, arguments) = (expand(&container.command), expand(&container.args));
    let unknown = || {
        format!(
            "nothing runs for the image {image}: start the cluster with --image '{image}=PROGRAM {{ARGS}}'"
        )
    };
    let found = it
        .shared
        .images
        .command(image, &command, &arguments, &values);
    found.ok_or_else(unknown)
}
