//! Clients that do not take what they asked for.

use std::io::Write;

use h2::Reason;
use http::{HeaderMap, Request, Response};

use super::{GET, open, pause, serving};
use crate::harness::frames::{DATA, END_STREAM, Frames, HEADERS, PING, RST_STREAM, WINDOW_UPDATE};
use crate::harness::{
    Backend, Client, H2Backend, H2Client, Ingress, Proxy, Started, TlsClient, on, service,
    wait_until,
};

const SOON: (&str, &str) = ("--client-send-timeout", "1");

/// The setting of how much of a stream's body a client takes before it says more.
const INITIAL_WINDOW: u16 = 4;

fn ask(frames: &mut Frames, stream: u32, host: &str) {
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", host),
        (":path", "/"),
    ];
    frames.headers(stream, END_STREAM, &fields);
}

/// A backend that sends for as long as somebody listens.
fn endless() -> Backend {
    Backend::scripted(|stream, record| {
        if record.read_until(stream, |bytes| bytes.ends_with(b"\r\n\r\n")) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while stream.write_all(&[b'x'; 65536]).is_ok() {}
            record.note_end();
        }
    })
}

#[test]
fn a_client_must_take_what_it_asked_for() {
    let backend = endless();
    let proxy = serving(backend.address, &[], &[("--client-send-timeout", "1")]);
    let mut client = Client::connect(proxy.http());
    client.send(GET);
    wait_until("an end for HTTP/1", || backend.ended() == 1);

    let mut frames = Frames::connect(proxy.http(), &[(4, 1 << 30)]);
    frames.send(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes());
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a.example"),
        (":path", "/"),
    ];
    frames.headers(1, END_STREAM, &fields);
    wait_until("an end for HTTP/2", || {
        // Whatever else it has to say meanwhile.
        frames.send(PING, 0, 0, &[0; 8]);
        pause(backend.address);
        backend.ended() == 2
    });
    wait_until("nobody there", || open(&proxy) == 0.0);
}

#[test]
fn a_stream_that_nobody_reads_is_reset_and_its_siblings_live() {
    let (endless, backend) = (endless(), Backend::named("b"));
    let ingress = Ingress::new("i")
        .path("a.example", "Prefix", "/", "s")
        .path("a.example", "Prefix", "/endless", "endless");
    let proxy = Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", &[backend.address]))
        .manifest(service("endless", &[endless.address]))
        .arg("--client-send-timeout", "1")
        .start();
    let h2 = H2Client::with(
        proxy.http(),
        h2::client::Builder::new().initial_connection_window_size(1 << 20),
    );
    let get = |path: &str| {
        Request::get(format!("http://a.example{path}"))
            .body(())
            .unwrap()
    };
    let (response, _) = h2.begin(get("/endless"), true);
    let mut stalled = on(response).unwrap().into_body();
    wait_until("an end", || {
        // A connection that is busy with others does not prolong it.
        assert_eq!(h2.get(get("/")).status, 200);
        endless.ended() == 1
    });
    let end = on(async {
        loop {
            match stalled.data().await {
                Some(Ok(_)) => {}
                end => return end,
            }
        }
    });
    let reason = end
        .and_then(|end| end.err())
        .and_then(|error| error.reason());
    assert_eq!(reason, Some(Reason::CANCEL));
    assert_eq!(h2.get(get("/")).status, 200, "the connection lives");
}

#[test]
fn over_tls_as_well() {
    let backend = endless();
    let proxy = serving(backend.address, &[], &[SOON]);
    let mut client = TlsClient::connect(proxy.https(), Some("a.example"), &[]);
    client.send(GET);
    wait_until("an end", || backend.ended() == 1);
    wait_until("nobody there", || open(&proxy) == 0.0);
}

#[test]
fn a_stream_whose_window_stays_closed_is_reset() {
    let backend = Backend::named("hello");
    let proxy = serving(backend.address, &[], &[SOON]);
    let mut frames = Frames::connect(proxy.http(), &[(INITIAL_WINDOW, 0)]);
    // The last frame of an endpoint's response, and a page of our own.
    for (stream, host) in [(1, "a.example"), (3, "else.example")] {
        ask(&mut frames, stream, host);
        let head = frames.next().unwrap();
        assert_eq!((head.kind, head.stream), (HEADERS, stream));
        let end = frames.next().unwrap();
        assert_eq!((end.kind, end.stream), (RST_STREAM, stream));
        assert_eq!(end.payload, 8_u32.to_be_bytes(), "CANCEL");
    }
}

