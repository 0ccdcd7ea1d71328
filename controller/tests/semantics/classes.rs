//! Whose an Ingress is, by its class: field, annotation, names and settings.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::events::told;
use crate::place::{Place, apply};
use crate::stage::Stage;

const OTHER: &str = "example.com/somebody-else";

fn field(class: &str) -> Value {
    json!({"ingressClassName": class})
}

fn annotation(class: &str) -> Value {
    json!({"annotations": {"kubernetes.io/ingress.class": class}})
}

fn none() -> Value {
    json!({})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_class_is_ours_by_its_controller_and_a_foreign_one_gets_no_route_and_no_status() {
    let stage = Stage::start("by-controller", 1).await;
    stage.place.make_class("by-controller-2", OTHER).await;
    stage
        .make_ingress("ours", &none(), &field("by-controller"))
        .await;
    stage.is_ours("ours").await;
    stage
        .make_ingress("foreign", &none(), &field("by-controller-2"))
        .await;
    stage.is_not_ours("foreign").await;
    stage
        .make_ingress("missing", &none(), &field("by-controller-3"))
        .await;
    stage.is_not_ours("missing").await;
    // A class that is made late is one all the same.
    let ours = stage.place.controller_class();
    stage.place.make_class("by-controller-3", &ours).await;
    stage.is_ours("missing").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_class_never_changes_its_controller() {
    let place = Place::new("immutable", 2).await;
    let classes: Api<IngressClass> = Api::all(place.client.clone());
    let other = json!({"metadata": {"name": "immutable"}, "spec": {"controller": OTHER}});
    let refused = apply(&classes, &other).await.unwrap_err().to_string();
    assert!(refused.contains("immutable"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn the_annotation_names_a_class_unless_the_field_does() {
    let stage = Stage::start("annotation", 3).await;
    stage.place.make_class("annotation-2", OTHER).await;
    stage
        .make_ingress("ours", &annotation("annotation"), &none())
        .await;
    stage.is_ours("ours").await;
    stage
        .make_ingress("foreign", &annotation("annotation-2"), &none())
        .await;
    stage.is_not_ours("foreign").await;
    // The API server takes both only in an Ingress that exists.
    stage
        .make_ingress("by-field", &none(), &field("annotation"))
        .await;
    stage.is_ours("by-field").await;
    stage
        .make_ingress(
            "by-field",
            &annotation("annotation-2"),
            &field("annotation"),
        )
        .await;
    stage
        .make_ingress("not-by-field", &none(), &field("annotation-2"))
        .await;
    stage
        .make_ingress(
            "not-by-field",
            &annotation("annotation"),
            &field("annotation-2"),
        )
        .await;
    stage.is_not_ours("not-by-field").await;
    stage.is_ours("by-field").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn the_flag_says_which_names_the_annotation_may_have_and_not_which_the_field_may() {
    let place = Place::new("names", 4).await;
    place.make_class("names-taken", OTHER).await;
    let flags = ["--ingress-class=names-old,names-taken"];
    let stage = Stage::start_with(place, &flags).await;
    stage
        .make_ingress("old", &annotation("names-old"), &none())
        .await;
    stage.is_ours("old").await;
    for (name, metadata, spec) in [
        ("unknown", annotation("names-unknown"), none()),
        // There is a class of that name, and it says that it is another controller's.
        ("taken", annotation("names-taken"), none()),
        ("field", none(), field("names-old")),
    ] {
        stage.make_ingress(name, &metadata, &spec).await;
        stage.is_not_ours(name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn classes_by_name_are_served_beside_those_by_controller() {
    let place = Place::new("by-name", 5).await;
    place.make_class("by-name-taken", OTHER).await;
    place.make_class("by-name-foreign", OTHER).await;
    let flags = [
        "--ingress-class=by-name-absent,by-name-taken",
        "--ingress-class-by-name",
    ];
    let stage = Stage::start_with(place, &flags).await;
    for class in ["by-name", "by-name-absent", "by-name-taken"] {
        stage.make_ingress(class, &none(), &field(class)).await;
        stage.is_ours(class).await;
    }
    stage
        .make_ingress("foreign", &none(), &field("by-name-foreign"))
        .await;
    stage.is_not_ours("foreign").await;
}

/// Makes a class whose settings are in a ConfigMap; `scope` says where that is.
async fn make_class_with(stage: &Stage, name: &str, scope: Value) {
    let mut parameters = json!({"kind": "ConfigMap", "name": "settings"});
    for (field, value) in scope.as_object().unwrap() {
        parameters[field] = value.clone();
    }
    let spec = json!({"controller": stage.place.controller_class(), "parameters": parameters});
    let class = json!({"metadata": {"name": name}, "spec": spec});
    stage.place.make_cluster_wide::<IngressClass>(&class).await;
}

async fn set_profile(place: &Place, profile: &str) {
    let map = json!({"metadata": {"name": "settings"}, "data": {"profile": profile}});
    place.make::<ConfigMap>(&map).await;
}

/// What the profiles answer to `/shop` where only `/shop/` is a path.
const STANDARD: u16 = 404;
const NGINX: u16 = 301;

/// An Ingress by which the profiles can be told apart.
async fn make_telling(stage: &Stage, name: &str, class: &str) {
    let mut rule = stage.place.rule(name, "web", &json!({"number": 80}));
    let path = &mut rule["http"]["paths"][0];
    (path["path"], path["pathType"]) = ("/shop/".into(), "Exact".into());
    let spec = json!({"ingressClassName": class, "rules": [rule]});
    let object = json!({"metadata": {"name": name}, "spec": spec});
    stage.place.make::<Ingress>(&object).await;
    stage.answers(name, "/shop/", 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn the_parameters_of_a_class_name_its_profile_and_a_change_of_it_is_served() {
    let stage = Stage::start("parameters", 6).await;
    set_profile(&stage.place, "nginx").await;
    let here = json!({"scope": "Namespace", "namespace": "parameters"});
    make_class_with(&stage, "parameters-here", here).await;
    make_telling(&stage, "plain", "parameters").await;
    make_telling(&stage, "telling", "parameters-here").await;
    stage.answers("telling", "/shop", NGINX).await;
    assert_eq!(stage.answer("plain", "/shop").await, STANDARD);
    set_profile(&stage.place, "standard").await;
    stage.answers("telling", "/shop", STANDARD).await;
    set_profile(&stage.place, "nginx").await;
    stage.answers("telling", "/shop", NGINX).await;
    let params = PatchParams::default();
    let maps = stage.place.api::<ConfigMap>();
    let none = Patch::Merge(json!({"data": null}));
    maps.patch("settings", &params, &none).await.unwrap();
    stage.answers("telling", "/shop", STANDARD).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn parameters_elsewhere_are_said_of_the_class_which_is_served_as_without_them() {
    let stage = Stage::start("parameters-else", 7).await;
    set_profile(&stage.place, "nginx").await;
    for (class, scope) in [
        ("parameters-cluster", json!({"scope": "Cluster"})),
        ("parameters-unsaid", json!({})),
        (
            "parameters-other",
            json!({"scope": "Namespace", "namespace": "default"}),
        ),
    ] {
        make_class_with(&stage, class, scope).await;
        make_telling(&stage, class, class).await;
        assert_eq!(stage.answer(class, "/shop").await, STANDARD, "{class}");
        let note = told(&stage.place, "default", class, "ClassParameters").await;
        assert!(note.contains("spec.parameters.namespace"), "{note}");
        println!("{class}: {note}");
    }
}
