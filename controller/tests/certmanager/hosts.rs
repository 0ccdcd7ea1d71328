//! Hosts that let nobody in as they are asked for a certificate.

use serde_json::{Value, json};

use crate::chain::Chain;
use crate::stage::Stage;
use crate::wait::until;

/// An Ingress, what is said of it, the path of its rule and what a plain request for it gets.
type Case = (&'static str, Value, &'static str, u16);

fn cases() -> [Case; 5] {
    let denied = json!({
        "portreeve.dev/ssl-redirect": "false",
        "portreeve.dev/denylist-source-range": "0.0.0.0/0",
    });
    let rewritten = json!({
        "portreeve.dev/ssl-redirect": "false",
        "portreeve.dev/rewrite-target": "/status/418",
    });
    let closed = json!({"portreeve.dev/auth-tls-secret": "elsewhere/clients"});
    let mistaken = json!({"portreeve.dev/whitelist-source-range": "everybody"});
    [
        ("redirected", json!({}), "/", 308),
        ("denied", denied, "/", 403),
        ("rewritten", rewritten, "/.*", 418),
        ("closed", closed, "/", 503),
        ("mistaken", mistaken, "/", 503),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn hosts_that_let_nobody_in_get_their_certificates() {
    let stage = Stage::start("closed-hosts", 123).await;
    let (_authority, manager) = stage.manager().await;
    for (name, mut said, path, status) in cases() {
        said["cert-manager.io/issuer"] = "pebble".into();
        stage.make(name, &said, path).await;
        stage.answers(name, "/", status).await;
    }
    for (name, _, _, status) in cases() {
        manager.issues(name, 1).await;
        let host = stage.place.host(name);
        until(
            &format!("{name} is shown with its certificate"),
            async || {
                let shown = Chain::shown(stage.https, &host).await.unwrap();
                shown.issuer().contains("Pebble") && shown.names(&host)
            },
        )
        .await;
        assert_eq!(stage.answer(name, "/").await, status, "{name}");
    }
}
