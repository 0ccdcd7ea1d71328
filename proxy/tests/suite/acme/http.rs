//! HTTP-01: requests on port 80, and after a redirect over TLS.

use http::{Method, Request};

use super::{World, authorization, challenges};
use crate::harness::{Backend, Client, H2Client, Ingress, Reply, TlsClient, get, service};

const PATH: &str = "/.well-known/acme-challenge";

fn is_answer(reply: &Reply, token: &str) -> bool {
    reply.status == 200
        && reply.text() == authorization(token)
        && reply.header("content-type") == Some("application/octet-stream")
}

/// Hosts that answer everybody else otherwise: how, and which status then.
fn unwilling() -> Vec<(&'static str, Ingress, u16)> {
    let redirect = |name: &str, key, value: &str| {
        let host = format!("{name}.example");
        Ingress::new(name).host(&host, "s").annotate(key, value)
    };
    vec![
        (
            "tls.example",
            Ingress::new("tls")
                .host("tls.example", "s")
                .tls("tls.example", "none"),
            308,
        ),
        (
            "force.example",
            redirect("force", "force-ssl-redirect", "true"),
            308,
        ),
        (
            "moved.example",
            redirect("moved", "permanent-redirect", "https://elsewhere.example"),
            301,
        ),
        ("root.example", redirect("root", "app-root", "/app"), 302),
        (
            "www.bare.example",
            redirect("bare", "from-to-www-redirect", "true"),
            308,
        ),
        (
            "allow.example",
            redirect("allow", "whitelist-source-range", "10.0.0.0/8"),
            403,
        ),
        (
            "deny.example",
            redirect("deny", "denylist-source-range", "127.0.0.0/8"),
            403,
        ),
        (
            "closed.example",
            redirect("closed", "whitelist-source-range", "office"),
            503,
        ),
        (
            "missing.example",
            Ingress::new("missing").host("missing.example", "gone"),
            503,
        ),
    ]
}

#[test]
fn a_challenge_is_answered_whatever_the_routes_of_its_host_say() {
    let backend = Backend::named("here");
    let mut hosts = unwilling();
    let ingresses: String = hosts.iter().map(|(_, ingress, _)| ingress.yaml()).collect();
    hosts.push(("nobodys.example", Ingress::new("none"), 404));
    let tokens: Vec<_> = (0..hosts.len()).map(|n| format!("token-{n}")).collect();
    let live: Vec<_> = hosts
        .iter()
        .zip(&tokens)
        .map(|((host, ..), token)| (token.as_str(), *host, "http-01"))
        .collect();
    let world = World::new(&(service("s", &[backend.address]) + &ingresses + &challenges(&live)));
    for ((host, _, status), token) in hosts.iter().zip(&tokens) {
        let plain = |path: &str| get(world.proxy.http(), host, path);
        assert_eq!(plain("/").status, *status, "{host} without a challenge");
        let path = format!("{PATH}/{token}");
        let reply = plain(&path);
        assert!(is_answer(&reply, token), "{host}: {reply:?}");
        let query = plain(&format!("{path}?from=here"));
        assert!(is_answer(&query, token), "{host}: {query:?}");
        let mut over_tls = TlsClient::connect(world.proxy.https(), Some(host), &[]);
        let reply = over_tls.get(host, &path);
        assert!(is_answer(&reply, token), "{host} over TLS: {reply:?}");
        for (other, ..) in hosts.iter().filter(|(other, ..)| other != host) {
            let reply = get(world.proxy.http(), other, &path);
            let is_told = reply.text().contains(&authorization(token));
            assert!(!is_told, "{other} answers for {host}: {reply:?}");
        }
    }
}

