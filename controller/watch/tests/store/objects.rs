//! Objects as an API server writes them.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

fn metadata(namespace: &str, name: &str, version: u64) -> Value {
    json!({
        "namespace": namespace,
        "name": name,
        "uid": format!("uid-{name}"),
        "resourceVersion": version.to_string(),
        "managedFields": [{"manager": "test", "operation": "Apply"}],
    })
}

/// An Ingress in `shop`, for the host `NAME.example` and the Service `web`.
pub(crate) fn ingress(name: &str, version: u64) -> Value {
    ingress_in("shop", name, version)
}

pub(crate) fn ingress_in(namespace: &str, name: &str, version: u64) -> Value {
    let service = json!({"name": "web", "port": {"number": 80}});
    let path = json!({"path": "/", "pathType": "Prefix", "backend": {"service": service}});
    let rule = json!({"host": format!("{name}.example"), "http": {"paths": [path]}});
    json!({
        "metadata": metadata(namespace, name, version),
        "spec": {"rules": [rule]},
    })
}

/// The Service `shop/web`.
pub(crate) fn service(version: u64) -> Value {
    json!({
        "metadata": metadata("shop", "web", version),
        "spec": {"ports": [{"port": 80}]},
    })
}

/// A slice in `shop`, with one endpoint of a Service.
pub(crate) fn slice(name: &str, service: &str, address: &str, version: u64) -> Value {
    let mut slice = json!({
        "metadata": metadata("shop", name, version),
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": true}, "nodeName": "n"}],
    });
    slice["metadata"]["labels"] = json!({"kubernetes.io/service-name": service});
    slice
}

/// A class of ours.
pub(crate) fn class(name: &str, version: u64) -> Value {
    let mut class = json!({
        "metadata": metadata("", name, version),
        "spec": {"controller": "portreeve.dev/ingress-controller"},
    });
    class["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    class
}

pub(crate) fn namespace(name: &str, version: u64) -> Value {
    let mut namespace = json!({"metadata": metadata("", name, version)});
    namespace["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    namespace
}

/// A Namespace that lists these hosts.
pub(crate) fn listing(name: &str, hosts: &str, version: u64) -> Value {
    let mut namespace = namespace(name, version);
    namespace["metadata"]["annotations"] = json!({"portreeve.dev/hosts": hosts});
    namespace
}

/// The same with a status that says where it can be reached.
pub(crate) fn reached_at(mut object: Value, address: &str, version: u64) -> Value {
    object["status"] = json!({"loadBalancer": {"ingress": [{"ip": address}]}});
    object["metadata"]["resourceVersion"] = version.to_string().into();
    object
}

/// Settings of a class.
pub(crate) fn config_map(namespace: &str, name: &str, version: u64) -> Value {
    json!({"metadata": metadata(namespace, name, version), "data": {"profile": "nginx"}})
}

/// A Secret of one challenge, in a namespace, whose token is its name.
pub(crate) fn challenge(namespace: &str, name: &str, version: u64) -> Value {
    let entry = json!({
        "token": name,
        "host": "a.example",
        "keyAuthorization": format!("{name}.thumbprint"),
        "ingress": {"namespace": "shop", "name": "web"},
    });
    let list = json!([entry]).to_string();
    json!({
        "metadata": metadata(namespace, name, version),
        "type": "portreeve.dev/acme-challenge",
        "data": {"challenges.json": ByteString(list.into_bytes())},
    })
}
