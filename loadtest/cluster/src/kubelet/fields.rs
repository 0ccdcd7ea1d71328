//! What a Pod can be told of itself: the field paths of the downward API.

use k8s_openapi::api::core::v1::Pod;

use super::node::{ADDRESS, NAME};

/// The value of a field of this Pod, or nothing for a path that is not supported.
pub(crate) fn value(pod: &Pod, addresses: &[String], path: &str) -> Option<String> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    let or_empty = |value: Option<&String>| Some(value.cloned().unwrap_or_default());
    match path {
        "metadata.name" => or_empty(meta.name.as_ref()),
        "metadata.namespace" => or_empty(meta.namespace.as_ref()),
        "metadata.uid" => or_empty(meta.uid.as_ref()),
        "metadata.labels" => Some(lines(meta.labels.iter().flatten())),
        "metadata.annotations" => Some(lines(meta.annotations.iter().flatten())),
        "spec.nodeName" => Some(NAME.into()),
        "spec.serviceAccountName" => or_empty(spec?.service_account_name.as_ref()),
        "status.hostIP" | "status.hostIPs" => Some(ADDRESS.into()),
        "status.podIP" => or_empty(addresses.first()),
        "status.podIPs" => Some(addresses.join(",")),
        path => {
            let (map, key) = path.strip_suffix("']")?.split_once("['")?;
            match map {
                "metadata.labels" => or_empty(meta.labels.as_ref()?.get(key)),
                "metadata.annotations" => or_empty(meta.annotations.as_ref()?.get(key)),
                _ => None,
            }
        }
    }
}

/// As the downward API writes a map into a file.
fn lines<'a>(map: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let lines: Vec<_> = map.map(|(key, value)| format!("{key}={value:?}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_usual_paths_have_their_values() {
        let pod = json!({
            "metadata": {"name": "a", "namespace": "b", "labels": {"x/y": "1", "z": "2"}},
            "spec": {"serviceAccountName": "c", "containers": []},
        });
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let addresses = ["10.0.0.1".to_owned(), "fd00::1".to_owned()];
        for (path, expected) in [
            ("metadata.name", Some("a")),
            ("metadata.namespace", Some("b")),
            ("metadata.labels['x/y']", Some("1")),
            ("metadata.labels", Some("x/y=\"1\"\nz=\"2\"")),
            ("spec.serviceAccountName", Some("c")),
            ("status.podIP", Some("10.0.0.1")),
            ("status.podIPs", Some("10.0.0.1,fd00::1")),
            ("spec.hostname", None),
        ] {
            assert_eq!(value(&pod, &addresses, path).as_deref(), expected, "{path}");
        }
    }
}
