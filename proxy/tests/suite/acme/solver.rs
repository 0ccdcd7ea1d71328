//! The paths of others' challenges: cert-manager's solver is an Ingress of its own, with a path for
//! each challenge, and must be reached whatever the other Ingresses of the host say.

use super::{World, authorization, challenges};
use crate::harness::{Backend, Ingress, get, service};

const PATH: &str = "/.well-known/acme-challenge";

/// As cert-manager writes it: an Exact path, and everybody allowed.
fn solver(host: &str, kind: &str, token: &str) -> Ingress {
    Ingress::new("cm-acme-http-solver-x7k2p")
        .path(host, kind, &format!("{PATH}/{token}"), "solver")
        .annotate("whitelist-source-range", "0.0.0.0/0,::/0")
}

/// An Ingress of the host that lets nobody through to its backend: how, and which status then.
fn others(host: &str) -> Vec<(Ingress, u16)> {
    let web = || Ingress::new("web").host(host, "web");
    vec![
        (web().tls(host, "none"), 308),
        (
            web()
                .tls(host, "none")
                .annotate("force-ssl-redirect", "true"),
            308,
        ),
        (
            web().annotate("permanent-redirect", "https://elsewhere.example"),
            301,
        ),
        (web().annotate("denylist-source-range", "0.0.0.0/0"), 403),
        (web().annotate("whitelist-source-range", "10.0.0.0/8"), 403),
        (web().annotate("whitelist-source-range", "office"), 503),
        (web().annotate("auth-url", "https://login.example"), 503),
        (
            web()
                .path(host, "ImplementationSpecific", "/(.*)", "web")
                .annotate("use-regex", "true")
                .annotate("rewrite-target", "/app/$1")
                .annotate("denylist-source-range", "127.0.0.1"),
            403,
        ),
    ]
}

#[test]
fn the_solver_is_reached_whatever_the_rest_of_the_host_says() {
    let [web, solving] = ["web", "solver"].map(Backend::named);
    let services = service("web", &[web.address]) + &service("solver", &[solving.address]);
    let host = "a.example";
    let dotted =
        "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI";
    let long = "a".repeat(200);
    let live = challenges(&[("own", host, "http-01")]);
    let mut world = World::new(&live);
    for (ingress, status) in others(host) {
        for (kind, token) in [
            ("Exact", dotted),
            ("Exact", &long),
            ("ImplementationSpecific", dotted),
        ] {
            let solver = solver(host, kind, token).yaml();
            world.say(&(services.clone() + &ingress.yaml() + &solver + &live));
            let at = |path: &str| get(world.proxy.http(), host, path);
            let what = ingress.yaml();
            assert_eq!(at("/").status, status, "{what}");
            let reply = at(&format!("{PATH}/{token}"));
            assert_eq!((reply.status, &*reply.text()), (200, "solver"), "{what}");
            assert_eq!(
                at(&format!("{PATH}/own")).text(),
                authorization("own"),
                "{what}"
            );
            let unknown = at(&format!("{PATH}/unknown"));
            assert_ne!(unknown.text(), "solver", "{what}");
        }
    }
}

#[test]
fn a_challenge_path_without_a_challenge_is_the_routes() {
    let web = Backend::named("web");
    let ingress = Ingress::new("web")
        .host("a.example", "web")
        .tls("a.example", "none");
    let world = World::new(&(service("web", &[web.address]) + &ingress.yaml()));
    let reply = get(world.proxy.http(), "a.example", &format!("{PATH}/unknown"));
    assert_eq!(
        (reply.status, &*reply.text()),
        (200, "web"),
        "not redirected"
    );
}
