//! What becomes of a request when its endpoint fails, and of an endpoint when its client does.

mod answers;
mod uploads;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};

use http::Request;
use socket2::{Domain, Socket, Type};

use crate::harness::{
    Backend, Client, H2Backend, H2Client, Ingress, Proxy, Record, Started, get, on, reply,
    requests, service, wait_until,
};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const GET: &str = "GET / HTTP/1.1\r\nhost: a.example\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 2\r\n\r\nhi";

/// A proxy with one route, to these endpoints, with these annotations.
fn serving(endpoints: &[SocketAddr], annotations: &[(&str, &str)]) -> Started {
    let mut ingress = Ingress::new("i").host("a.example", "s");
    for (name, value) in annotations {
        ingress = ingress.annotate(name, value);
    }
    Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", endpoints))
        .arg("--access-log", "json")
        .start()
}

/// An address that refuses connections.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A listener whose queue is full, so that connecting to it takes for ever.
fn blackhole() -> (Socket, Vec<Socket>, SocketAddr) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let fill = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        let _ = socket.connect(&address.into());
        socket
    };
    let fillers = std::iter::repeat_with(fill).take(8).collect();
    (listener, fillers, address)
}

fn exchange(proxy: &Started, request: &str) -> u16 {
    let mut client = Client::connect(proxy.http());
    client.send(request);
    client.reply().map_or(0, |reply| reply.status)
}

/// Reads one request from a fresh connection.
fn one(stream: &mut TcpStream, record: &Record) -> bool {
    record.read_until(stream, |bytes| requests(bytes) > 0)
}

#[test]
fn a_refused_connection_is_tried_elsewhere() {
    let alone = serving(&[nobody()], &[]);
    assert_eq!(get(alone.http(), "a.example", "/").status, 502);
    assert_eq!(
        alone.metric("portreeve_refusals_total", &["\"connect\""]),
        1.0
    );

    let backend = Backend::named("b");
    let proxy = serving(&[nobody(), backend.address], &[]);
    for request in [GET, POST, GET, POST] {
        // Not a byte was written, so even a POST may go elsewhere.
        assert_eq!(exchange(&proxy, request), 200);
    }
    let off = serving(
        &[nobody(), backend.address],
        &[("proxy-next-upstream", "off")],
    );
    let mut statuses = [GET, GET].map(|request| exchange(&off, request));
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 502]);
}

#[test]
fn tries_are_counted() {
    let dead = [nobody(), nobody(), nobody()];
    let backend = Backend::named("b");
    let endpoints = [dead[0], dead[1], dead[2], backend.address];
    let proxy = serving(&endpoints, &[("proxy-next-upstream-tries", "1")]);
    let statuses: Vec<_> = (0..4).map(|_| exchange(&proxy, GET)).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    let proxy = serving(&endpoints, &[("proxy-next-upstream-tries", "4")]);
    assert!((0..4).all(|_| exchange(&proxy, GET) == 200));
}

#[test]
fn connecting_has_a_limit() {
    let (_listener, _fillers, address) = blackhole();
    let proxy = serving(&[address], &[("proxy-connect-timeout", "1")]);
    assert_eq!(exchange(&proxy, GET), 504);
    assert_eq!(
        proxy.metric("portreeve_refusals_total", &["\"connect_timeout\""]),
        1.0
    );
}

#[test]
fn waiting_for_an_answer_has_a_limit() {
    let silent = Backend::scripted(|stream, record| {
        record.read_until(stream, |_| false);
    });
    let proxy = serving(&[silent.address], &[("proxy-read-timeout", "1")]);
    assert_eq!(exchange(&proxy, GET), 504);
    assert_eq!(
        proxy.metric("portreeve_refusals_total", &["\"upstream_timeout\""]),
        1.0
    );
}

/// A backend that answers once, and closes when it is asked a second time.
fn stale() -> Backend {
    Backend::scripted(|stream, record| {
        if one(stream, record) {
            stream.write_all(OK.as_bytes()).unwrap();
            record.read_until(stream, |bytes| requests(bytes) > 1);
        }
    })
}

#[test]
fn a_stale_connection_is_no_reason_to_fail_a_get() {
    let backend = stale();
    let proxy = serving(&[backend.address], &[]);
    for _ in 0..4 {
        assert_eq!(exchange(&proxy, GET), 200);
    }
}

#[test]
fn a_post_is_never_sent_twice() {
    for (annotations, expected) in [
        (&[][..], (502, 2)),
        (
            &[("proxy-next-upstream", "error timeout non_idempotent")][..],
            (502, 2),
        ),
    ] {
        let backend = stale();
        let proxy = serving(&[backend.address], annotations);
        assert_eq!(exchange(&proxy, GET), 200);
        let status = exchange(&proxy, POST);
        let sent = requests(backend.received().as_bytes());
        assert_eq!(
            (status, sent),
            expected,
            "its body is gone: {annotations:?}"
        );
    }
}

