//! What a line of the access log says of a request.

use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use http::Request;
use serde_json::{Value, json};

use crate::harness::{
    Backend, Client, H2Client, Ingress, Proxy, Started, get, requests, service, wait_until,
};

fn serving(backends: &[&Backend]) -> Started {
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    Proxy::new()
        .manifest(Ingress::new("web").host("a.example", "s").yaml())
        .manifest(service("s", &addresses))
        .arg("--access-log", "json")
        .start()
}

/// The line of this number, from 0.
fn line(proxy: &Started, number: usize) -> Value {
    wait_until("a line", || proxy.logged().lines().count() > number);
    serde_json::from_str(proxy.logged().lines().nth(number).unwrap()).unwrap()
}

/// The same with a route at `/shop`.
fn shop(backend: &Backend, log: &str) -> Started {
    let ingress = Ingress::new("web").path("a.example", "Prefix", "/shop", "s");
    Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", &[backend.address]))
        .arg("--access-log", log)
        .start()
}

fn ask(proxy: &Started, request: &str) {
    let mut client = Client::connect(proxy.http());
    client.send(request);
    client.reply();
}

#[test]
fn lines_are_ingress_nginxs() {
    let backend = Backend::named("hello");
    let proxy = shop(&backend, "nginx");
    let taken = "GET /shop?a=b HTTP/1.1\r\nhost: a.example\r\nuser-agent: u\"\r\nreferer: r\r\nx-request-id: fixed\r\n\r\n";
    let missing = "GET /else HTTP/1.1\r\nhost: a.example\r\nx-request-id: mine\r\nauthorization: Basic am9lOnB3\r\n\r\n";
    ask(&proxy, taken);
    ask(&proxy, missing);
    wait_until("two lines", || proxy.logged().lines().count() == 2);
    let logged = proxy.logged();
    let lines: Vec<_> = logged.lines().map(without_times).collect();
    let upstream = backend.address;
    let (taken, missing) = (taken.len(), missing.len());
    assert_eq!(
        lines,
        [
            format!(
                "127.0.0.1 - - [TIME] \"GET /shop?a=b HTTP/1.1\" 200 5 \"r\" \"u\\x22\" {taken} SECONDS [t-s-80] [] {upstream} 5 SECONDS 200 fixed"
            ),
            format!(
                "127.0.0.1 - joe [TIME] \"GET /else HTTP/1.1\" 404 14 \"-\" \"-\" {missing} SECONDS [] [] - - - - mine"
            ),
        ]
    );
}

/// A line with `TIME` and `SECONDS` in place of what differs each time.
fn without_times(line: &str) -> String {
    let (before, rest) = line.split_once('[').unwrap();
    let (time, rest) = rest.split_once(']').unwrap();
    assert!(time.ends_with(" +0000"), "{time}");
    let is_seconds = |word: &str| {
        let (whole, part) = word.split_once('.').unwrap_or_default();
        part.len() == 3 && [whole, part].concat().bytes().all(|b| b.is_ascii_digit())
    };
    let words = rest.split(' ').map(|word| match word.strip_suffix(',') {
        Some(word) if is_seconds(word) => "SECONDS,",
        _ if is_seconds(word) => "SECONDS",
        _ => word,
    });
    format!("{before}[TIME]{}", words.collect::<Vec<_>>().join(" "))
}

