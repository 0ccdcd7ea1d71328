//! From a manifest to a certificate that is served, and on to the next one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::process::free;
use super::scene::{HOST, Scene, ingress, is_of_ca};
use crate::harness::{Backend, TlsClient, get, service, wait_until};

#[tokio::test]
#[ignore = "needs pebble: make test"]
async fn from_a_manifest_to_a_certificate_that_is_served() {
    let scene = Scene::new(|_| {}).await;
    let backend = Backend::named("here");
    let manifests = ingress().yaml() + &service("s", &[backend.address]);
    let proxy = scene.proxy().manifest(&manifests).start();
    // Requests are redirected all the while, but for the CA's.
    assert_eq!(get(proxy.http(), HOST, "/").status, 308);
    let shown = scene.issued(&proxy);
    let mut client = TlsClient::connect(scene.https, Some(HOST), &[]);
    assert_eq!(client.get(HOST, "/").text(), "here");

    let said = proxy.said();
    let what = format!("acme t/web-tls ({HOST}): ");
    for step in [
        "ordered from https://127.0.0.1:",
        "there from https://127.0.0.1:",
    ] {
        wait_until(step, || proxy.said().contains(&(what.clone() + step)));
    }
    assert!(!said.contains("PRIVATE"), "{said}");
    wait_until("the counts", || {
        proxy.metric("portreeve_acme_certificates_total", &[]) == 1.0
    });
    assert_eq!(proxy.metric("portreeve_acme_orders_total", &[]), 1.0);
    let secret = ["secret=\"t/web-tls\""];
    let expiry = proxy.metric("portreeve_acme_expire_time_seconds", &secret);
    let renewal = proxy.metric("portreeve_acme_renewal_time_seconds", &secret);
    let attempt = proxy.metric("portreeve_acme_attempt_time_seconds", &secret);
    assert!(attempt > 0.0 && attempt < renewal && renewal < expiry);
    wait_until("nothing more to answer", || {
        proxy.metric("portreeve_config_resources", &["challenge"]) == 0.0
    });
    for page in ["/config", "/metrics"] {
        let text = get(proxy.admin(), "admin", page).text();
        assert!(!text.contains("PRIVATE"), "{page}");
    }

    // What is there is served at once, and nothing is ordered for it.
    drop(proxy);
    let again = scene.proxy().manifest(&manifests).start();
    assert_eq!(scene.shown(), shown);
    wait_until("a word about it", || again.said().contains("there from "));
    assert_eq!(again.metric("portreeve_acme_orders_total", &[]), 0.0);
    assert!(!again.said().contains("ordered from"), "{}", again.said());
    let account = std::fs::read_dir(scene.state.path().join("acme/accounts")).unwrap();
    assert_eq!(account.count(), 1, "one account for both");
}

#[tokio::test]
#[ignore = "needs pebble: make test"]
async fn who_is_killed_within_an_order_goes_on_with_it() {
    let scene = Scene::new(|_| {}).await;
    let proxy = scene.proxy().manifest(ingress().yaml()).spawn();
    wait_until("an order", || {
        proxy.said().contains("our own listeners are asked")
    });
    drop(proxy);
    let again = scene.proxy().manifest(ingress().yaml()).start();
    scene.issued(&again);
    wait_until("a word about it", || again.said().contains("there from "));
    assert_eq!(again.metric("portreeve_acme_orders_total", &[]), 0.0);
}

#[tokio::test]
#[ignore = "needs pebble: make test"]
async fn without_a_plain_listener_names_are_proven_over_tls() {
    let scene = Scene::new(|_| {}).await;
    let proxy = scene.proxy_of(&scene.pebble.directory(), "none");
    let proxy = proxy.manifest(ingress().yaml()).spawn();
    wait_until("readiness", || proxy.is_ready());
    scene.issued(&proxy);
}

#[tokio::test]
#[ignore = "needs pebble: make test"]
async fn without_a_tls_challenge_names_are_proven_over_http() {
    let scene = Scene::new(|setup| setup.ports[1] = 1).await;
    let ingress = ingress().annotate_whole("portreeve.dev/acme-challenge", "http-01");
    let proxy = scene.proxy().manifest(ingress.yaml()).start();
    scene.issued(&proxy);
}

#[tokio::test]
#[ignore = "needs pebble: make test"]
async fn a_renewal_costs_no_handshake() {
    let scene = Scene::new(|_| {}).await;
    let proxy = scene.proxy().manifest(ingress().yaml()).start();
    let first = scene.issued(&proxy);
    wait_until("the end of the order", || {
        proxy.metric("portreeve_acme_certificates_total", &[]) == 1.0
    });
    let (done, seen) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(Mutex::new(Vec::new())),
    );
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let (done, seen, https) = (Arc::clone(&done), Arc::clone(&seen), scene.https);
            std::thread::spawn(move || {
                let mut handshakes = 0;
                while !done.load(Ordering::Relaxed) || handshakes < 1000 {
                    let shown = TlsClient::connect(https, Some(HOST), &[]).certificate();
                    let mut seen = seen.lock().unwrap();
                    if !seen.contains(&shown) {
                        seen.push(shown);
                    }
                    handshakes += 1;
                }
            })
        })
        .collect();
    scene.renew();
    wait_until("another certificate", || scene.shown() != first);
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
    let second = scene.shown();
    assert!(is_of_ca(&second));
    assert_eq!(
        *seen.lock().unwrap(),
        [first, second],
        "one and then the other"
    );
    wait_until("both orders", || {
        proxy.metric("portreeve_acme_orders_total", &[]) == 2.0
    });
}

#[tokio::test]
#[ignore = "needs pebble: make test"]
async fn an_account_is_bound_to_one_that_the_ca_knows() {
    const KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let scene = Scene::new(|setup| setup.external = Some(KEY)).await;
    scene.state.write("eab.key", KEY);
    let key = scene.state.path().join("eab.key");
    let proxy = scene
        .proxy()
        .arg("--acme-eab-kid", "kid-1")
        .arg("--acme-eab-key-file", key.to_str().unwrap())
        .manifest(ingress().yaml())
        .start();
    scene.issued(&proxy);
}

/// It is tried again a minute later, and waited for that long.
#[tokio::test]
#[ignore = "needs pebble: make test"]
async fn a_ca_that_comes_later_is_found() {
    let scene = Scene::new(|_| {}).await;
    let down = free();
    let http = scene.http.to_string();
    let proxy = scene.proxy_of(&format!("https://{down}/dir"), &http);
    let proxy = proxy.manifest(ingress().yaml()).start();
    wait_until("a word about the CA", || {
        proxy.said().contains("failed (AcmeConnection)")
    });
    let ca = scene.pebble.directory();
    let ca = ca.trim_start_matches("https://").trim_end_matches("/dir");
    let (ca, listener) = (ca.to_string(), tokio::net::TcpListener::bind(down).await);
    let forwarding = tokio::spawn(forward(listener.unwrap(), ca));
    let begun = Instant::now();
    while !is_of_ca(&scene.shown()) {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{}",
            proxy.said()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    wait_until("no failure", || {
        proxy.metric("portreeve_acme_failing", &[]) == 0.0
    });
    forwarding.abort();
}

/// Leads every connection to the CA.
async fn forward(listener: tokio::net::TcpListener, to: String) {
    while let Ok((mut client, _)) = listener.accept().await {
        let mut ca = tokio::net::TcpStream::connect(&to).await.unwrap();
        tokio::spawn(async move {
            let _ended = tokio::io::copy_bidirectional(&mut client, &mut ca).await;
        });
    }
}