#[test]
fn a_status_is_tried_again_when_the_route_says_so() {
    let busy = Backend::replying("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    let backend = Backend::named("b");
    let endpoints = [busy.address, backend.address];
    let proxy = serving(&endpoints, &[]);
    assert!(
        (0..4).any(|_| exchange(&proxy, GET) == 503),
        "not by default"
    );
    let again = [("proxy-next-upstream", "error http_503")];
    let proxy = serving(&endpoints, &again);
    assert!((0..4).all(|_| exchange(&proxy, GET) == 200));
    assert!(
        (0..4).any(|_| exchange(&proxy, POST) == 503),
        "a POST is not repeated"
    );
    let proxy = serving(&[busy.address], &again);
    assert_eq!(exchange(&proxy, GET), 503, "the last answer is the answer");
}

#[test]
fn nobody_there_is_said_at_once() {
    let proxy = serving(&[], &[]);
    let reply = get(proxy.http(), "a.example", "/");
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(
        proxy.metric("portreeve_refusals_total", &["\"no_endpoint\""]),
        1.0
    );

    let fallback = Backend::named("sorry");
    let ingress = Ingress::new("i")
        .annotate("default-backend", "sorry")
        .host("a.example", "s");
    let proxy = Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", &[]))
        .manifest(service("sorry", &[fallback.address]))
        .start();
    assert_eq!(get(proxy.http(), "a.example", "/").text(), "sorry");
}

#[test]
fn a_closed_route_says_why() {
    let backend = Backend::named("b");
    let closed = [("auth-url", "http://auth.example/")];
    let proxy = serving(&[backend.address], &closed);
    assert_eq!(get(proxy.http(), "a.example", "/").status, 503);
    wait_until("the line", || {
        proxy.logged().contains("\"reason\":\"unavailable\"")
    });
    assert!(proxy.logged().contains("auth-url"), "{}", proxy.logged());
    assert_eq!(backend.connections(), 0);
}

#[test]
fn a_grpc_caller_is_told_in_its_own_words() {
    let call = || {
        let request = Request::post("http://a.example/s/m").header("te", "trailers");
        request
            .header("content-type", "application/grpc")
            .body(())
            .unwrap()
    };
    let (_listener, _fillers, full) = blackhole();
    let grpc = ("backend-protocol", "GRPC");
    for (endpoints, annotations, expected) in [
        (vec![], vec![grpc], "14"),
        (vec![nobody()], vec![grpc], "14"),
        (vec![full], vec![grpc, ("proxy-connect-timeout", "1")], "4"),
    ] {
        let proxy = serving(&endpoints, &annotations);
        let reply = H2Client::connect(proxy.http()).get(call());
        assert_eq!(
            (reply.status, reply.header("grpc-status")),
            (200, Some(expected))
        );
        assert_eq!(reply.header("content-type"), Some("application/grpc"));
    }
}

#[test]
fn nobody_waits_longer_than_the_caller() {
    let silent = H2Backend::scripted(|request, _respond, seen| async move {
        seen.note(request.headers()["grpc-timeout"].to_str().unwrap());
        std::future::pending::<()>().await;
    });
    let proxy = serving(&[silent.address], &[("backend-protocol", "GRPC")]);
    let call = Request::post("http://a.example/s/m")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "1000m");
    let reply = H2Client::connect(proxy.http()).get(call.body(()).unwrap());
    assert_eq!(
        (reply.status, reply.header("grpc-status")),
        (200, Some("4"))
    );
    assert_eq!(silent.seen(), ["1000m"]);
}

/// However the time is spent: the caller's deadline is the end of all waiting together.
#[test]
fn a_callers_deadline_is_for_the_whole_call() {
    let (_listener, _fillers, full) = blackhole();
    let patient = ("proxy-connect-timeout", "60");
    let proxy = serving(&[full], &[("backend-protocol", "GRPC"), patient]);
    let call = Request::post("http://a.example/s/m")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "500m");
    let client = H2Client::connect(proxy.http());
    let (response, _open) = client.begin(call.body(()).unwrap(), false);
    let reply = on(reply(response));
    assert_eq!(
        (reply.status, reply.header("grpc-status")),
        (200, Some("4"))
    );
    let refusals = proxy.metric("portreeve_refusals_total", &["\"upstream_timeout\""]);
    assert_eq!(refusals, 1.0);
}