#[test]
fn json_lines_say_who_and_why() {
    let backend = Backend::scripted(|stream, record| {
        let silent = |bytes: &[u8]| bytes.starts_with(b"GET /shop/silent");
        if record.read_until(stream, |bytes| requests(bytes) > 0) && !silent(&record.bytes()) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
        record.read_until(stream, |_| false);
    });
    let proxy = shop(&backend, "json");
    let post = "POST /shop HTTP/1.1\r\nhost: a.example\r\nauthorization: Basic am9lOnNlY3JldA==\r\ncookie: secret\r\ncontent-length: 2\r\n\r\nhi";
    ask(&proxy, post);
    let normal = line(&proxy, 0);
    for (key, expected) in [
        ("status", Value::from(200)),
        ("method", "POST".into()),
        ("path", "/shop".into()),
        ("vhost", "a.example".into()),
        ("bytes_sent", 2.into()),
        ("request_length", post.len().into()),
        ("remote_addr", "127.0.0.1".into()),
        ("remote_user", "joe".into()),
        ("namespace", "t".into()),
        ("ingress_name", "web".into()),
        ("service_name", "s".into()),
        ("service_port", 80.into()),
        ("upstream_addr", json!([backend.address.to_string()])),
        ("upstream_response_length", json!([2])),
        ("upstream_status", json!([200])),
        ("reason", Value::Null),
    ] {
        assert_eq!(normal[key], expected, "{key}");
    }
    ask(
        &proxy,
        "GET /shop HTTP/1.1\r\nhost: a.example\r\nhost: b\r\n\r\n",
    );
    let refused = line(&proxy, 1);
    assert_eq!(
        (&refused["status"], &refused["reason"]),
        (&400.into(), &"host".into())
    );
    assert_eq!(refused["why"], "bad request: there are two hosts");
    let mut client = Client::connect(proxy.http());
    client.send("GET /shop/silent HTTP/1.1\r\nhost: a.example\r\n\r\n");
    backend.wait_for("/shop/silent");
    drop(client);
    let aborted = line(&proxy, 2);
    assert_eq!(
        (&aborted["status"], &aborted["upstream_status"]),
        (&499.into(), &json!([null]))
    );
    assert!(!proxy.logged().contains("secret"), "{}", proxy.logged());
}

#[test]
fn a_redirect_names_the_service_behind_it() {
    let backend = Backend::named("b");
    let moved = Ingress::new("moved").annotate("permanent-redirect", "https://new.example/");
    let proxy = Proxy::new()
        .manifest(moved.host("a.example", "s").yaml())
        .manifest(service("s", &[backend.address]))
        .arg("--access-log", "json")
        .start();
    assert_eq!(get(proxy.http(), "a.example", "/").status, 301);
    let line = line(&proxy, 0);
    assert_eq!(line["service_name"], "s");
    assert_eq!(line["service_port"], 80);
}

#[test]
fn who_cut_a_response_short_is_said() {
    let backend = Backend::scripted(|stream, record| {
        if !record.read_until(stream, |bytes| requests(bytes) > 0) {
            return;
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok");
        let head = String::from_utf8(record.bytes()).unwrap();
        match head.split(' ').nth(1).unwrap() {
            "/whole" => {
                let _ = stream.write_all(b"!");
            }
            "/silent" => {
                record.read_until(stream, |_| false);
            }
            _ => {}
        }
    });
    let proxy = serving(&[&backend]);
    get(proxy.http(), "a.example", "/whole");
    assert_eq!(line(&proxy, 0)["cut"], Value::Null);
    get(proxy.http(), "a.example", "/cut");
    let cut = line(&proxy, 1);
    assert_eq!(
        (&cut["status"], &cut["cut"]),
        (&200.into(), &"upstream".into())
    );
    let mut client = Client::connect(proxy.http());
    client.send("GET /silent HTTP/1.1\r\nhost: a.example\r\n\r\n");
    assert!(client.head().is_some());
    drop(client);
    let left = line(&proxy, 2);
    assert_eq!(
        (&left["status"], &left["cut"]),
        (&200.into(), &"client".into())
    );
    // Nobody asked for the body of this page.
    let mut client = Client::connect(proxy.http());
    client.send("HEAD / HTTP/1.1\r\nhost: else.example\r\nconnection: close\r\n\r\n");
    client.read_to_end();
    let head = line(&proxy, 3);
    assert_eq!((&head["status"], &head["cut"]), (&404.into(), &Value::Null));
}

/// What a field says of a request, or of the last try of it.
fn seconds(line: &Value, key: &str) -> f64 {
    let value = &line[key];
    let last = value.as_array().and_then(|tries| tries.last());
    last.unwrap_or(value).as_f64().unwrap()
}

#[test]
fn an_endpoint_has_its_time_until_its_last_byte() {
    let (go_on, told) = sync_channel(0);
    let told = Mutex::new(told);
    let backend = Backend::scripted(move |stream, record| {
        if record.read_until(stream, |bytes| requests(bytes) > 0) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no");
            let _ = told.lock().unwrap().recv();
            let _ = stream.write_all(b"k");
        }
    });
    let proxy = serving(&[&backend]);
    let mut client = Client::connect(proxy.http());
    client.send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
    assert!(client.head().is_some());
    go_on.send(()).unwrap();
    assert_eq!(client.read_exactly(2), b"ok");
    let line = line(&proxy, 0);
    let head = seconds(&line, "upstream_header_time");
    let response = seconds(&line, "upstream_response_time");
    assert!(0.0 < head && head < response, "{line}");
    assert!(response <= seconds(&line, "request_time"), "{line}");
}

