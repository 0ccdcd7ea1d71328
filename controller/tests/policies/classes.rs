//! Whose Ingresses the policies look at.

use portreeve_translate::annotations::POLICIES;
use serde_json::{Value, json};

use crate::cluster::{manifest, put, with_policies};
use crate::corner::Corner;

/// An Ingress that every policy would refuse, of a class by the field or by the annotation.
fn guilty(corner: &Corner, field: Option<&str>, annotation: Option<&str>) -> Value {
    let mut ingress = corner.ingress(&[
        ("portreeve.dev/server-snippet", "deny all;"),
        ("portreeve.dev/auth-secret", "kube-system/x"),
    ]);
    ingress["spec"]["ingressClassName"] = json!(field);
    if let Some(class) = annotation {
        ingress["metadata"]["annotations"]["kubernetes.io/ingress.class"] = json!(class);
    }
    ingress
}

#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn ingresses_of_other_classes_are_not_looked_at() {
    let corner = Corner::make(with_policies().await, "classes", None).await;
    for (field, annotation, is_ours) in [
        (Some("portreeve"), None, true),
        (None, Some("portreeve"), true),
        (Some("nginx"), None, false),
        (None, Some("nginx"), false),
        (Some("portreeve-2"), None, false),
        (None, Some(""), false),
        (None, None, false),
    ] {
        let said = corner.refusal(&guilty(&corner, field, annotation)).await;
        assert_eq!(
            said.is_some(),
            is_ours,
            "{field:?} {annotation:?}: {said:?}"
        );
    }
}

/// The list of classes is where deploy/README.md says, and is all that there is to change.
#[tokio::test]
#[ignore = "needs a cluster: make test"]
async fn the_classes_are_those_of_one_list() {
    let client = with_policies().await;
    let corner = Corner::make(client.clone(), "more-classes", None).await;
    for policy in POLICIES {
        let [mut changed, mut binding] = manifest(&policy);
        let classes = changed.pointer_mut("/spec/variables/0/expression").unwrap();
        assert_eq!(classes.take(), json!("['portreeve']"));
        *classes = json!("['portreeve', 'nginx', '']");
        let name = format!("{}-changed", policy.name);
        changed["metadata"]["name"] = json!(name);
        binding["metadata"]["name"] = json!(name);
        binding["spec"]["policyName"] = json!(name);
        // The other tests go on with those that are as they were.
        let here = json!({"kubernetes.io/metadata.name": corner.name});
        binding["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels": here}});
        put(&client, [changed, binding]).await;
        corner
            .until_refused(
                &name,
                &of_only(policy.name, guilty(&corner, Some("nginx"), None)),
            )
            .await;
    }
    for (field, annotation, is_ours) in [
        (Some("portreeve"), None, true),
        (None, Some("nginx"), true),
        (None, None, true),
        (None, Some(""), true),
        (Some("other"), None, false),
    ] {
        let said = corner.refusal(&guilty(&corner, field, annotation)).await;
        assert_eq!(
            said.is_some(),
            is_ours,
            "{field:?} {annotation:?}: {said:?}"
        );
    }
}

/// The same with only what a policy is about, so that it is this one that refuses it.
fn of_only(policy: &str, mut ingress: Value) -> Value {
    let annotations = ingress["metadata"]["annotations"].as_object_mut().unwrap();
    let kept = match policy {
        "portreeve-snippets" => "portreeve.dev/server-snippet",
        "portreeve-references" => "portreeve.dev/auth-secret",
        _ => "",
    };
    annotations.retain(|key, _| key == kept);
    ingress
}