#[test]
fn an_address_is_answered_for_as_it_stands_in_the_request() {
    let world = World::new(&challenges(&[
        ("four", "192.0.2.1", "http-01"),
        ("six", "2001:db8::1", "http-01"),
    ]));
    for (token, host, is_it) in [
        ("four", "192.0.2.1", true),
        ("four", "192.0.2.1:80", true),
        ("four", "192.0.2.2", false),
        ("six", "[2001:db8::1]", true),
        ("six", "[2001:DB8:0::1]", true),
        ("six", "[2001:db8::2]", false),
    ] {
        let reply = get(world.proxy.http(), host, &format!("{PATH}/{token}"));
        assert_eq!(is_answer(&reply, token), is_it, "{host}: {reply:?}");
    }
}

#[test]
fn nothing_else_is_an_answer() {
    let backend = Backend::named("here");
    let ingress = Ingress::new("i").host("a.example", "s").yaml();
    let live = [
        ("token", "a.example", "http-01"),
        ("hello", "a.example", "tls-alpn-01"),
    ];
    let world = World::new(&(service("s", &[backend.address]) + &ingress + &challenges(&live)));
    let ask = |method: &str, path: &str| {
        let mut client = Client::connect(world.proxy.http());
        client.send(format!(
            "{method} {path} HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ));
        client.reply().unwrap()
    };
    assert!(is_answer(&ask("GET", &format!("{PATH}/token")), "token"));
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let reply = ask(method, &format!("{PATH}/token"));
        assert_eq!((reply.status, &*reply.text()), (200, "here"), "{method}");
    }
    for path in [
        "/.well-known/acme-challenge/hello", // another kind of challenge
        "/.well-known/acme-challenge/other",
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge/token/",
        "/.well-known/acme-challenge/token/more",
        "/.well-known/acme-challenge/x/../token",
        "/.well-known/acme-challenge/./token",
        "/.well-known/acme-challenge//token",
        "/.well-known/acme-challenge/%74oken",
        "/.well-known/acme-challenge/%2e%2e/acme-challenge/token",
        "/.well-known/acme-challenge/token%00",
        "/.well-known/acme-challenge/token.",
        "/.well-known/acme-challenge/token;x",
        "/.well-known/x/../acme-challenge/token",
        "//.well-known/acme-challenge/token",
        "/.Well-Known/acme-challenge/token",
    ] {
        let reply = ask("GET", path);
        let is_told = reply.text().contains(&authorization("token"));
        assert!(!is_told, "{path}: {reply:?}");
    }
}

#[test]
fn head_is_answered_without_the_body() {
    let world = World::new(&challenges(&[("token", "a.example", "http-01")]));
    let mut client = Client::connect(world.proxy.http());
    client.send(format!(
        "HEAD {PATH}/token HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n"
    ));
    let read = String::from_utf8(client.read_to_end()).unwrap();
    let length = format!("content-length: {}\r\n", authorization("token").len());
    assert!(
        read.starts_with("HTTP/1.1 200") && read.ends_with("\r\n\r\n"),
        "{read}"
    );
    assert!(read.contains(&length), "{read}");
}

#[test]
fn it_is_answered_over_http_2() {
    let world = World::new(&challenges(&[("token", "a.example", "http-01")]));
    let client = H2Client::connect(world.proxy.http());
    let request = |method| {
        let request = Request::builder().method(method);
        request
            .uri(format!("http://a.example{PATH}/token"))
            .body(())
            .unwrap()
    };
    let reply = client.get(request(Method::GET));
    assert_eq!(
        reply.header("content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(reply.body, authorization("token").into_bytes());
}

#[test]
fn a_challenge_that_is_taken_away_is_answered_no_more() {
    let mut world = World::new(&challenges(&[("token", "a.example", "http-01")]));
    let asked = |world: &World| get(world.proxy.http(), "a.example", &format!("{PATH}/token"));
    assert!(is_answer(&asked(&world), "token"));
    world
        .session
        .part(7, &Default::default(), &["challenge/token"]);
    world.session.synced(7);
    assert_eq!(asked(&world).status, 404);
    world.told = 7;
    world.say(&challenges(&[("token", "a.example", "http-01")]));
    assert!(is_answer(&asked(&world), "token"));
}
