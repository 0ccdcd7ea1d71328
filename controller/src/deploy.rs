//! That the manifests say what the controller understands, and allow what it asks for.

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use portreeve_identity::Role;
use serde_json::Value;

use crate::lease::Timing;
use crate::options::Options;
use crate::pki::Entry;

/// The object of a kind and a name in a file of `deploy`.
fn object(file: &str, kind: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let text = std::fs::read_to_string(path.join(file)).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let is_it = |document: &Value| document["kind"] == kind;
    documents.into_iter().find(is_it).unwrap()
}

fn pod() -> Value {
    object("controller.yaml", "Deployment")["spec"]["template"]["spec"].clone()
}

fn options() -> Options {
    let pod = pod();
    let args = pod["containers"][0]["args"].as_array().unwrap();
    let args = args.iter().map(|arg| {
        let arg = arg.as_str().unwrap().replace("$(POD_IP)", "10.0.0.1");
        arg.replace("$(POD_NAMESPACE)", "portreeve")
    });
    Options::try_parse_from(["portreeve-controller".to_owned()].into_iter().chain(args)).unwrap()
}

/// The names that a rule of the controller's Role is for.
fn names(resource: &str) -> Vec<String> {
    let role = object("rbac.yaml", "Role");
    let rules = role["rules"].as_array().unwrap().iter();
    let rule = rules
        .filter(|rule| rule["resources"][0] == resource)
        .find(|rule| rule["resourceNames"].is_array());
    let names = rule.unwrap()["resourceNames"].as_array().unwrap().iter();
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_flag_is_one_and_names_what_there_is() {
    let options = options();
    let service = options.publish_service.unwrap();
    let proxies = object("proxy.yaml", "Service");
    assert_eq!(proxies["metadata"]["name"], *service.name);
    let class = object("ingressclass.yaml", "IngressClass");
    let controller = class["spec"]["controller"].as_str().unwrap();
    assert!(
        options
            .settings
            .controller_class
            .iter()
            .any(|class| class == controller)
    );
    let port = &object("controller.yaml", "Service")["spec"]["ports"][0]["port"];
    assert_eq!(*port, options.config_listen.port());
}

#[test]
fn the_rights_are_for_the_names_that_are_used() {
    assert_eq!(names("leases"), [options().election_id]);
    let entries = [
        Entry::Authority,
        Entry::Leaf(Role::Controller),
        Entry::Leaf(Role::Proxy),
    ];
    assert_eq!(names("secrets"), entries.map(Entry::secret));
}

#[test]
fn a_pod_has_more_time_to_stop_than_the_controller_takes() {
    let grace = pod()["terminationGracePeriodSeconds"].as_u64().unwrap();
    let takes = crate::siblings::PATIENCE
        + crate::status::FAREWELL
        + Timing::of(options().election_ttl).call;
    assert!(
        Duration::from_secs(grace) > takes,
        "{grace} s is not more than {takes:?}"
    );
}