#[test]
fn every_try_has_its_own_time() {
    let tries = Arc::new(AtomicUsize::new(0));
    let backend = || {
        let tries = Arc::clone(&tries);
        Backend::scripted(move |stream, record| {
            let is_asked = record.read_until(stream, |bytes| requests(bytes) > 0);
            if is_asked && tries.fetch_add(1, Ordering::Relaxed) > 0 {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
        })
    };
    let (one, two) = (backend(), backend());
    let proxy = serving(&[&one, &two]);
    assert_eq!(get(proxy.http(), "a.example", "/").status, 200);
    let line = line(&proxy, 0);
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    assert!(
        seconds(&line, "upstream_response_time") < seconds(&line, "request_time"),
        "{line}"
    );
    assert_eq!(line["upstream_status"], json!([502, 200]));
    let times = line["upstream_response_time"].as_array().unwrap();
    let times = times.iter().map(|time| time.as_f64().unwrap());
    assert!(
        times.sum::<f64>() <= seconds(&line, "request_time"),
        "{line}"
    );
    assert_eq!(line["upstream_header_time"][0], Value::Null);
}

#[test]
fn what_an_endpoint_did_is_told_as_nginx_tells_it() {
    let backend = Backend::scripted(|stream, record| {
        if !record.read_until(stream, |bytes| requests(bytes) > 0) {
            return;
        }
        let head = String::from_utf8_lossy(&record.bytes()).into_owned();
        match head.split(' ').nth(1).unwrap() {
            "/whole" => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            }
            "/twice" => {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                );
            }
            "/silent" | "/chunks" => {
                record.read_until(stream, |_| false);
            }
            _ => {}
        }
    });
    let refusing = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ingress = Ingress::new("web")
        .annotate("proxy-read-timeout", "1")
        .host("a.example", "s")
        .host("refused.example", "refused")
        .host("mixed.example", "mixed");
    let proxy = Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", &[backend.address]))
        .manifest(service("refused", &[refusing]))
        .manifest(service("mixed", &[refusing, backend.address]))
        .arg("--access-log", "nginx")
        .arg("--workers", "1")
        .start();
    let (good, gone) = (backend.address, refusing);
    let told = |number: usize| {
        wait_until("a line", || proxy.logged().lines().count() > number);
        let logged = proxy.logged();
        let line = without_times(logged.lines().nth(number).unwrap());
        let (_, line) = line.split_once("HTTP/1.1\" ").unwrap();
        let words: Vec<_> = line.split(' ').collect();
        // Without referer, agent, length, time, the alternative upstream and the id.
        [&words[..2], &words[6..7], &words[8..words.len() - 1]]
            .concat()
            .join(" ")
    };
    for (number, (host, request, expected)) in [
        (
            "a",
            "GET /whole",
            format!("200 2 [t-s-80] {good} 2 SECONDS 200"),
        ),
        (
            "refused",
            "GET /whole",
            format!("502 16 [t-refused-80] {gone} 0 SECONDS 502"),
        ),
        (
            "a",
            "GET /close",
            format!("502 16 [t-s-80] {good} 0 SECONDS 502"),
        ),
        (
            "a",
            "GET /twice",
            format!("502 16 [t-s-80] {good} 0 SECONDS 502"),
        ),
        (
            "a",
            "GET /silent",
            format!("504 20 [t-s-80] {good} 0 SECONDS 504"),
        ),
        (
            "a",
            "POST /chunks HTTP/1.1\r\ntransfer-encoding: chunked\r\nhost: a.example\r\n\r\nx",
            format!("400 16 [t-s-80] {good} 0 SECONDS -"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        if request.contains("HTTP") {
            ask(&proxy, request);
        } else {
            ask(
                &proxy,
                &format!("{request} HTTP/1.1\r\nhost: {host}.example\r\n\r\n"),
            );
        }
        assert_eq!(told(number), expected, "{request}");
    }
    // One of two begins with the endpoint that is gone.
    for _ in 0..2 {
        get(proxy.http(), "mixed.example", "/whole");
    }
    let expected = format!("200 2 [t-mixed-80] {gone}, {good} 0, 2 SECONDS, SECONDS 502, 200");
    assert!([told(6), told(7)].contains(&expected), "{}", proxy.logged());
}

#[test]
fn every_line_has_an_id() {
    let backend = Backend::named("b");
    let moved = Ingress::new("moved").annotate("permanent-redirect", "https://new.example/");
    let proxy = Proxy::new()
        .manifest(moved.host("moved.example", "s").yaml())
        .manifest(service("s", &[backend.address]))
        .arg("--access-log", "nginx")
        .start();
    for (number, (request, expected)) in [
        (
            "GET / HTTP/1.1\r\nhost: moved.example\r\n",
            "301 22 [t-s-80]",
        ),
        ("OPTIONS * HTTP/1.1\r\nhost: moved.example\r\n", "200 0 []"),
        ("GET / HTTP/1.1\r\n", "400 16 []"),
        ("GET / HTTP/1.1\r\nhost moved.example\r\n", "400 0 []"),
    ]
    .into_iter()
    .enumerate()
    {
        ask(&proxy, &format!("{request}\r\n"));
        wait_until("a line", || proxy.logged().lines().count() > number);
        let logged = proxy.logged();
        let words: Vec<_> = logged.lines().nth(number).unwrap().rsplit(' ').collect();
        assert_eq!(words[0].len(), 32, "{logged}");
        assert!(words[0].bytes().all(|b| b.is_ascii_hexdigit()), "{logged}");
        let line = words.into_iter().rev().collect::<Vec<_>>().join(" ");
        let (_, line) = line.split_once("] \"").unwrap();
        let (_, line) = line.split_once("\" ").unwrap();
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!([&words[..2], &words[6..7]].concat().join(" "), expected);
    }
}

#[test]
fn a_requests_length_is_that_of_its_head_and_body() {
    let backend = Backend::named("b");
    let proxy = serving(&[&backend]);
    let sized = "POST /a?b HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello";
    let whole = "GET http://a.example/a?b HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let chunked = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (number, (request, rest, length)) in [
        (sized, "", sized.len()),
        (whole, "", whole.len()),
        (chunked, "5\r\nhello\r\n0\r\n\r\n", chunked.len() + 5),
    ]
    .into_iter()
    .enumerate()
    {
        ask(&proxy, &format!("{request}{rest}"));
        assert_eq!(line(&proxy, number)["request_length"], length, "{request}");
    }
    let h2 = H2Client::connect(proxy.http());
    let request = Request::post("http://a.example/a?b").header("x-a", "b");
    h2.post(request.body(()).unwrap(), "hello", None);
    let sent = ":methodPOST:schemehttp:authoritya.example:path/a?bx-abhello";
    assert_eq!(line(&proxy, 3)["request_length"], sent.len());
}

