//! Of which kind an object is meant to be, by what it says.

use serde_json::{Map, Value};

use portreeve_table::shorten;

use super::text;
use crate::object::Kind;

/// The groups in which a kind of ours is, or has been in other versions.
const OUR_GROUPS: [&str; 3] = [NETWORKING, "extensions", DISCOVERY];
const NETWORKING: &str = "networking.k8s.io";
const DISCOVERY: &str = "discovery.k8s.io";

/// The kinds of these groups that are no business of ours.
const OTHERS: [&str; 4] = ["NetworkPolicy", "IPAddress", "ServiceCIDR", "ClusterCIDR"];

/// How many letters of a kind may be wrong, and how many it may then have.
const WRONG: usize = 2;
const LONGEST: usize = "EndpointSlice".len() + WRONG;

/// Of which kind an object is meant to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// One that is served, whether or not it is written as it should be.
    Served(Kind),
    /// One that is not.
    Other,
    /// That cannot be told, for this reason.
    Unknown(String),
}

/// Of which kind an object is meant to be. One of a foreign group only shares the name of its kind
/// with one of ours, as Knative's Services do.
pub(super) fn meant(object: &Map<String, Value>) -> Meant {
    let written = text(object, "kind").filter(|kind| !kind.is_empty());
    let version = text(object, "apiVersion").unwrap_or_default();
    let group = version.split_once('/').map(|(group, _)| group);
    let is_foreign = group.is_some_and(|group| !OUR_GROUPS.contains(&group));
    let looks_like_ingress = || {
        let spec = object.get("spec").and_then(Value::as_object);
        let has_rules = spec.and_then(|spec| spec.get("rules")).is_some();
        matches!(group, Some(NETWORKING | "extensions")) && has_rules
    };
    match written {
        Some(_) if is_foreign => Meant::Other,
        Some(kind) if OTHERS.contains(&kind) || kind.ends_with("List") => Meant::Other,
        Some(kind) if let Some(kind) = nearest(kind) => Meant::Served(kind),
        _ if looks_like_ingress() => Meant::Served(Kind::Ingress),
        None => Meant::Unknown("has no kind".into()),
        Some(kind) if matches!(group, Some(NETWORKING | DISCOVERY)) => Meant::Unknown(format!(
            "is of kind {:?}, and {} has no such kind",
            shorten(kind),
            shorten(version)
        )),
        Some(_) => Meant::Other,
    }
}

/// The kind that is written like this but for a letter or two, or their case.
fn nearest(written: &str) -> Option<Kind> {
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_lowercase();
    let wrong = |kind: Kind| strsim::damerau_levenshtein(&written, &kind.as_str().to_lowercase());
    let near = Kind::ALL
        .into_iter()
        .map(|kind| (wrong(kind), kind))
        .min()?;
    (near.0 <= WRONG).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_is_known_by_most_of_its_letters_or_by_what_it_says() {
        let rules = json!({"rules": []});
        for (version, kind, spec, expected) in [
            ("networking.k8s.io/v1", "Ingress", &json!({}), "Ingress"),
            ("networking.k8s.io/v7", "ingress", &json!({}), "Ingress"),
            ("", "Ingres", &json!({}), "Ingress"),
            (
                "networking.k8s.io/v1",
                "IngressClas",
                &json!({}),
                "IngressClass",
            ),
            ("v1", "Serivce", &json!({}), "Service"),
            ("v1", "SECRET", &json!({}), "Secret"),
            (
                "discovery.k8s.io/v1",
                "EndpointSlices",
                &json!({}),
                "EndpointSlice",
            ),
            ("extensions/v1beta1", "Route", &rules, "Ingress"),
            ("networking.k8s.io/v1", "", &rules, "Ingress"),
            ("v1", "", &rules, "unknown"),
            ("networking.k8s.io/v1", "Route", &json!({}), "unknown"),
            ("discovery.k8s.io/v1", "Slice", &json!({}), "unknown"),
            ("networking.k8s.io/v1", "NetworkPolicy", &json!({}), "other"),
            ("networking.k8s.io/v1", "IngressList", &json!({}), "other"),
            ("extensions/v1beta1", "Deployment", &json!({}), "other"),
            ("v1", "Endpoints", &json!({}), "other"),
            ("v1", "ConfigMap", &json!({}), "ConfigMap"),
            ("v1", "Pod", &rules, "other"),
            ("serving.knative.dev/v1", "Service", &json!({}), "other"),
            ("example.com/v1", "ingress", &rules, "other"),
        ] {
            let object = json!({"apiVersion": version, "kind": kind, "spec": spec});
            let found = match meant(object.as_object().unwrap()) {
                Meant::Served(kind) => kind.as_str(),
                Meant::Other => "other",
                Meant::Unknown(_) => "unknown",
            };
            assert_eq!(found, expected, "{version} {kind}");
        }
    }
}
