//! That the proxy's manifests say what the proxy understands.

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use serde_json::Value;

use crate::options::Options;

/// The Deployment and its first container's arguments, as they are once they are in a Pod.
fn deployment() -> (Value, Vec<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/proxy.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let is_it = |document: &Value| document["kind"] == "Deployment";
    let deployment = documents.into_iter().find(is_it).unwrap();
    let args = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    let args = args.as_array().unwrap().iter().map(|arg| {
        let arg = arg.as_str().unwrap().replace("$(POD_IP)", "10.0.0.1");
        arg.replace("$(POD_NAME)", "proxy-1")
            .replace("$(POD_NAMESPACE)", "portreeve")
    });
    let args = args.collect();
    (deployment, args)
}

fn options() -> Options {
    let (_, args) = deployment();
    Options::try_parse_from(["portreeve-proxy".to_owned()].into_iter().chain(args)).unwrap()
}

#[test]
fn every_flag_is_one() {
    let options = options();
    assert_eq!(
        options.controller,
        ["portreeve-controller.portreeve.svc:9443"]
    );
    assert_eq!(options.node(), "proxy-1");
}

#[test]
fn a_pod_has_more_time_to_stop_than_the_proxy_takes() {
    let (deployment, _) = deployment();
    let grace = &deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
    let grace = Duration::from_secs(grace.as_u64().unwrap());
    let options = options();
    // What is left is for cutting the rest and writing down the last configuration.
    let takes = options.drain_delay + options.drain_timeout + Duration::from_secs(5);
    assert!(grace > takes, "{grace:?} is not more than {takes:?}");
}

#[test]
fn the_ports_and_folders_are_those_of_the_flags() {
    let (deployment, _) = deployment();
    let options = options();
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let port = |name: &str| {
        let ports = container["ports"].as_array().unwrap();
        let port = ports.iter().find(|port| port["name"] == name).unwrap();
        u16::try_from(port["containerPort"].as_u64().unwrap()).unwrap()
    };
    for (name, listens) in [("http", &options.http), ("https", &options.https)] {
        let addresses = listens.iter().flat_map(|listen| listen.addresses());
        let ports: Vec<_> = addresses.map(|address| address.port()).collect();
        assert!(
            !ports.is_empty() && ports.iter().all(|it| *it == port(name)),
            "{name}"
        );
    }
    assert_eq!(options.admin.loopback().unwrap().port(), port("admin"));
    let mounts = container["volumeMounts"].as_array().unwrap();
    for folder in [&options.identity, &options.cache] {
        let folder = folder.as_ref().unwrap().to_str().unwrap();
        assert!(
            mounts.iter().any(|mount| mount["mountPath"] == folder),
            "{folder}"
        );
    }
}

#[test]
fn nothing_in_the_pod_can_talk_to_kubernetes() {
    let (deployment, _) = deployment();
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    for volume in pod["volumes"].as_array().unwrap() {
        assert!(volume["projected"].is_null(), "{volume}");
    }
}
