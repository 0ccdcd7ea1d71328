//! What can be known from outside: metrics and the running configuration.

use std::io::Write;

use http::Request;
use serde_json::Value;

use crate::harness::{
    Backend, Client, H2Client, Ingress, Proxy, Started, get, requests, service, wait_until,
};

fn serving(backend: &Backend) -> Started {
    let ingress = Ingress::new("web").annotate("proxy-body-size", "8").path(
        "a.example",
        "Prefix",
        "/shop",
        "s",
    );
    Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", &[backend.address]))
        .arg("--access-log", "off")
        .start()
}

fn ask(proxy: &Started, request: &str) -> u16 {
    let mut client = Client::connect(proxy.http());
    client.send(request);
    client.reply().map_or(0, |reply| reply.status)
}

#[test]
fn requests_are_counted_by_what_served_them() {
    let backend = Backend::named("hello");
    let proxy = serving(&backend);
    let mut heads = 0;
    for path in ["/shop", "/shop/x", "/shop?y"] {
        let get = format!("GET {path} HTTP/1.1\r\nhost: a.example\r\n\r\n");
        assert_eq!(ask(&proxy, &get), 200);
        heads += get.len();
    }
    let post = "POST /shop HTTP/1.1\r\nhost: a.example\r\ncontent-length: 9\r\n\r\n123456789";
    assert_eq!(ask(&proxy, post), 413);
    assert_eq!(
        ask(&proxy, "BREW /shop HTTP/1.1\r\nhost: a.example\r\n\r\n"),
        200
    );
    let labels = |method: &str, status: u16| {
        format!(
            "{{namespace=\"t\",ingress=\"web\",service=\"s\",canary=\"\",host=\"a.example\",path=\"/shop\",\
             method=\"{method}\",status=\"{status}\"}}"
        )
    };
    wait_until("all counts", || {
        let text = get(proxy.admin(), "admin", "/metrics").text();
        [("GET", 200, 3), ("POST", 413, 1), ("OTHER", 200, 1)]
            .iter()
            .all(|(method, status, count)| {
                let name = "nginx_ingress_controller_requests";
                text.contains(&format!("{name}{} {count}\n", labels(method, *status)))
            })
    });
    let got = labels("GET", 200);
    let got = got.trim_start_matches('{').trim_end_matches('}');
    for (name, expected) in [
        ("nginx_ingress_controller_response_size_sum", 15.0),
        ("nginx_ingress_controller_response_size_count", 3.0),
        ("nginx_ingress_controller_request_size_sum", heads as f64),
        (
            "nginx_ingress_controller_request_duration_seconds_count",
            3.0,
        ),
        (
            "nginx_ingress_controller_header_duration_seconds_count",
            3.0,
        ),
        (
            "nginx_ingress_controller_response_duration_seconds_count",
            3.0,
        ),
    ] {
        assert_eq!(proxy.metric(name, &[got]), expected, "{name}");
    }
    // A head counts, and a body as far as it came, whether or not it said its length.
    let size = "nginx_ingress_controller_request_size_sum";
    let chunked = "PUT /shop HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(ask(&proxy, chunked), 200);
    let sized = "PATCH /shop HTTP/1.1\r\nhost: a.example\r\ncontent-length: 4\r\n\r\nabcd";
    assert_eq!(ask(&proxy, sized), 200);
    let chunks = "3\r\nabc\r\n0\r\n\r\n".len();
    for (method, expected) in [
        ("PUT", chunked.len() - chunks + 3),
        ("PATCH", sized.len()),
        ("POST", post.len() - 9),
    ] {
        let expected = expected as f64;
        let label = format!("method=\"{method}\"");
        wait_until(method, || proxy.metric(size, &[&label]) == expected);
    }
    assert_eq!(
        proxy.metric(
            "portreeve_upstream_endpoints",
            &["service=\"s\"", "\"ready\""]
        ),
        1.0
    );
    assert_eq!(proxy.metric("portreeve_ready", &[]), 1.0);
    assert_eq!(
        proxy.metric("portreeve_config_resources", &["\"host\""]),
        1.0
    );
}

