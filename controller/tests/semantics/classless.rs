//! Ingresses without a class, and the class that they are given.
//!
//! What is default is so for the whole cluster, so these tests run one after the other; no other
//! test makes an Ingress without a class and annotation.

use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::place::{Place, apply};
use crate::stage::Stage;

static ALONE: Mutex<()> = Mutex::const_new(());

const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

fn none() -> Value {
    json!({})
}

/// The class that an Ingress has.
async fn class(place: &Place, ingress: &str) -> Option<String> {
    let ingress = place.api::<Ingress>().get(ingress).await.unwrap();
    ingress.spec.and_then(|spec| spec.ingress_class_name)
}

/// Makes a class, default or not.
async fn make_default(place: &Place, name: &str, is_default: bool) {
    let metadata = json!({"name": name, "annotations": {IS_DEFAULT: is_default.to_string()}});
    let spec = json!({"controller": place.controller_class()});
    let class = json!({"metadata": metadata, "spec": spec});
    place.make_cluster_wide::<IngressClass>(&class).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_ingress_without_a_class_is_served_only_where_that_is_asked_for() {
    let _alone = ALONE.lock().await;
    let stage = Stage::start("classless", 11).await;
    stage.make_ingress("none", &none(), &none()).await;
    stage.is_not_ours("none").await;
    let empty = json!({"annotations": {"kubernetes.io/ingress.class": ""}});
    stage.make_ingress("empty", &empty, &none()).await;
    stage.is_not_ours("empty").await;

    let place = Place::new("classless-asked", 12).await;
    // Another test's may be without a class too.
    let flags = [
        "--watch-ingress-without-class",
        "--watch-namespace=classless-asked",
    ];
    let asked = Stage::start_with(place, &flags).await;
    asked.make_ingress("none", &none(), &none()).await;
    asked.is_ours("none").await;
    assert_eq!(class(&asked.place, "none").await, None);
    // It takes no class from anybody.
    let other = json!({"ingressClassName": "classless"});
    asked.make_ingress("other", &none(), &other).await;
    asked.place.make_ingress("after").await;
    asked.is_ours("after").await;
    assert_eq!(asked.answer("other", "/").await, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_ingress_that_loses_its_class_loses_its_route_and_what_we_said_of_it() {
    let _alone = ALONE.lock().await;
    let stage = Stage::start("class-lost", 15).await;
    stage.place.make_ingress("lost").await;
    stage.is_ours("lost").await;
    let patch = Patch::Merge(json!({"spec": {"ingressClassName": null}}));
    let ingresses = stage.place.api::<Ingress>();
    let params = PatchParams::default();
    ingresses.patch("lost", &params, &patch).await.unwrap();
    stage.answers("lost", "/", 404).await;
    stage.says("lost", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn the_default_class_is_given_to_an_ingress_when_it_is_made_and_never_later() {
    let _alone = ALONE.lock().await;
    let stage = Stage::start("default-class", 13).await;
    stage.make_ingress("before", &none(), &none()).await;
    make_default(&stage.place, "default-class", true).await;
    // The API server learns of classes by a watch of its own.
    let mut tries = 0;
    crate::wait::until("the API server knows the default", async || {
        tries += 1;
        let name = format!("try-{tries}");
        stage.make_ingress(&name, &none(), &none()).await;
        class(&stage.place, &name).await.is_some()
    })
    .await;
    stage.make_ingress("given", &none(), &none()).await;
    assert_eq!(
        class(&stage.place, "given").await.as_deref(),
        Some("default-class")
    );
    stage.is_ours("given").await;
    // Even a change gives it none.
    let label = json!({"labels": {"touched": "yes"}});
    stage.make_ingress("before", &label, &none()).await;
    assert_eq!(class(&stage.place, "before").await, None);
    stage.is_not_ours("before").await;
    // With the annotation it needs none.
    let annotated = json!({"annotations": {"kubernetes.io/ingress.class": "somebody-elses"}});
    stage.make_ingress("annotated", &annotated, &none()).await;
    assert_eq!(class(&stage.place, "annotated").await, None);
    forget(&stage.place, "default-class").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn of_two_default_classes_an_ingress_is_given_one() {
    let _alone = ALONE.lock().await;
    let stage = Stage::start("two-defaults", 14).await;
    make_default(&stage.place, "two-defaults", true).await;
    make_default(&stage.place, "two-defaults-2", true).await;
    let ingresses = stage.place.api::<Ingress>();
    let mut tries = 0;
    let mut said = String::new();
    crate::wait::until("the API server knows both", async || {
        tries += 1;
        let object = stage.ingress(&format!("try-{tries}"), &none(), &none());
        said = match apply(&ingresses, &object).await {
            Ok(made) => format!("{:?}", made.spec.unwrap().ingress_class_name),
            Err(error) => error.to_string(),
        };
        said != "None"
    })
    .await;
    // The newer one, as of Kubernetes 1.36; before, it refused the Ingress.
    let given = ["two-defaults", "two-defaults-2"].map(|name| format!("Some({name:?})"));
    assert!(given.contains(&said), "{said}");
    println!("of two default classes: {said}");
    forget(&stage.place, "two-defaults").await;
    forget(&stage.place, "two-defaults-2").await;
}

/// Takes a class away, and waits until the API server gives it to nobody.
async fn forget(place: &Place, name: &str) {
    let classes: Api<IngressClass> = Api::all(place.client.clone());
    classes
        .delete(name, &DeleteParams::default())
        .await
        .unwrap();
    let ingresses = place.api::<Ingress>();
    let mut tries = 0;
    crate::wait::until("the API server knows no default", async || {
        tries += 1;
        let rule = place.rule("gone", "web", &json!({"number": 80}));
        let metadata = json!({"name": format!("{name}-gone-{tries}")});
        let object = json!({"metadata": metadata, "spec": {"rules": [rule]}});
        let made = apply(&ingresses, &object).await;
        made.is_ok_and(|made| made.spec.unwrap().ingress_class_name.as_deref() != Some(name))
    })
    .await;
}
