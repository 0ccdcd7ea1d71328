//! Heads and lengths of HTTP/2 that can be read in two ways, and what is not opened at all.

use http::Request;

use super::{ok, serving};
use crate::harness::frames::{DATA, END_STREAM, Frames, GOAWAY, HEADERS, RST_STREAM};
use crate::harness::{Backend, H2Backend, H2Client, Started, on};

/// What comes back first on a stream, or ends its connection.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Status(u16),
    Reset,
    Goaway,
}

fn refusal(proxy: &Started, fields: &[(&str, &str)], body: Option<&str>) -> Option<Refusal> {
    let mut frames = Frames::connect(proxy.http(), &[]);
    frames.headers(1, if body.is_some() { 0 } else { END_STREAM }, fields);
    if let Some(body) = body {
        frames.send(DATA, END_STREAM, 1, body.as_bytes());
    }
    loop {
        let frame = frames.next()?;
        match frame.kind {
            HEADERS => return frame.status().map(Refusal::Status),
            RST_STREAM => return Some(Refusal::Reset),
            GOAWAY => return Some(Refusal::Goaway),
            _ => {}
        }
    }
}

#[test]
fn a_head_of_http2_is_read_in_one_way_or_refused() {
    let h1 = Backend::named("b");
    let proxy = serving(&h1, &H2Backend::replying(ok(), "b", None));
    let get = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
    let with = |more: &[(&'static str, &'static str)]| [&get[..], more].concat();
    let named = |more: &[(&'static str, &'static str)]| {
        [&get[..], &[(":authority", "h1.example")], more].concat()
    };
    for (name, fields, expected) in [
        ("as it should be", named(&[]), Refusal::Status(200)),
        (
            "the same host twice",
            named(&[("host", "h1.example")]),
            Refusal::Status(200),
        ),
        (
            "only a host",
            with(&[("host", "h1.example")]),
            Refusal::Status(200),
        ),
        (
            "another host",
            named(&[("host", "h2.example")]),
            Refusal::Status(400),
        ),
        (
            "two hosts",
            named(&[("host", "h1.example"), ("host", "h1.example")]),
            Refusal::Status(400),
        ),
        ("nobody", with(&[]), Refusal::Status(400)),
        (
            "user information",
            with(&[(":authority", "u@h1.example")]),
            Refusal::Status(400),
        ),
        (
            "connection",
            named(&[("connection", "close")]),
            Refusal::Reset,
        ),
        ("keep-alive", named(&[("keep-alive", "1")]), Refusal::Reset),
        (
            "upgrade",
            named(&[("upgrade", "websocket")]),
            Refusal::Reset,
        ),
        (
            "transfer-encoding",
            named(&[("transfer-encoding", "chunked")]),
            Refusal::Reset,
        ),
        (
            "proxy-connection",
            named(&[("proxy-connection", "x")]),
            Refusal::Reset,
        ),
        ("te: gzip", named(&[("te", "gzip")]), Refusal::Reset),
        (
            "an upper-case name",
            named(&[("X-Upper", "1")]),
            Refusal::Goaway,
        ),
        (
            "a line break in a value",
            named(&[("x", "a\r\nb: c")]),
            Refusal::Goaway,
        ),
        ("a NUL in a value", named(&[("x", "a\0b")]), Refusal::Goaway),
        (
            "an unknown pseudo field",
            named(&[(":x", "1")]),
            Refusal::Goaway,
        ),
        (
            "a pseudo field behind others",
            [&named(&[("x", "1")])[..], &[(":path", "/x")]].concat(),
            Refusal::Reset,
        ),
    ] {
        let came = refusal(&proxy, &fields, None);
        // A reset or a goaway: either way nobody reads it in another way.
        let came = match (came, &expected) {
            (Some(Refusal::Reset | Refusal::Goaway), Refusal::Reset | Refusal::Goaway) => None,
            (came, _) => came,
        };
        let expected = Some(expected).filter(|e| matches!(e, Refusal::Status(_)));
        assert_eq!(came, expected, "{name}");
    }
    for path in ["/a b", "/a\r\nb", "", "x", "http://h1.example/", "*"] {
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "h1.example"),
            (":path", path),
        ];
        let came = refusal(&proxy, &fields, None);
        assert!(
            !matches!(came, Some(Refusal::Status(200))),
            "{path:?}: {came:?}"
        );
    }
    let requests = h1.received().matches("GET / HTTP/1.1\r\n").count();
    assert_eq!(requests, 3, "{}", h1.received());
}

#[test]
fn a_length_that_is_not_the_bodys_ends_nothing_upstream() {
    for (length, body) in [("5", "hi"), ("1", "hi")] {
        // One backend each: what comes late is not taken for the next request's.
        let h1 = Backend::named("b");
        let proxy = serving(&h1, &H2Backend::replying(ok(), "b", None));
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "h1.example"),
            (":path", "/"),
            ("content-length", length),
        ];
        let came = refusal(&proxy, &fields, Some(body));
        assert!(
            !matches!(came, Some(Refusal::Status(200))),
            "{length}: {came:?}"
        );
        let reached = h1.received();
        let whole = format!("content-length: {length}");
        let body = reached.split("\r\n\r\n").nth(1).unwrap_or_default();
        assert!(
            !reached.contains(&whole) || body.len() < length.parse().unwrap(),
            "{reached}"
        );
    }
}

#[test]
fn tunnels_over_http2_are_not_opened() {
    let h1 = Backend::named("b");
    let proxy = serving(&h1, &H2Backend::replying(ok(), "b", None));
    let client = H2Client::connect(proxy.http());
    for method in ["CONNECT", "TRACE"] {
        let uri = if method == "CONNECT" {
            "h1.example:80"
        } else {
            "http://h1.example/"
        };
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        let (response, _) = client.begin(request, true);
        assert_eq!(on(response).unwrap().status(), 405, "{method}");
    }
    assert_eq!(h1.connections(), 0);
}