#[test]
fn what_is_gone_is_forgotten_without_another_change() {
    let backend = Backend::named("b");
    let proxy = Proxy::new()
        .file("s.yaml", service("s", &[backend.address]))
        .file("i.yaml", Ingress::new("i").host("a.example", "s").yaml())
        .start();
    assert_eq!(get(proxy.http(), "a.example", "/").status, 200);
    let count = || proxy.metric("nginx_ingress_controller_requests", &["a.example"]);
    wait_until("the count", || count() == 1.0);
    std::fs::remove_file(proxy.dir.path().join("i.yaml")).unwrap();
    wait_until("the route to go", || {
        get(proxy.http(), "a.example", "/").status == 404
    });
    wait_until("its counters to go", || count() == 0.0);
}

#[test]
fn every_refusal_has_its_reason() {
    let broken = Backend::scripted(|stream, record| {
        record.read_until(stream, |bytes| requests(bytes) > 0);
        let _ = stream.write_all(b"nonsense\r\n\r\n");
    });
    let ingress = Ingress::new("web")
        .annotate("proxy-body-size", "8")
        .path("a.example", "Prefix", "/shop", "s")
        .path("a.example", "Prefix", "/none", "none");
    let denied = Ingress::new("denied")
        .annotate("whitelist-source-range", "10.0.0.0/8")
        .host("denied.example", "s");
    let rewritten = Ingress::new("rewritten")
        .annotate("rewrite-target", "/$1")
        .path(
            "rewritten.example",
            "ImplementationSpecific",
            "/x/(.*)",
            "s",
        );
    let proxy = Proxy::new()
        .manifest(ingress.yaml())
        .manifest(denied.yaml())
        .manifest(rewritten.yaml())
        .manifest(service("s", &[broken.address]))
        .manifest(service("none", &[]))
        .start();
    for (request, status, reason) in [
        ("GET / HTTP/1.1\r\n\r\n", 400, "host"),
        ("GET /a%zz HTTP/1.1\r\nhost: a.example\r\n\r\n", 400, "path"),
        ("TRACE / HTTP/1.1\r\nhost: a.example\r\n\r\n", 405, "method"),
        (
            "POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            501,
            "transfer_coding",
        ),
        (
            "GET / HTTP/1.1\r\nhost: a.example\r\nexpect: x\r\n\r\n",
            417,
            "expectation",
        ),
        ("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n", 404, "no_route"),
        (
            "GET / HTTP/1.1\r\nhost: denied.example\r\n\r\n",
            403,
            "forbidden",
        ),
        (
            "POST /shop HTTP/1.1\r\nhost: a.example\r\ncontent-length: 9\r\n\r\n",
            413,
            "body_too_large",
        ),
        (
            "POST /shop HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\nx",
            400,
            "body_broken",
        ),
        (
            "GET /none HTTP/1.1\r\nhost: a.example\r\n\r\n",
            503,
            "no_endpoint",
        ),
        (
            "GET /shop HTTP/1.1\r\nhost: a.example\r\n\r\n",
            502,
            "upstream",
        ),
    ] {
        let label = format!("reason=\"{reason}\"");
        let before = proxy.metric("portreeve_refusals_total", &[&label]);
        assert_eq!(ask(&proxy, request), status, "{reason}");
        wait_until(&format!("one more {reason}"), || {
            proxy.metric("portreeve_refusals_total", &[&label]) == before + 1.0
        });
    }
}

