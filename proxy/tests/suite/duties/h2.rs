//! The same duties where HTTP/2 is spoken on one side or both.

mod refused;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};

use crate::harness::frames::{DATA, END_STREAM, Frames, HEADERS};
use crate::harness::{Backend, Client, H2Backend, H2Client, Ingress, Proxy, Started, get, service};

/// Over HTTP/1 to `h1.example`, over HTTP/2 to `h2.example`.
fn serving(h1: &Backend, h2: &H2Backend) -> Started {
    let grpc = Ingress::new("h2")
        .annotate("backend-protocol", "GRPC")
        .host("h2.example", "h2");
    Proxy::new()
        .manifest(Ingress::new("h1").host("h1.example", "h1").yaml())
        .manifest(grpc.yaml())
        .manifest(service("h1", &[h1.address]))
        .manifest(service("h2", &[h2.address]))
        .start()
}

fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(*name, HeaderValue::from_static(value));
    }
    map
}

fn ok() -> Response<()> {
    Response::builder().header("x-end", "1").body(()).unwrap()
}

/// What every request gets, but its id.
fn ours(host: &str, port: u16) -> String {
    format!(
        "x-forwarded-for: 127.0.0.1\nx-forwarded-host: {host}\nx-forwarded-port: {port}\n\
         x-forwarded-proto: http\nx-forwarded-scheme: http\nx-real-ip: 127.0.0.1\n\
         x-request-id: fixed\nx-scheme: http\n"
    )
}

#[test]
fn cookies_that_came_in_crumbs_are_one_field() {
    let (h1, h2) = (Backend::named("b"), H2Backend::replying(ok(), "b", None));
    let proxy = serving(&h1, &h2);
    let client = H2Client::connect(proxy.http());
    for host in ["h1.example", "h2.example"] {
        let request = Request::get(format!("http://{host}/"));
        let request = request.header("cookie", "a=1").header("cookie", "b=2");
        assert_eq!(client.get(request.body(()).unwrap()).body, b"b");
    }
    assert!(
        h1.received().contains("\r\ncookie: a=1; b=2\r\n"),
        "{}",
        h1.received()
    );
    assert!(
        h2.seen()[0].contains("\ncookie: a=1; b=2\n"),
        "{:?}",
        h2.seen()
    );
}

#[test]
fn a_request_over_http2_reaches_http1_whole() {
    let (h1, h2) = (Backend::named("b"), H2Backend::replying(ok(), "b", None));
    let proxy = serving(&h1, &h2);
    let client = H2Client::connect(proxy.http());
    let request = |method: &str| {
        Request::builder()
            .method(method)
            .uri("http://h1.example/x?y")
            .header("te", "trailers")
            .header("x-request-id", "fixed")
            .body(())
            .unwrap()
    };
    let common = "host: h1.example\r\n";
    for (method, body, framing) in [
        ("GET", None, ""),
        ("DELETE", None, ""),
        ("POST", Some("hi"), "transfer-encoding: chunked"),
        ("GET", Some("hi"), "transfer-encoding: chunked"),
    ] {
        let mark = h1.mark();
        let reply = match body {
            Some(body) => client.post(request(method), body, None),
            None => client.get(request(method)),
        };
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"b"[..]));
        let reached = String::from_utf8(h1.since(&mark)).unwrap();
        assert!(
            reached.starts_with(&format!("{method} /x?y HTTP/1.1\r\n")),
            "{reached}"
        );
        assert!(
            reached.contains(common) && reached.contains(framing),
            "{reached}"
        );
        assert!(!reached.contains("\r\nte: "), "{reached}");
        let end = if body.is_some() {
            "\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        } else {
            "\r\n\r\n"
        };
        assert!(reached.ends_with(end), "{reached}");
        assert_eq!(
            reached.contains("transfer-encoding"),
            body.is_some(),
            "{reached}"
        );
    }
}

