//! The admission webhook, as people meet it.

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use crate::place::{NAMESPACE, Place, asked, environment};

/// What is wrong with it is no other object's fault.
const BAD: &str = "nginx.ingress.kubernetes.io/whitelist-source-range=everybody";

/// What kubectl says of a bad Ingress in a namespace that it only would make, and whether it would.
fn apply_a_bad_one(place: &Place, namespace: &str) -> (bool, String) {
    let make = ["create", "ingress", "bad", "--class=portreeve"];
    let what = ["--rule=bad.example/=www:80", "--annotation", BAD];
    let options = ["-n", namespace, "--dry-run=server"];
    place.kubectl_says(&[&make[..], &what, &options].concat())
}

/// The API server believes the webhook, and kubectl says what it says.
pub(crate) async fn refuses_what_is_wrong_and_says_why(place: &Place) {
    is_told_what_is_wrong(place, "shop").await;
    let (is_made, said) = apply_a_bad_one(place, "kube-system");
    assert!(
        is_made,
        "what is the cluster's own is not asked about: {said}"
    );
}

async fn is_told_what_is_wrong(place: &Place, namespace: &str) {
    let said = asked("a bad Ingress is refused", || async {
        match apply_a_bad_one(place, namespace) {
            (false, said) => Ok(said),
            (true, said) => Err(said),
        }
    })
    .await;
    for words in ["whitelist-source-range", "everybody", "Write: "] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
}

/// A setting that both must take the same way, set in the one place there is for it.
pub(crate) async fn reads_what_controllers_read(place: &Place) {
    place.apply_with("namespace-selector");
    for component in ["controller", "admission"] {
        let variable = "PORTREEVE_WATCH_NAMESPACE_SELECTOR=portreeve.dev/ingress=enabled";
        asked("Pods with the setting", || async {
            let pods = place.until_pods(component, 2).await;
            let environments = pods.iter().map(|pod| environment(pod, component));
            let mut have = environments.map(|it| it.contains(&variable.to_string()));
            let all = have.all(|has| has);
            all.then_some(()).ok_or(format!("not every {component}"))
        })
        .await;
    }
    asked("nobody is asked about what is not served", || async {
        let (is_made, said) = apply_a_bad_one(place, "shop");
        is_made.then_some(()).ok_or(said)
    })
    .await;
    let namespaces: Api<Namespace> = Api::all(place.client.clone());
    let label = json!({"metadata": {"labels": {"portreeve.dev/ingress": "enabled"}}});
    let (params, label) = (PatchParams::default(), Patch::Merge(label));
    namespaces.patch("shop", &params, &label).await.unwrap();
    is_told_what_is_wrong(place, "shop").await;
}

/// With cert-manager's annotation, the controller has nothing to say of whom to believe.
pub(crate) async fn is_left_to_cert_manager(place: &Place) {
    let (is_rendered, manifests) = place.render_with("cert-manager");
    assert!(is_rendered, "{manifests}");
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&manifests).unwrap();
    let kind = "ValidatingWebhookConfiguration";
    let configuration = documents.iter().find(|it| it["kind"] == kind).unwrap();
    let annotations = &configuration["metadata"]["annotations"];
    let from = format!("{NAMESPACE}/portreeve-admission");
    assert_eq!(annotations["cert-manager.io/inject-ca-from"], from);
    let api: Api<ValidatingWebhookConfiguration> = Api::all(place.client.clone());
    let annotated = json!({"metadata": {"annotations": annotations}});
    let (name, params) = ("portreeve-admission", PatchParams::default());
    api.patch(name, &params, &Patch::Merge(annotated))
        .await
        .unwrap();
    asked("a controller says so", || async {
        let says = place.logs("controller").await;
        let says = says
            .iter()
            .any(|log| log.contains("cert-manager says whom"));
        says.then_some(()).ok_or("nobody".to_string())
    })
    .await;
    assert_eq!(
        api.list(&ListParams::default()).await.unwrap().items.len(),
        1
    );
}
