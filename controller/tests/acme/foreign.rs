//! What is somebody else's: a Secret that we did not make, and a host of another namespace.

use std::collections::BTreeSet;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use serde_json::json;

use crate::events::told;
use crate::place::apply;
use crate::stage::Stage;

const TENANT: &str = "acme-foreign-tenant";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn what_is_somebody_elses_is_left_alone_and_it_is_said() {
    let stage = Stage::start("acme-foreign", 114).await;
    let place = &stage.place;
    let own = rcgen::generate_simple_self_signed([place.host("own")]).unwrap();
    let pem = |text: String| ByteString(text.into_bytes());
    let data =
        json!({"tls.crt": pem(own.cert.pem()), "tls.key": pem(own.signing_key.serialize_pem())});
    let secrets = [
        ("own", "kubernetes.io/tls", data),
        // Of this type, no watch tells.
        (
            "opaque",
            "Opaque",
            json!({"password": ByteString(b"hush".to_vec())}),
        ),
    ];
    let mut before = Vec::new();
    for (name, kind, data) in secrets {
        let object = json!({"metadata": {"name": name}, "type": kind, "data": data});
        before.push(place.make::<Secret>(&object).await);
        stage.want(name).await;
    }
    for (name, said) in [("own", "never written"), ("opaque", "not of our making")] {
        let note = told(place, place.name, name, &["AcmeSecretTaken"]).await;
        assert!(
            note.contains(said) && note.contains("portreeve.dev/acme-issuer"),
            "{note}"
        );
    }

    stage.want("shop").await;
    stage.is_certified("shop", &BTreeSet::new()).await;
    let namespaces: Api<Namespace> = Api::all(place.client.clone());
    apply(&namespaces, &json!({"metadata": {"name": TENANT}}))
        .await
        .unwrap();
    let theirs: Api<Ingress> = Api::namespaced(place.client.clone(), TENANT);
    apply(&theirs, &stage.ingress("theft", &place.host("shop")))
        .await
        .unwrap();
    let note = told(place, TENANT, "theft", &["AcmeNameTaken"]).await;
    assert!(note.contains(place.name), "{note}");

    // What is wanted after all that is there: the rest would be as well.
    stage.want("after").await;
    stage.is_certified("after", &BTreeSet::new()).await;
    for secret in before {
        let name = secret.metadata.name.clone().unwrap();
        let now = place.api::<Secret>().get(&name).await.unwrap();
        assert_eq!(now, secret, "{name}");
    }
    let stolen: Api<Secret> = Api::namespaced(place.client.clone(), TENANT);
    assert_eq!(stolen.get_opt("theft").await.unwrap(), None);
    assert_eq!(stage.authority.orders(), 2);
}
