//! Nothing that is translated is trimmed.

use std::fs;
use std::path::Path;

use k8s_openapi::api::networking::v1::{IngressLoadBalancerStatus, IngressStatus};
use portreeve_translate::{Object, Snapshot, Translation, translate};

use super::*;
use support::{Case, case};

#[path = "../../../translate/tests/support/mod.rs"]
mod support;

fn trimmed(object: &Object) -> Object {
    let trimmed = match &object.content {
        Content::Ingress(object) => Ingress::clone(object).trim(),
        Content::IngressClass(object) => IngressClass::clone(object).trim(),
        Content::Service(object) => Service::clone(object).trim(),
        Content::EndpointSlice(object) => EndpointSlice::clone(object).trim(),
        Content::ConfigMap(object) => ConfigMap::clone(object).trim(),
        Content::Namespace(object) => Namespace::clone(object).trim(),
        Content::Secret(object) => Secret::clone(object.secret()).trim(),
        // The API server keeps no such objects: nothing of them is ever trimmed.
        Content::Refused(_) => return object.clone(),
    };
    Object {
        source: None,
        content: trimmed.content,
    }
}

fn translated(case: &Case, objects: Vec<Object>) -> Translation {
    let (snapshot, _) = Snapshot::from_objects(objects);
    translate(&snapshot, &case.options)
}

#[test]
fn what_is_trimmed_is_translated_as_if_it_were_whole() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../translate/tests/golden");
    let mut seen = 0;
    for file in fs::read_dir(golden).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let (objects, _) = text.split_once("--- config\n").unwrap();
        let case = case(objects);
        let whole = translated(&case, case.objects.clone());
        let trimmed = translated(&case, case.objects.iter().map(trimmed).collect());
        assert_eq!(trimmed, whole, "{objects}");
        seen += 1;
    }
    assert!(seen > 100, "{seen} files");
}

#[test]
fn what_controllers_write_themselves_is_no_change() {
    let before = Ingress::default();
    let mut after = before.clone();
    after.metadata.resource_version = Some("2".into());
    after.metadata.managed_fields = Some(vec![Default::default()]);
    after.metadata.labels = Some([("a".into(), "b".into())].into());
    let last_applied = "kubectl.kubernetes.io/last-applied-configuration";
    after.metadata.annotations = Some([(last_applied.into(), "{}".into())].into());
    let load_balancer = Some(IngressLoadBalancerStatus {
        ingress: Some(vec![Default::default()]),
    });
    after.status = Some(IngressStatus { load_balancer });
    let (before, after) = (before.trim(), after.trim());
    let (Content::Ingress(old), Content::Ingress(new)) = (before.content, after.content) else {
        panic!("an Ingress is an Ingress");
    };
    assert_eq!(old, new);
    assert_ne!(before.status, after.status);
}

#[test]
fn a_slice_keeps_room_for_addresses_and_conditions_only() {
    let mut endpoints = Vec::with_capacity(64);
    endpoints.push(Endpoint {
        addresses: vec!["10.0.0.1".into(), "10.0.0.2".into()],
        node_name: Some("node".into()),
        target_ref: Some(Default::default()),
        ..Endpoint::default()
    });
    let trigger = "endpoints.kubernetes.io/last-change-trigger-time";
    let slice = EndpointSlice {
        metadata: ObjectMeta {
            annotations: Some([(trigger.into(), "now".into())].into()),
            labels: Some([("app".into(), "web".into())].into()),
            ..ObjectMeta::default()
        },
        endpoints: Some(endpoints),
        ..EndpointSlice::default()
    };
    let Content::EndpointSlice(slice) = slice.trim().content else {
        panic!("a slice is a slice");
    };
    let endpoints = slice.endpoints.as_ref().unwrap();
    assert_eq!(endpoints.capacity(), 1);
    let kept = Endpoint {
        addresses: vec!["10.0.0.1".into()],
        ..Endpoint::default()
    };
    assert_eq!(endpoints[0], kept);
    assert_eq!(slice.metadata.annotations, None);
}
