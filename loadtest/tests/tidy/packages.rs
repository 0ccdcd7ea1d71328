//! The packages of the workspace and what they link, as cargo resolves their features.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::files;

/// A package of ours.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its crate roots: the library and the binaries.
    pub(crate) roots: Vec<String>,
}

/// Our packages.
pub(crate) fn ours() -> Vec<Package> {
    let said = cargo(&["metadata", "--format-version", "1", "--locked", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&said).unwrap();
    let package = |package: &Value| Package {
        name: text(&package["name"]),
        roots: list(&package["targets"])
            .iter()
            .filter(is_root)
            .map(|t| text(&t["src_path"]))
            .collect(),
    };
    list(&metadata["packages"]).iter().map(package).collect()
}

/// The names of what `package` links, itself and through others. Build scripts and tests are left
/// out: they are in no binary. (`cargo metadata` would also list what no feature switches on.)
pub(crate) fn linked(package: &str) -> BTreeSet<String> {
    let said = cargo(&[
        "tree", "--locked", "-p", package, "-e", "normal", "--prefix", "none",
    ]);
    let names = said
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    names
        .filter(|name| *name != package)
        .map(ToOwned::to_owned)
        .collect()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(files::root())
        .output();
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn is_root(target: &&Value) -> bool {
    list(&target["kind"])
        .iter()
        .any(|kind| kind == "lib" || kind == "bin")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
