//! What may link what.

use super::packages::{linked, ours};

/// What each of our packages may link of ours, directly or through others. Whoever adds a package
/// adds a line here.
const LAYERS: [(&str, &[&str]); 12] = [
    ("portreeve-process", &[]),
    ("portreeve-table", &[]),
    ("portreeve-acme", &["portreeve-table"]),
    ("portreeve-identity", &["portreeve-table"]),
    ("portreeve-translate", &["portreeve-table"]),
    (
        "portreeve-proxy",
        &[
            "portreeve-acme",
            "portreeve-identity",
            "portreeve-process",
            "portreeve-table",
            "portreeve-translate",
        ],
    ),
    (
        "portreeve-watch",
        &[
            "portreeve-process",
            "portreeve-table",
            "portreeve-translate",
        ],
    ),
    (
        "portreeve-settings",
        &[
            "portreeve-process",
            "portreeve-table",
            "portreeve-translate",
            "portreeve-watch",
        ],
    ),
    (
        "portreeve-controller",
        &[
            "portreeve-acme",
            "portreeve-identity",
            "portreeve-process",
            "portreeve-settings",
            "portreeve-table",
            "portreeve-translate",
            "portreeve-watch",
        ],
    ),
    // It never sees a Secret, so it has nothing to do with who signs.
    (
        "portreeve-admission",
        &[
            "portreeve-process",
            "portreeve-settings",
            "portreeve-table",
            "portreeve-translate",
            "portreeve-watch",
        ],
    ),
    ("portreeve-cluster", &[]),
    ("portreeve-loadtest", &[]),
];

#[test]
fn our_packages_link_only_the_layers_below() {
    for package in ours() {
        let layer = LAYERS.iter().find(|(name, _)| *name == package.name);
        let (name, allowed) = layer.unwrap_or_else(|| panic!("add {} to LAYERS", package.name));
        for below in linked(name)
            .iter()
            .filter(|linked| linked.starts_with("portreeve-"))
        {
            assert!(
                allowed.contains(&below.as_str()),
                "{name} must not link {below}"
            );
        }
    }
}

#[test]
fn table_and_translate_link_no_runtime_and_no_network() {
    for pure in ["portreeve-table", "portreeve-translate"] {
        let linked = linked(pure);
        for io in [
            "tokio",
            "mio",
            "hyper",
            "h2",
            "socket2",
            "kube",
            "kube-client",
            "notify",
        ] {
            assert!(!linked.contains(io), "{pure} is pure, and links {io}");
        }
    }
}

#[test]
fn the_proxy_links_no_kubernetes_client() {
    let linked = linked("portreeve-proxy");
    for client in ["kube", "kube-client", "kube-runtime"] {
        assert!(
            !linked.contains(client),
            "a proxy has no credentials, and links {client}"
        );
    }
}

#[test]
fn one_cryptography_provider_is_linked() {
    for package in ours() {
        let linked = linked(&package.name);
        for other in ["ring", "openssl-sys", "native-tls"] {
            let name = &package.name;
            assert!(
                !linked.contains(other),
                "{name} links {other}: turn off default features"
            );
        }
    }
}

#[test]
fn what_is_linked_is_seen() {
    let linked = linked("portreeve-proxy");
    for known in ["portreeve-table", "tokio", "hyper", "aws-lc-rs"] {
        assert!(
            linked.contains(known),
            "the rules above see nothing: {known} is not found"
        );
    }
}
