//! Requests reach what the Ingresses say.

use crate::harness::{Backend, Client, Ingress, Proxy, get, service};

#[test]
fn hosts_and_paths_lead_to_their_services() {
    let [shop, test, other] = ["shop", "test", "other"].map(Backend::named);
    let ingress = Ingress::new("web")
        .host("shop.example", "shop")
        .path("shop.example", "Prefix", "/test", "test")
        .host("*.shop.example", "other");
    let proxy = Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("shop", &[shop.address]))
        .manifest(service("test", &[test.address]))
        .manifest(service("other", &[other.address]))
        .start();
    for (host, path, expected) in [
        ("shop.example", "/", "shop"),
        ("SHOP.example.:80", "/x?y", "shop"),
        ("shop.example", "/test", "test"),
        ("shop.example", "/test/x", "test"),
        ("shop.example", "/testing", "shop"),
        ("eu.shop.example", "/test", "other"),
    ] {
        let reply = get(proxy.http(), host, path);
        assert_eq!(
            (reply.status, reply.text()),
            (200, expected.into()),
            "{host}{path}"
        );
    }
    for (host, path) in [("else.example", "/"), ("a.b.shop.example", "/")] {
        assert_eq!(get(proxy.http(), host, path).status, 404, "{host}{path}");
    }
}

#[test]
fn a_rewritten_path_is_what_the_service_gets() {
    let backend = Backend::named("watch");
    let ingress = Ingress::new("watch")
        .annotate("rewrite-target", "/$2")
        .path(
            "a.example",
            "ImplementationSpecific",
            "/watch(/|$)(.*)",
            "watch",
        );
    let proxy = Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("watch", &[backend.address]))
        .start();
    for (path, expected) in [
        ("/watch", "GET / HTTP/1.1"),
        ("/watch/a/b?c=d", "GET /a/b?c=d HTTP/1.1"),
        ("/watch/caf%C3%A9%20x", "GET /caf%C3%A9%20x HTTP/1.1"),
    ] {
        assert_eq!(get(proxy.http(), "a.example", path).status, 200, "{path}");
        backend.wait_for(expected);
    }
}

#[test]
fn many_requests_share_a_connection_on_both_sides() {
    let backend = Backend::named("b");
    let proxy = Proxy::new()
        .manifest(Ingress::new("i").host("a.example", "s").yaml())
        .manifest(service("s", &[backend.address]))
        .start();
    let mut client = Client::connect(proxy.http());
    for _ in 0..10 {
        client.send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
        assert_eq!(client.reply().unwrap().text(), "b");
    }
    assert_eq!(backend.connections(), 1);
}
