//! What must hold of the policies as they are written; what they do is shown in a cluster.

#![cfg(test)]

use std::collections::BTreeSet;

use portreeve_translate::annotations::{
    Effect, Holds, NGINX_PREFIX, OWN_PREFIX, POLICIES, Policy, Refusal, all,
};
use serde_json::{Value, json};

/// The keys of annotations that a policy names.
fn keys(policy: &Policy) -> BTreeSet<String> {
    let manifest = policy.manifest();
    let quoted = manifest.split('"').skip(1).step_by(2);
    let keys = quoted.filter(|text| text.starts_with(NGINX_PREFIX) || text.starts_with(OWN_PREFIX));
    keys.map(ToOwned::to_owned).collect()
}

#[test]
fn each_annotation_is_in_the_policy_for_what_it_holds() {
    let mut known = BTreeSet::new();
    for annotation in all() {
        let names = [Some(annotation.name), annotation.alias];
        for name in names.into_iter().flatten() {
            for key in [NGINX_PREFIX, OWN_PREFIX].map(|prefix| format!("{prefix}{name}")) {
                let named = POLICIES.iter().filter(|policy| keys(policy).contains(&key));
                let named: Vec<_> = named.map(|policy| policy.name).collect();
                let guards = POLICIES.iter().filter(|it| it.guards(annotation.holds));
                let guards: Vec<_> = guards.map(|policy| policy.name).collect();
                assert_eq!(named, guards, "{key}");
                let expected = usize::from(annotation.holds != Holds::Setting);
                assert_eq!(guards.len(), expected, "{key}");
                known.insert(key);
            }
        }
    }
    for policy in POLICIES {
        let unknown: Vec<_> = keys(&policy).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", policy.name);
    }
}

/// By what documentation calls the value, which nobody forgets.
#[test]
fn what_holds_more_than_a_setting_says_so() {
    for annotation in all() {
        let of_value = |words: &[&str]| {
            let mut given = annotation.value.split(|c: char| !c.is_ascii_uppercase());
            given.any(|word| words.contains(&word))
        };
        let expected = match annotation.name {
            _ if of_value(&["NGINX", "RULES"]) => Holds::Configuration,
            _ if of_value(&["SECRET", "CONFIGMAP", "SERVICE"]) => Holds::Object,
            _ if of_value(&["NAMES"]) => Holds::Hosts,
            "from-to-www-redirect" => Holds::Www,
            _ => Holds::Setting,
        };
        assert_eq!(annotation.holds, expected, "{}", annotation.name);
        let is_snippet = annotation.name.ends_with("-snippet");
        assert_eq!(is_snippet, annotation.holds == Holds::Configuration);
        if is_snippet {
            let is_refused = matches!(
                annotation.effect,
                Effect::Refused(Refusal { harmless, .. }) if !harmless("x")
            );
            assert!(is_refused, "{}: its policy says why", annotation.name);
        }
    }
}

#[test]
fn each_policy_is_bound_and_fails_closed() {
    for policy in POLICIES {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&policy.manifest()).unwrap();
        let [manifest, binding] = documents.try_into().unwrap();
        assert_eq!(manifest["metadata"]["name"], policy.name);
        assert_eq!(manifest["spec"]["failurePolicy"], "Fail");
        assert_eq!(binding["spec"]["policyName"], policy.name);
        assert_eq!(binding["spec"]["validationActions"], json!(["Deny"]));
        // Where deploy/kustomization.yaml changes it.
        assert_eq!(manifest["spec"]["variables"][0]["name"], "classes");
    }
}
