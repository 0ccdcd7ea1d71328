//! Challenges that are asked for before their solver is there.

use crate::harness::{Backend, Client, Ingress, Proxy, Started, get, service, wait_until};

const HOST: &str = "a.example";
const CHALLENGE: &str = "/.well-known/acme-challenge/bm90LWhlcmUteWV0LWJ1dC1zb29u";

/// A proxy with a site that answers every path of the host.
fn site(backend: &Backend) -> Started {
    Proxy::new()
        .manifest(Ingress::new("site").host(HOST, "site").yaml())
        .manifest(service("site", &[backend.address]))
        .start()
}

/// Sends a request for the challenge, on a connection of its own.
fn ask(proxy: &Started) -> Client {
    let mut client = Client::connect(proxy.http());
    client.send(format!("GET {CHALLENGE} HTTP/1.1\r\nhost: {HOST}\r\n\r\n"));
    client
}

/// Waits until so many requests are there and not answered.
fn are_waiting(proxy: &Started, number: u32) {
    let connections = "nginx_ingress_controller_nginx_process_connections";
    wait_until("requests that wait", || {
        proxy.metric(connections, &["state=\"writing\""]) >= f64::from(number)
    });
}

/// Makes the solver's Ingress, whose path has no endpoint yet.
fn make_route(proxy: &Started) {
    let solver = Ingress::new("solver").path(HOST, "Exact", CHALLENGE, "solver");
    // Whether it is known is seen by a host that nobody waits for.
    let solver = solver.host("seen.example", "site");
    let manifests = solver.yaml() + &service("solver", &[]);
    proxy.dir.write("solver.yaml", &manifests);
    wait_until("the solver's route", || {
        get(proxy.http(), "seen.example", "/").status == 200
    });
}

#[test]
fn a_challenge_that_is_asked_for_too_early_is_answered_by_its_solver() {
    let [backend, solver] = ["site", "solved"].map(Backend::named);
    let proxy = site(&backend);
    let mut client = ask(&proxy);
    are_waiting(&proxy, 1);
    make_route(&proxy);
    proxy
        .dir
        .write("endpoints.yaml", &service("solver", &[solver.address]));
    assert_eq!(client.reply().unwrap().text(), "solved");
    // What nobody else solves is for the site.
    let other = format!("{CHALLENGE}-other");
    assert_eq!(get(proxy.http(), HOST, &other).text(), "site");
}

/// If what is no token waited, the one that is would wait in vain.
#[test]
fn what_is_no_token_waits_for_nobody() {
    let [backend, solver] = ["site", "solved"].map(Backend::named);
    let proxy = site(&backend);
    make_route(&proxy);
    let mut client = ask(&proxy);
    are_waiting(&proxy, 1);
    for short in ["", "abc", "not.a.token-at-all-because-of-its-dots"] {
        let path = format!("/.well-known/acme-challenge/{short}");
        assert_eq!(get(proxy.http(), HOST, &path).text(), "site", "{short}");
    }
    proxy
        .dir
        .write("endpoints.yaml", &service("solver", &[solver.address]));
    assert_eq!(client.reply().unwrap().text(), "solved");
}

/// Whoever comes when enough are waiting gets what there is. If that one waited as well, it would
/// be until the others had waited for too long.
#[test]
fn only_so_many_challenges_wait() {
    let [backend, solver] = ["site", "solved"].map(Backend::named);
    let proxy = site(&backend);
    make_route(&proxy);
    let mut clients: Vec<_> = (0..64).map(|_| ask(&proxy)).collect();
    are_waiting(&proxy, 64);
    assert_eq!(get(proxy.http(), HOST, CHALLENGE).status, 503);
    proxy
        .dir
        .write("endpoints.yaml", &service("solver", &[solver.address]));
    for client in &mut clients {
        assert_eq!(client.reply().unwrap().text(), "solved");
    }
}
