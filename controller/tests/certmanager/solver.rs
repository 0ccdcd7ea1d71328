//! The solver's objects as cert-manager makes them since 1.18: its path is Exact, has a dot, and is
//! no expression.

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::Ingress;
use serde_json::{Value, json};

use crate::http::get;
use crate::place::Place;
use crate::stage::Stage;
use crate::wait::until;

const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// The token of a host's challenge, with every kind of letter that one may have.
fn token(host: &str) -> String {
    format!("{}_-0aZ", host.replace('.', "-"))
}

/// Makes what solves the challenge of a host: a Pod of the solver, a NodePort Service and an Ingress.
async fn solve(place: &Place, name: &str, host: &str) {
    let labels = json!({"acme.cert-manager.io/http01-solver": "true", "host": name});
    let token = token(host);
    let container = json!({
        "name": "acmesolver",
        "image": "quay.io/jetstack/cert-manager-acmesolver:v1.18.0",
        "args": [
            "--listen-port=8089",
            format!("--domain={host}"),
            format!("--token={token}"),
            format!("--key={token}.key"),
        ],
        "ports": [{"name": "http", "containerPort": 8089}],
    });
    let name = format!("cm-acme-http-solver-{name}");
    let metadata = json!({"name": name, "labels": labels});
    let pod = json!({"restartPolicy": "OnFailure", "containers": [container]});
    place
        .make::<Pod>(&json!({"metadata": metadata, "spec": pod}))
        .await;
    let port = json!({"name": "http", "port": 8089, "targetPort": 8089});
    let service = json!({"type": "NodePort", "selector": labels, "ports": [port]});
    place
        .make::<Service>(&json!({"metadata": metadata, "spec": service}))
        .await;
    let service = json!({"name": name, "port": {"number": 8089}});
    let path = json!({
        "path": format!("{CHALLENGES}{token}"),
        "pathType": "Exact",
        "backend": {"service": service},
    });
    let mut rule = json!({"http": {"paths": [path]}});
    // An address is no host: its challenge is on all of them.
    if host.parse::<std::net::IpAddr>().is_err() {
        rule["host"] = host.into();
    }
    let annotation = "nginx.ingress.kubernetes.io/whitelist-source-range";
    let metadata = json!({
        "name": name,
        "labels": labels,
        "annotations": {annotation: "0.0.0.0/0,::/0"},
    });
    let spec = json!({"ingressClassName": place.name, "rules": [rule]});
    place
        .make::<Ingress>(&json!({"metadata": metadata, "spec": spec}))
        .await;
}

/// Waits until the challenge of a host is answered by its solver.
async fn is_solved(stage: &Stage, host: &str) {
    let path = format!("{CHALLENGES}{}", token(host));
    until(&format!("the challenge of {host} is solved"), async || {
        let answer = get(stage.proxy.http, host, &path).await;
        answer.is_ok_and(|it| it.status == 200 && it.body == format!("{}.key", token(host)))
    })
    .await;
}

/// An Ingress, what is said of it, and what a plain request and one for another challenge get.
fn cases() -> [(&'static str, Value, [u16; 2]); 4] {
    let rewritten = json!({"portreeve.dev/rewrite-target": "/status/418"});
    let denied = json!({
        "portreeve.dev/ssl-redirect": "false",
        "portreeve.dev/denylist-source-range": "0.0.0.0/0",
    });
    let closed = json!({"portreeve.dev/auth-tls-secret": "elsewhere/clients"});
    [
        // Somebody else's challenge is for the application, which may solve it by itself.
        ("redirected", json!({}), [308, 200]),
        ("rewritten", rewritten, [308, 418]),
        ("denied", denied, [403, 403]),
        ("closed", closed, [503, 503]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a cluster: make test"]
async fn the_exact_path_of_a_newer_solver_is_answered_whatever_its_host_does() {
    let stage = Stage::start("newer-solvers", 124).await;
    for (name, said, [plain, other]) in cases() {
        stage.make(name, &said, "/").await;
        stage.answers(name, "/", plain).await;
        let host = stage.place.host(name);
        solve(&stage.place, name, &host).await;
        is_solved(&stage, &host).await;
        assert_eq!(stage.answer(name, "/").await, plain, "{name}");
        // Exact is exact.
        let others = ["another".into(), format!("{}/x", token(&host))];
        let [another, longer] = others.map(|it| format!("{CHALLENGES}{it}"));
        let (another, longer) =
            tokio::join!(stage.answer(name, &another), stage.answer(name, &longer));
        assert_eq!([another, longer], [other; 2], "{name}");
    }
    let address = stage.proxy.http.ip().to_string();
    solve(&stage.place, "address", &address).await;
    is_solved(&stage, &address).await;
}
