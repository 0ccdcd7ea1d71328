//! How much a client may send: heads, bodies, trailers, streams.

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

use super::{refusals, serving};
use crate::harness::frames::{END_STREAM, Frames, RST_STREAM};
use crate::harness::{Backend, Client, H2Backend, H2Client, wait_until};

#[test]
fn a_body_has_a_size() {
    let backend = Backend::named("b");
    let proxy = serving(backend.address, &[("proxy-body-size", "1k")], &[]);
    let chunk = "x".repeat(1025);
    for sent in [
        format!("POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 1025\r\n\r\n{chunk}"),
        format!(
            "POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n401\r\n{chunk}\r\n0\r\n\r\n"
        ),
        format!("POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 100000000\r\n\r\n{chunk}"),
    ] {
        let mut client = Client::connect(proxy.http());
        client.send(&sent);
        assert_eq!(client.reply().unwrap().status, 413, "{sent:.90}");
        assert!(client.read_to_end().is_empty());
    }
    let h2 = H2Client::connect(proxy.http());
    let request = || Request::post("http://a.example/").body(()).unwrap();
    let chunk: &'static str = chunk.leak();
    assert_eq!(h2.post(request(), chunk, None).status, 413);
    assert_eq!(h2.post(request(), &chunk[1..], None).status, 200);
    assert_eq!(refusals(&proxy, "body_too_large"), 4.0);
}

#[test]
fn a_head_has_a_size() {
    let backend = Backend::named("b");
    let proxy = serving(backend.address, &[], &[]);
    let fields = |count: usize| "x: y\r\n".repeat(count);
    for (sent, expected) in [
        (
            format!(
                "GET /{} HTTP/1.1\r\nhost: a.example\r\n\r\n",
                "x".repeat(8191)
            ),
            200,
        ),
        (
            format!(
                "GET /{} HTTP/1.1\r\nhost: a.example\r\n\r\n",
                "x".repeat(8192)
            ),
            414,
        ),
        (
            format!("GET / HTTP/1.1\r\nhost: a.example\r\n{}\r\n", fields(99)),
            200,
        ),
        (
            format!("GET / HTTP/1.1\r\nhost: a.example\r\n{}\r\n", fields(100)),
            431,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nhost: a.example\r\nx: {}\r\n\r\n",
                "x".repeat(30_000)
            ),
            200,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nhost: a.example\r\nx: {}\r\n\r\n",
                "x".repeat(33_000)
            ),
            431,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nhost: a.example\r\nx: {}",
                "x".repeat(1_000_000)
            ),
            431,
        ),
        (format!("GET /{}", "x".repeat(1_000_000)), 431),
    ] {
        let mut client = Client::connect(proxy.http());
        client.send(&sent);
        let status = client.reply().map(|reply| reply.status);
        assert_eq!(status, Some(expected), "{sent:.60}");
    }
    wait_until("four refusals", || {
        refusals(&proxy, "head_too_large") == 4.0
    });
    assert_eq!(refusals(&proxy, "target_too_long"), 1.0);
    let mut client = Client::connect(proxy.http());
    client.send("nonsense\r\n\r\n");
    assert_eq!(client.reply().unwrap().status, 400);
    wait_until("a refusal", || refusals(&proxy, "malformed") == 1.0);
}

#[test]
fn a_head_of_http2_has_a_size() {
    let backend = Backend::named("b");
    let proxy = serving(backend.address, &[], &[]);
    let request = |fields: usize, length: usize| {
        let mut request = Request::get("http://a.example/");
        for _ in 0..fields {
            request = request.header("x", "y".repeat(length));
        }
        request.body(()).unwrap()
    };
    let mut refused = 0.0;
    for (fields, length, expected) in [
        (100, 1, 200),
        (101, 1, 431),
        (1, 7000, 200),
        (1, 9000, 431),
        (1, 60000, 431),
    ] {
        let h2 = H2Client::connect(proxy.http());
        let reply = h2.get(request(fields, length));
        assert_eq!(
            (reply.status, reply.reset),
            (expected, None),
            "{fields} of {length}"
        );
        refused += f64::from(u8::from(expected == 431));
        wait_until("a refusal", || {
            refusals(&proxy, "head_too_large") == refused
        });
    }
}

#[test]
fn trailers_of_a_request_have_a_size() {
    let backend = Backend::named("b");
    let proxy = serving(backend.address, &[], &[]);
    for (length, expected) in [(8000, 200), (9000, 400)] {
        let mut client = Client::connect(proxy.http());
        let trailer = "x".repeat(length);
        client.send(format!(
            "POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n2\r\nhi\r\n0\r\nx: {trailer}\r\n\r\n"
        ));
        assert_eq!(client.reply().unwrap().status, expected, "{length}");
    }
}

#[test]
fn trailers_of_a_request_over_http2_have_a_size() {
    let backend = H2Backend::replying(Response::new(()), "ok", None);
    let proxy = serving(backend.address, &[("backend-protocol", "GRPC")], &[]);
    let client = H2Client::connect(proxy.http());
    for (length, expected) in [(8000, 200), (9000, 400)] {
        let request = Request::post("http://a.example/").body(()).unwrap();
        let reply = client.post(request, "hi", Some(trailers(length)));
        assert_eq!(reply.status, expected, "{length}");
    }
}

fn trailers(length: usize) -> HeaderMap {
    let value = HeaderValue::try_from("x".repeat(length)).unwrap();
    HeaderMap::from_iter([(HeaderName::from_static("x"), value)])
}

#[test]
fn trailers_of_a_response_have_a_size() {
    for (length, is_taken) in [(8000, true), (9000, false)] {
        let trailer = "x".repeat(length);
        let h1 = Backend::replying(format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n2\r\nok\r\n0\r\nx: {trailer}\r\n\r\n"
        ));
        let head = Response::builder().header("trailer", "x").body(()).unwrap();
        let h2 = H2Backend::replying(head, "ok", Some(trailers(length)));
        for (address, protocol) in [(h1.address, "HTTP"), (h2.address, "GRPC")] {
            let proxy = serving(address, &[("backend-protocol", protocol)], &[]);
            let mut client = Client::connect(proxy.http());
            client.send("GET / HTTP/1.1\r\nhost: a.example\r\nte: trailers\r\nconnection: te, close\r\n\r\n");
            let ends = client.read_to_end().ends_with(b"x\r\n\r\n");
            assert_eq!(ends, is_taken, "{protocol} of {length}");
            let request = Request::get("http://a.example/").header("te", "trailers");
            let reply = H2Client::connect(proxy.http()).get(request.body(()).unwrap());
            let came = reply.trailers.is_some_and(|trailers| !trailers.is_empty());
            assert_eq!(came, is_taken, "{protocol} of {length}");
            assert_eq!(reply.reset.is_none(), is_taken, "{protocol} of {length}");
        }
    }
}

#[test]
fn streams_are_counted() {
    let backend = Backend::scripted(|stream, record| {
        record.read_until(stream, |_| false);
    });
    let proxy = serving(backend.address, &[], &[]);
    let mut frames = Frames::connect(proxy.http(), &[]);
    for number in 0..=100 {
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", "/"),
        ];
        frames.headers(2 * number + 1, END_STREAM, &fields);
    }
    let refused = frames.next().unwrap();
    assert_eq!((refused.kind, refused.stream), (RST_STREAM, 201));
    assert_eq!(refused.payload, 7_u32.to_be_bytes(), "REFUSED_STREAM");
}