/// Reads what comes of a response with a window of one byte.
fn first_byte(frames: &mut Frames, stream: u32) {
    let head = frames.next().unwrap();
    assert_eq!((head.kind, head.stream), (HEADERS, stream));
    let data = frames.next().unwrap();
    assert_eq!(
        (data.kind, data.stream, data.payload.len()),
        (DATA, stream, 1)
    );
}

fn ends(proxy: &Started, frames: &mut Frames) {
    // Whatever else it has to say meanwhile.
    wait_until("nobody there", || {
        frames.send(PING, 0, 0, &[0; 8]);
        open(proxy) == 0.0
    });
}

#[test]
fn a_client_that_leaves_a_tail_lying_is_left() {
    let backend = Backend::named("hello");
    let proxy = serving(backend.address, &[], &[SOON]);
    let mut frames = Frames::connect(proxy.http(), &[(INITIAL_WINDOW, 1)]);
    for stream in [1, 3, 5] {
        ask(&mut frames, stream, "a.example");
        first_byte(&mut frames, stream);
        frames.send(WINDOW_UPDATE, 0, stream, &100_u32.to_be_bytes());
        let rest = frames.next().unwrap();
        assert_eq!(
            (rest.payload.as_slice(), rest.flags),
            (&b"ello"[..], END_STREAM)
        );
    }
    ask(&mut frames, 7, "a.example");
    first_byte(&mut frames, 7);
    ask(&mut frames, 9, "else.example");
    ends(&proxy, &mut frames);
}

#[test]
fn a_tail_may_end_in_trailers() {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    let backend = H2Backend::replying(Response::new(()), "hello", Some(trailers));
    let annotations = [("backend-protocol", "GRPC")];
    let proxy = serving(backend.address, &annotations, &[SOON]);
    let mut frames = Frames::connect(proxy.http(), &[(INITIAL_WINDOW, 1)]);
    ask(&mut frames, 1, "a.example");
    first_byte(&mut frames, 1);
    ends(&proxy, &mut frames);
}

#[test]
fn a_client_that_left_behind_a_pipelined_request_is_found_out() {
    let backend = Backend::scripted(|stream, record| {
        record.read_until(stream, |_| false);
        record.note_end();
    });
    // hyper reads nothing while a request waits, so it is the endpoint's silence that ends this.
    let annotations = [("proxy-read-timeout", "1")];
    let proxy = serving(backend.address, &annotations, &[("--access-log", "json")]);
    let mut client = Client::connect(proxy.http());
    client.send([GET, GET].concat());
    backend.wait_for("GET / ");
    drop(client);
    wait_until("an end", || backend.ended() >= 1);
    wait_until("nobody there", || open(&proxy) == 0.0);
    let in_flight = "portreeve_upstream_requests_in_flight";
    assert_eq!(proxy.metric(in_flight, &[]), 0.0);
}

#[test]
fn who_takes_a_response_slowly_is_not_cut_off() {
    let (endless, quiet) = (endless(), Backend::named("b"));
    let proxy = serving(endless.address, &[], &[("--client-send-timeout", "2")]);
    let mut frames = Frames::connect(proxy.http(), &[(INITIAL_WINDOW, 0)]);
    ask(&mut frames, 1, "a.example");
    assert_eq!(frames.next().unwrap().kind, HEADERS);
    // Less in two seconds than an endpoint sends at once.
    let mut granted: u32 = 0;
    for _ in 0..14 {
        granted += 6 * 1024;
        for stream in [0, 1] {
            frames.send(WINDOW_UPDATE, 0, stream, &(6_u32 * 1024).to_be_bytes());
        }
        pause(quiet.address);
    }
    let mut taken = 0;
    while taken < granted {
        let frame = frames.next().unwrap();
        assert_eq!(frame.kind, DATA, "{frame:?} after {taken} bytes");
        taken += frame.payload.len() as u32;
    }
}

#[test]
fn who_takes_the_end_of_a_response_slowly_is_not_cut_off() {
    let text = "x".repeat(60 * 1024);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
    let (backend, quiet) = (Backend::replying(head + &text), Backend::named("b"));
    let proxy = serving(backend.address, &[], &[SOON]);
    let mut frames = Frames::connect(proxy.http(), &[(INITIAL_WINDOW, 1)]);
    ask(&mut frames, 1, "a.example");
    for _ in 0..6 {
        frames.send(WINDOW_UPDATE, 0, 1, &(10_u32 * 1024).to_be_bytes());
        pause(quiet.address);
    }
    let mut taken = 0;
    loop {
        let frame = frames.next().unwrap();
        match frame.kind {
            HEADERS => continue,
            DATA => taken += frame.payload.len(),
            _ => panic!("{frame:?} after {taken} bytes"),
        }
        if frame.flags & END_STREAM != 0 {
            break;
        }
    }
    assert_eq!(taken, text.len());
}