#[test]
fn nothing_stays_in_flight() {
    let backend = Backend::scripted(|stream, record| {
        // Whole, cut, silent: by the path.
        if !record.read_until(stream, |bytes| requests(bytes) > 0) {
            return;
        }
        let head = String::from_utf8(record.bytes()).unwrap();
        let _ = match head.split(' ').nth(1).unwrap() {
            "/shop/whole" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
            "/shop/cut" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok"),
            "/shop/silent" => {
                record.read_until(stream, |_| false);
                Ok(())
            }
            _ => Ok(()),
        };
    });
    let proxy = serving(&backend);
    let in_flight = || proxy.metric("portreeve_upstream_requests_in_flight", &[]);
    for path in ["whole", "cut", "none"] {
        get(proxy.http(), "a.example", &format!("/shop/{path}"));
        wait_until(path, || in_flight() == 0.0);
    }
    let mut silent = Client::connect(proxy.http());
    silent.send("GET /shop/silent HTTP/1.1\r\nhost: a.example\r\n\r\n");
    wait_until("one in flight", || in_flight() == 1.0);
    drop(silent);
    wait_until("none in flight", || in_flight() == 0.0);
    let connections = "nginx_ingress_controller_nginx_process_connections";
    for state in ["active", "writing", "waiting"] {
        let label = format!("state=\"{state}\"");
        wait_until(&label, || proxy.metric(connections, &[&label]) == 0.0);
    }
    assert_eq!(
        proxy.metric("nginx_ingress_controller_nginx_process_requests_total", &[]),
        4.0
    );
}

#[test]
fn a_connection_is_in_requests_however_many_they_are() {
    let backend = Backend::scripted(|stream, record| {
        record.read_until(stream, |_| false);
    });
    let proxy = serving(&backend);
    let h2 = H2Client::connect(proxy.http());
    let ask = || Request::get("http://a.example/shop").body(()).unwrap();
    let streams: Vec<_> = (0..3).map(|_| h2.begin(ask(), true)).collect();
    wait_until("three requests", || backend.connections() == 3);
    let connections = |state: &str| {
        let name = "nginx_ingress_controller_nginx_process_connections";
        proxy.metric(name, &[&format!("state=\"{state}\"")])
    };
    assert_eq!(connections("writing"), 1.0);
    assert_eq!(connections("active"), 1.0);
    drop(streams);
    wait_until("none of them", || connections("writing") == 0.0);
    assert_eq!(connections("waiting"), 1.0);
}

#[test]
fn the_configuration_is_shown_without_keys() {
    let certified = rcgen::generate_simple_self_signed(["a.example".to_string()]).unwrap();
    let (chain, key) = (certified.cert.pem(), certified.signing_key.serialize_pem());
    let indented = |pem: &str| pem.trim_end().replace('\n', "\n    ");
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: cert, namespace: t}}\ntype: kubernetes.io/tls\nstringData:\n  \
         tls.crt: |\n    {}\n  tls.key: |\n    {}\n",
        indented(&chain),
        indented(&key)
    );
    let backend = Backend::named("b");
    let proxy = Proxy::new()
        .manifest(
            Ingress::new("i")
                .tls("a.example", "cert")
                .host("a.example", "s")
                .yaml(),
        )
        .manifest(secret)
        .manifest(service("s", &[backend.address]))
        .start();
    wait_until("the certificate", || {
        proxy.metric("portreeve_config_resources", &["\"cert\""]) == 1.0
    });
    let reply = get(proxy.admin(), "admin", "/config");
    let config: Value = serde_json::from_slice(&reply.body).unwrap();
    assert!(config.to_string().contains("a.example"));
    let text = reply.text();
    let body = key.lines().nth(1).unwrap();
    assert!(
        !text.contains("PRIVATE KEY") && !text.contains(body),
        "{text}"
    );
    for path in ["/metrics", "/readyz", "/nothing"] {
        assert!(!get(proxy.admin(), "admin", path).text().contains(body));
    }
    assert!(!proxy.said().contains(body) && !proxy.logged().contains(body));
    assert!(
        proxy.metric(
            "nginx_ingress_controller_ssl_expire_time_seconds",
            &["a.example"]
        ) > 0.0
    );
}
