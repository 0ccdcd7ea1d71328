//! Endpoints get their shares over real connections.

use std::collections::BTreeMap;

use crate::harness::{Backend, Client, Ingress, Proxy, Reply, get, service, wait_until};

fn named(count: usize) -> Vec<Backend> {
    (0..count)
        .map(|number| Backend::named(&format!("b{number}")))
        .collect()
}

fn addresses(backends: &[Backend]) -> Vec<std::net::SocketAddr> {
    backends.iter().map(|backend| backend.address).collect()
}

#[test]
fn a_hundred_fresh_connections_reach_each_of_ten_endpoints_ten_times() {
    let backends = named(10);
    let proxy = Proxy::new()
        .arg("--workers", "3")
        .manifest(Ingress::new("i").host("a.example", "s").yaml())
        .manifest(service("s", &addresses(&backends)))
        .start();
    let mut counts = BTreeMap::new();
    for _ in 0..100 {
        *counts
            .entry(get(proxy.http(), "a.example", "/").text())
            .or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 10, "{counts:?}");
    assert!(counts.values().all(|count| *count == 10), "{counts:?}");
}

#[test]
fn a_client_address_stays_with_its_endpoint() {
    let backends = named(5);
    let ingress = Ingress::new("i")
        .annotate("load-balance", "sh")
        .host("a.example", "s");
    let proxy = Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", &addresses(&backends)))
        .start();
    let first = get(proxy.http(), "a.example", "/").text();
    assert!((0..20).all(|_| get(proxy.http(), "a.example", "/").text() == first));
}

#[test]
fn a_header_spreads_clients_and_keeps_each_with_its_endpoint() {
    let backends = named(5);
    let ingress = Ingress::new("i")
        .annotate("upstream-hash-by", "$http_x_user")
        .host("a.example", "s");
    let proxy = Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", &addresses(&backends)))
        .start();
    let ask = |user: usize| {
        let mut client = Client::connect(proxy.http());
        client.send(format!(
            "GET / HTTP/1.1\r\nhost: a.example\r\nx-user: u{user}\r\n\r\n"
        ));
        client.reply().unwrap().text()
    };
    let homes: Vec<_> = (0..30).map(ask).collect();
    assert_eq!(homes, (0..30).map(ask).collect::<Vec<_>>());
    let distinct: std::collections::BTreeSet<_> = homes.iter().collect();
    assert!(distinct.len() >= 4, "{distinct:?}");
}

fn with_cookie(proxy: &crate::harness::Started, cookie: Option<&str>) -> Reply {
    let mut client = Client::connect(proxy.http());
    let cookie = cookie.map_or_else(String::new, |cookie| format!("cookie: x=1; {cookie}\r\n"));
    client.send(format!("GET / HTTP/1.1\r\nhost: a.example\r\n{cookie}\r\n"));
    client.reply().unwrap()
}

#[test]
fn a_cookie_keeps_a_client_with_its_endpoint_until_that_is_gone() {
    let backends = named(4);
    let ingress = Ingress::new("i")
        .annotate("affinity", "cookie")
        .annotate("affinity-mode", "persistent")
        .annotate("session-cookie-name", "route")
        .host("a.example", "s");
    let proxy = Proxy::new()
        .manifest(ingress.yaml())
        .file("service.yaml", service("s", &addresses(&backends)))
        .start();
    let first = with_cookie(&proxy, None);
    let set = first.header("set-cookie").unwrap().to_string();
    assert!(
        set.starts_with("route=") && set.contains("HttpOnly") && set.contains("Path=/"),
        "{set}"
    );
    let cookie = set.split(';').next().unwrap();
    for _ in 0..10 {
        let again = with_cookie(&proxy, Some(cookie));
        assert_eq!(again.text(), first.text());
        assert_eq!(again.header("set-cookie"), None);
    }
    let others = backends.iter().enumerate();
    let others = others.filter(|(number, _)| format!("b{number}") != first.text());
    let left: Vec<_> = others.map(|(_, backend)| backend.address).collect();
    proxy.dir.write("service.yaml", &service("s", &left));
    wait_until("another endpoint", || {
        with_cookie(&proxy, Some(cookie)).text() != first.text()
    });
    assert!(
        with_cookie(&proxy, Some(cookie))
            .header("set-cookie")
            .is_some()
    );
}

#[test]
fn terminating_endpoints_serve_only_when_nobody_else_does() {
    let [going, staying] = ["going", "staying"].map(Backend::named);
    let slices = |staying_ready: bool| {
        let mut text = service("s", &[going.address, staying.address]);
        let going = format!("addresses: ['{}']", going.address.ip());
        let conditions = "conditions: {ready: false, serving: true, terminating: true}";
        text = text.replacen(&going, &format!("{going}, {conditions}"), 1);
        if !staying_ready {
            let last = text.rfind("addresses:").unwrap();
            text.insert_str(last, "conditions: {ready: false}, ");
        }
        text
    };
    let proxy = Proxy::new()
        .manifest(Ingress::new("i").host("a.example", "s").yaml())
        .file("service.yaml", slices(true))
        .start();
    assert!((0..6).all(|_| get(proxy.http(), "a.example", "/").text() == "staying"));
    proxy.dir.write("service.yaml", &slices(false));
    wait_until("the terminating one", || {
        get(proxy.http(), "a.example", "/").text() == "going"
    });
}
