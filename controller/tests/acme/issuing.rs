//! From an Ingress to a certificate that every proxy shows.

use std::collections::BTreeSet;
use std::time::Instant;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::DeleteParams;

use crate::chain::Chain;
use crate::events::told;
use crate::http::samples;
use crate::stage::Stage;
use crate::wait::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn an_ingress_has_a_certificate_on_every_proxy_which_outlives_it() {
    let stage = Stage::start("acme-issued", 111).await;
    let begun = Instant::now();
    stage.want("shop").await;
    let chain = stage.is_certified("shop", &BTreeSet::new()).await;
    println!("served by every proxy after {:?}", begun.elapsed());

    let secret = secret(&stage, "shop").await;
    assert_eq!(Chain::of(&secret), Some(chain));
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/tls"));
    let annotations = secret.metadata.annotations.clone().unwrap();
    assert_eq!(
        annotations["portreeve.dev/acme-issuer"],
        stage.authority.url
    );
    assert_eq!(
        annotations["portreeve.dev/acme-names"],
        stage.place.host("shop")
    );
    assert_eq!(secret.metadata.owner_references, None);
    let place = &stage.place;
    let steps = ["ChallengesAnswered", "CertificateIssued"];
    let note = told(place, place.name, "shop", &steps).await;
    assert!(
        note.contains(&place.host("shop")) && note.contains("valid until"),
        "{note}"
    );
    assert_eq!(stage.secrets("portreeve-acme-challenge-").await, [""; 0]);
    assert_eq!(stage.secrets("portreeve-acme-account-").await.len(), 1);
    assert_eq!(stage.authority.orders(), 1);
    is_measured(&stage).await;

    let ingresses = place.api::<Ingress>();
    ingresses
        .delete("shop", &DeleteParams::default())
        .await
        .unwrap();
    // What is made after it is known has been acted on, and so has it.
    stage.want("after").await;
    stage.is_certified("after", &BTreeSet::new()).await;
    assert_eq!(
        self::secret(&stage, "shop").await,
        secret,
        "it is kept as it was"
    );
}

/// Nothing but a handshake proves the name here: each proxy is asked by one, and then the CA asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn a_certificate_is_had_by_handshakes_alone() {
    let stage = Stage::start("acme-handshakes", 115).await;
    let mut ingress = stage.ingress("shop", &stage.place.host("shop"));
    let annotations = &mut ingress["metadata"]["annotations"];
    annotations["portreeve.dev/acme-challenge"] = "tls-alpn-01".into();
    let begun = Instant::now();
    stage.place.make::<Ingress>(&ingress).await;
    stage.is_certified("shop", &BTreeSet::new()).await;
    println!(
        "by handshakes, served by every proxy after {:?}",
        begun.elapsed()
    );
    assert_eq!(stage.authority.orders(), 1);
}

async fn secret(stage: &Stage, name: &str) -> Secret {
    stage.place.api::<Secret>().get(name).await.unwrap()
}

/// The leader shows when the certificate expires and is to be renewed; nobody else does.
async fn is_measured(stage: &Stage) {
    let at = stage.leader().await;
    let label = format!("secret=\"{}/shop\"", stage.place.name);
    for name in [
        "portreeve_acme_expire_time_seconds",
        "portreeve_acme_renewal_time_seconds",
    ] {
        until("the certificate is measured", async || {
            let leader = samples(stage.controllers[at].admin, name).await.unwrap();
            leader.get(&label).is_some_and(|time| *time > 1e9)
        })
        .await;
        let other = samples(stage.controllers[1 - at].admin, name)
            .await
            .unwrap();
        assert_eq!(other.len(), 0, "{name}");
    }
    let issued = stage.controllers[at]
        .metric("portreeve_acme_certificates_total")
        .await;
    let orders = stage.controllers[at]
        .metric("portreeve_acme_orders_total")
        .await;
    assert_eq!((issued, orders), (1.0, 1.0));
}