#[test]
fn a_request_over_http2_reaches_http2_whole() {
    let trailers = map(&[("grpc-status", "0"), ("x-sum", "2")]);
    let h2 = H2Backend::replying(ok(), "b", Some(trailers.clone()));
    let proxy = serving(&Backend::named("b"), &h2);
    let client = H2Client::connect(proxy.http());
    let call = Request::post("http://h2.example/s/m")
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .header("x-request-id", "fixed")
        .body(())
        .unwrap();
    let sent = map(&[
        ("x-sum", "1"),
        ("host", "evil"),
        ("content-length", "9"),
        ("x_real_ip", "x"),
    ]);
    let reply = client.post(call, "hi", Some(sent));
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"b"[..]));
    assert_eq!(reply.trailers, Some(trailers));
    let expected = format!(
        "POST http://h2.example/s/m\ncontent-type: application/grpc\nte: trailers\n{}\nhi\nx-sum: 1\n",
        ours("h2.example", proxy.http().port())
    );
    assert_eq!(h2.wait_for(1), [expected]);
}

#[test]
fn a_request_over_http1_reaches_http2_whole() {
    let response = Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let h2 = H2Backend::replying(response, "b", Some(map(&[("grpc-status", "0")])));
    let proxy = serving(&Backend::named("b"), &h2);
    let mut client = Client::connect(proxy.http());
    client.send(
        "POST /x HTTP/1.1\r\nhost: h2.example\r\nte: trailers\r\nconnection: te\r\ntransfer-encoding: chunked\r\n\
         x-request-id: fixed\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    );
    let head = client.head().unwrap();
    assert!(
        head.contains("trailer: grpc-status, grpc-message, grpc-status-details-bin"),
        "{head}"
    );
    let body = "1\r\nb\r\n0\r\ngrpc-status: 0\r\n\r\n";
    assert_eq!(client.read_exactly(body.len()), body.as_bytes());
    let expected = format!(
        "POST http://h2.example/x\nte: trailers\n{}\nhi",
        ours("h2.example", proxy.http().port())
    );
    assert_eq!(h2.wait_for(1), [expected]);
}

#[test]
fn what_has_no_body_ends_with_its_head() {
    let h2 = H2Backend::scripted(|request, mut respond, seen| async move {
        seen.note(request.body().is_end_stream().to_string());
        respond.send_response(ok(), true).unwrap();
    });
    let proxy = serving(&Backend::named("b"), &h2);
    let mut frames = Frames::connect(proxy.http(), &[]);
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "h2.example"),
        (":path", "/"),
    ];
    frames.headers(1, END_STREAM, &fields);
    let head = frames.next().unwrap();
    assert_eq!((head.kind, head.flags & END_STREAM), (HEADERS, END_STREAM));
    assert_eq!(get(proxy.http(), "h2.example", "/").status, 200);
    assert_eq!(h2.wait_for(2), ["true", "true"]);
}

#[test]
fn empty_frames_are_not_passed_on() {
    let h2 = H2Backend::scripted(|_, mut respond, _| async move {
        let mut stream = respond.send_response(ok(), false).unwrap();
        for _ in 0..90 {
            stream.send_data(Bytes::new(), false).unwrap();
        }
        stream.send_data(Bytes::from_static(b"ok"), false).unwrap();
        stream.send_data(Bytes::new(), true).unwrap();
    });
    let proxy = serving(&Backend::named("b"), &h2);
    let mut frames = Frames::connect(proxy.http(), &[]);
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "h2.example"),
        (":path", "/"),
    ];
    frames.headers(1, END_STREAM, &fields);
    let mut data = Vec::new();
    while let Some(frame) = frames.next() {
        if frame.kind == DATA {
            data.push((frame.payload.len(), frame.flags & END_STREAM));
        }
        if frame.flags & END_STREAM != 0 {
            break;
        }
    }
    data.retain(|frame| *frame != (0, END_STREAM));
    assert_eq!(data.iter().map(|(length, _)| length).sum::<usize>(), 2);
    assert_eq!(data.len(), 1, "{data:?}");
}
