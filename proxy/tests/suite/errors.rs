//! What becomes of a request when its endpoint fails, and of an endpoint when its client does.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};
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

#[test]
fn a_body_that_stops_is_cut() {
    let stops = Backend::scripted(|stream, record| {
        if one(stream, record) {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n");
            record.read_until(stream, |_| false);
        }
    });
    let proxy = serving(&[stops.address], &[("proxy-read-timeout", "1")]);
    let mut client = Client::connect(proxy.http());
    client.send(GET);
    let bytes = String::from_utf8(client.read_to_end()).unwrap();
    assert!(
        bytes.ends_with("\r\n\r\n2\r\nok\r\n"),
        "no last chunk: {bytes}"
    );
}

/// What an endpoint says and then closes, and what its client gets.
#[test]
fn a_truncated_body_is_cut_not_ended() {
    for (said, expected) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok",
            "\r\n\r\nok",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
            "\r\n\r\n2\r\nok\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nok",
            "\r\n\r\n2\r\nok\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nx\r\n",
            "\r\n\r\n2\r\nok\r\n",
        ),
    ] {
        let backend = Backend::scripted(move |stream, record| {
            if one(stream, record) {
                let _ = stream.write_all(said.as_bytes());
            }
        });
        let proxy = serving(&[backend.address], &[]);
        let mut client = Client::connect(proxy.http());
        client.send(GET);
        let bytes = String::from_utf8(client.read_to_end()).unwrap();
        assert!(
            bytes.starts_with("HTTP/1.1 200") && bytes.ends_with(expected),
            "{said:?}: {bytes:?}"
        );
        let h2 = H2Client::connect(proxy.http());
        let reply = h2.get(Request::get("http://a.example/").body(()).unwrap());
        assert_eq!(
            (reply.status, reply.reset.is_some()),
            (200, true),
            "{said:?}"
        );
    }
}

#[test]
fn what_is_not_one_response_is_none() {
    for said in [
        "",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nx y: a\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        "ok, as HTTP/0.9 would have it",
    ] {
        let backend = Backend::scripted(move |stream, record| {
            if one(stream, record) {
                let _ = stream.write_all(said.as_bytes());
            }
        });
        let proxy = serving(&[backend.address], &[]);
        assert_eq!(exchange(&proxy, GET), 502, "{said:?}");
        assert_eq!(exchange(&proxy, GET), 502, "{said:?}");
        assert_eq!(
            backend.connections(),
            2,
            "the connection is not used again: {said:?}"
        );
    }
}