#[test]
fn what_never_became_a_request_is_logged() {
    let backend = Backend::named("b");
    let proxy = Proxy::new()
        .manifest(Ingress::new("web").host("a.example", "s").yaml())
        .manifest(service("s", &[backend.address]))
        .arg("--access-log", "json")
        .arg("--client-header-timeout", "1")
        .start();
    let large = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(100_000));
    for (number, (sent, status, reason)) in [
        ("GET / HTTP/1.1\r\nhost a.example\r\n\r\n", 400, "malformed"),
        (&large, 431, "head_too_large"),
        ("GET / HTTP/1.1\r\n", 408, "head_timeout"),
        ("INVALID CONNECTION PREFACE\r\n\r\n", 444, "malformed"),
        // DATA on a stream that was never opened.
        (
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\0\0\x01x",
            444,
            "malformed",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let label = format!("\"{reason}\"");
        let refusals = || proxy.metric("portreeve_refusals_total", &[&label]);
        let before = refusals();
        let mut client = Client::connect(proxy.http());
        client.send(sent);
        let answer = String::from_utf8_lossy(&client.read_to_end()).into_owned();
        let is_answered = answer.starts_with(&format!("HTTP/1.1 {status} "));
        assert_eq!(is_answered, status != 444, "{answer}");
        let line = line(&proxy, number);
        assert_eq!(
            (&line["status"], &line["reason"], &line["method"]),
            (&status.into(), &reason.into(), &Value::Null)
        );
        assert_eq!(line["remote_addr"], "127.0.0.1");
        assert_eq!(refusals(), before + 1.0, "{line}");
    }
}