#[test]
fn heads_without_end_are_not_read_for_ever() {
    let flood = Backend::scripted(|stream, record| {
        if one(stream, record) {
            while stream
                .write_all(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
                .is_ok()
            {}
        }
    });
    let proxy = serving(&[flood.address], &[]);
    assert_eq!(exchange(&proxy, GET), 502);
    assert_eq!(
        get(proxy.http(), "else.example", "/").status,
        404,
        "others are served"
    );
}

#[test]
fn extra_bytes_are_nobodys_answer() {
    let extra = Backend::scripted(|stream, record| {
        for answered in 0.. {
            if !record.read_until(stream, |bytes| requests(bytes) > answered) {
                return;
            }
            let bytes = format!("{OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
            let _ = stream.write_all(bytes.as_bytes());
        }
    });
    let proxy = serving(&[extra.address], &[]);
    let mut client = Client::connect(proxy.http());
    for _ in 0..50 {
        client.send(GET);
        assert_eq!(client.reply().unwrap().text(), "ok");
    }
    // Two at once, so that the second is waiting while the first is answered.
    client.send(format!("{GET}{GET}"));
    assert_eq!(client.reply().unwrap().text(), "ok");
    assert_eq!(client.reply().unwrap().text(), "ok");
}

#[test]
fn connections_are_kept_whatever_frames_the_body() {
    for said in [
        OK,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: 1\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
    ] {
        let backend = Backend::replying(said);
        let proxy = serving(&[backend.address], &[]);
        let mut client = Client::connect(proxy.http());
        for _ in 0..5 {
            client.send(GET);
            assert!(client.reply().is_some());
        }
        assert_eq!(backend.connections(), 1, "{said:?}");
    }
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

/// An answer before the upload's end: the client gets it whole, and the endpoint no more of it.
#[test]
fn an_early_answer_arrives_whole() {
    // An endpoint that closes without reading loses what its own kernel has not sent yet.
    for (size, reads_on) in [(1000, false), (200_000, true)] {
        let page = "x".repeat(size);
        let answer = format!(
            "HTTP/1.1 413 Payload Too Large\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n{page}"
        );
        let backend = Backend::scripted(move |stream, record| {
            record.read_until(stream, |bytes| bytes.windows(4).any(|w| w == b"\r\n\r\n"));
            let _ = stream.write_all(answer.as_bytes());
            if reads_on {
                let _ = stream.shutdown(Shutdown::Write);
                record.read_until(stream, |_| false);
            }
        });
        let proxy = serving(&[backend.address], &[("proxy-body-size", "1g")]);
        let mut client = Client::connect(proxy.http());
        client.send("POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 100000000\r\n\r\n");
        let mut upload = client.stream.try_clone().unwrap();
        let uploading = std::thread::spawn(move || {
            let chunk = [b'u'; 65536];
            for _ in 0..1500 {
                if upload.write_all(&chunk).is_err() {
                    return;
                }
            }
        });
        let reply = client.reply().unwrap();
        assert_eq!(
            (reply.status, reply.body.len()),
            (413, size),
            "reads on: {reads_on}"
        );
        assert!(client.read_to_end().is_empty());
        let _ = client.stream.shutdown(Shutdown::Both);
        uploading.join().unwrap();
    }
}

#[test]
fn an_upload_ends_when_its_answer_has() {
    let backend = Backend::scripted(|stream, record| {
        record.read_until(stream, |bytes| bytes.windows(4).any(|w| w == b"\r\n\r\n"));
        let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno");
        record.read_until(stream, |_| false);
        record.note_end();
    });
    let proxy = serving(&[backend.address], &[]);
    let mut client = Client::connect(proxy.http());
    client.send("POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 1000\r\n\r\nx");
    assert_eq!(client.reply().unwrap().status, 401);
    wait_until("the end of the upload", || backend.ended() == 1);
}

#[test]
fn a_client_that_goes_takes_its_request_along() {
    let backend = Backend::scripted(|stream, record| {
        record.read_until(stream, |_| false);
        record.note_end();
    });
    let proxy = serving(&[backend.address], &[]);
    for (number, request) in [
        GET,
        POST,
        "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 100\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = Client::connect(proxy.http());
        client.send(request);
        wait_until("the request", || backend.connections() == number + 1);
        drop(client);
        wait_until(&format!("the end of {request:?}"), || {
            backend.ended() == number + 1
        });
    }
    wait_until("nothing in flight", || {
        proxy.metric("portreeve_upstream_requests_in_flight", &[]) == 0.0
    });
    // What was sent whole was given up; what was not is no request.
    for (status, count) in [("499", 2), ("400", 2)] {
        let status = format!("\"status\":{status}");
        wait_until(&status, || proxy.logged().matches(&status).count() == count);
    }
}

#[test]
fn a_client_that_goes_while_it_is_answered_takes_its_response_along() {
    let backend = Backend::scripted(|stream, record| {
        if one(stream, record) {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n");
            record.read_until(stream, |_| false);
            record.note_end();
        }
    });
    let proxy = serving(&[backend.address], &[]);
    let mut client = Client::connect(proxy.http());
    client.send(GET);
    client.head().unwrap();
    drop(client);
    wait_until("the end", || backend.ended() == 1);

    let h2 = H2Client::connect(proxy.http());
    let (response, mut stream) =
        h2.begin(Request::get("http://a.example/").body(()).unwrap(), true);
    let response = on(response).unwrap();
    stream.send_reset(Reason::CANCEL);
    wait_until("the end", || backend.ended() == 2);
    drop(response);
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

/// The endpoint closes, and what it said is still on its way to a client that takes its time.
#[test]
fn an_early_answer_outlives_its_connection() {
    let page = "x".repeat(40_000);
    let answer = format!(
        "HTTP/1.1 413 Payload Too Large\r\ncontent-length: {}\r\n\r\n{page}",
        page.len()
    );
    let backend = Backend::scripted(move |stream, record| {
        record.read_until(stream, |bytes| bytes.windows(4).any(|w| w == b"\r\n\r\n"));
        stream.write_all(answer.as_bytes()).unwrap();
        // What the client sends from now on is answered with resets.
    });
    let proxy = serving(&[backend.address], &[]);
    let mut builder = h2::client::Builder::new();
    let h2 = H2Client::with(proxy.http(), builder.initial_window_size(1000));
    let request = Request::post("http://a.example/").body(()).unwrap();
    let (response, mut upload) = h2.begin(request, false);
    let mut body = on(response).unwrap().into_body();
    let mut got = on(body.data()).unwrap().unwrap().len();
    for _ in 0..20 {
        // Each piece is written by itself: the answer to a request beside it says that time passed.
        upload
            .send_data(Bytes::from_static(&[b'u'; 100]), false)
            .unwrap();
        assert_eq!(get(proxy.http(), "else.example", "/").status, 404);
    }
    let _ = body.flow_control().release_capacity(got);
    while got < page.len() {
        let chunk = on(body.data()).expect("the rest").expect("no reset");
        let _ = body.flow_control().release_capacity(chunk.len());
        got += chunk.len();
    }
}

/// A stream that its endpoint gave up is not one that it ended.
#[test]
fn a_reset_without_an_error_is_no_end() {
    for (grpc, length) in [(true, None), (false, Some("5"))] {
        let backend = H2Backend::scripted(move |mut request, mut respond, _| async move {
            let mut response = Response::builder();
            if grpc {
                response = response.header("content-type", "application/grpc");
            }
            if let Some(length) = length {
                response = response.header("content-length", length);
            }
            let mut stream = respond
                .send_response(response.body(()).unwrap(), false)
                .unwrap();
            stream.send_data(Bytes::from_static(b"ok"), false).unwrap();
            // The client goes on once it has got that.
            request.body_mut().data().await;
            stream.send_reset(Reason::NO_ERROR);
        });
        let proxy = serving(&[backend.address], &[("backend-protocol", "GRPC")]);
        let h2 = H2Client::connect(proxy.http());
        let request = Request::post("http://a.example/").body(()).unwrap();
        let (response, mut upload) = h2.begin(request, false);
        let mut body = on(response).unwrap().into_body();
        assert_eq!(on(body.data()).unwrap().unwrap(), "ok");
        upload
            .send_data(Bytes::from_static(b"go on"), false)
            .unwrap();
        let end = on(body.data());
        assert!(matches!(end, Some(Err(_))), "{end:?}");
    }
}

#[test]
fn a_client_of_http2_that_goes_takes_its_stream_along() {
    let backend = H2Backend::scripted(|request, _respond, seen| async move {
        seen.note("begun");
        seen.whole(request).await;
    });
    let proxy = serving(&[backend.address], &[("backend-protocol", "GRPC")]);
    let h2 = H2Client::connect(proxy.http());
    let request = Request::post("http://a.example/").body(()).unwrap();
    let (response, mut stream) = h2.begin(request, false);
    stream
        .send_data(Bytes::from_static(b"half"), false)
        .unwrap();
    backend.wait_for(1);
    stream.send_reset(Reason::CANCEL);
    let seen = backend.wait_for(2);
    assert!(seen[1].contains("reset: "), "{seen:?}");
    drop(on(reply(response)));
}
