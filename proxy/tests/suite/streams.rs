//! Streams to endpoints that speak HTTP/2: how many there may be, and what becomes of refused ones.

use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Request;

use crate::harness::frames::{
    END_STREAM, Frame, Frames, GOAWAY, HEADERS, MAX_CONCURRENT_STREAMS, PING, PREFACE, RST_STREAM,
};
use crate::harness::{
    Backend, H2Client, Ingress, Proxy, Started, get, on, reply, service, wait_until,
};

const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;

fn serving(endpoints: &[SocketAddr], annotations: &[(&str, &str)]) -> Started {
    let mut ingress = Ingress::new("i")
        .annotate("backend-protocol", "GRPC")
        .host("a.example", "s");
    for (name, value) in annotations {
        ingress = ingress.annotate(name, value);
    }
    Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", endpoints))
        .start()
}

fn in_flight(proxy: &Started, count: f64) {
    wait_until(&format!("{count} requests in flight"), || {
        proxy.metric("portreeve_upstream_requests_in_flight", &[]) == count
    });
}

/// Begins so many requests over one connection.
fn begin(client: &H2Client, count: usize) -> Vec<h2::client::ResponseFuture> {
    let request = || Request::get("http://a.example/").body(()).unwrap();
    let begun = (0..count).map(|_| client.begin(request(), true).0);
    begun.collect()
}

fn all_are_answered(responses: Vec<h2::client::ResponseFuture>) {
    for response in responses {
        assert_eq!(on(reply(response)).status, 200);
    }
}

/// A flag that the test raises and backends wait for.
#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wait(&self) {
        wait_until("the test's flag", || self.0.load(Ordering::Relaxed));
    }
}

/// The next stream that is opened.
fn opened(frames: &mut Frames) -> Option<u32> {
    loop {
        match frames.next()? {
            Frame {
                kind: HEADERS,
                stream,
                ..
            } => return Some(stream),
            Frame { kind: GOAWAY, .. } => return None,
            _ => {}
        }
    }
}

#[test]
fn no_more_streams_are_opened_than_are_allowed() {
    let (go, begun) = (Flag::default(), Arc::new(AtomicUsize::new(0)));
    let backend = Backend::scripted({
        let (go, begun) = (go.clone(), Arc::clone(&begun));
        move |stream, record| {
            let mut frames = Frames::accepted(stream);
            go.wait();
            frames.settings(&[(MAX_CONCURRENT_STREAMS, 2)]);
            let streams = [opened(&mut frames).unwrap(), opened(&mut frames).unwrap()];
            begun.fetch_add(2, Ordering::Relaxed);
            // Were there a third, it would be here before the last has been opened elsewhere.
            wait_until("all streams", || begun.load(Ordering::Relaxed) == 10);
            for stream in streams {
                frames.ok(stream);
            }
            if opened(&mut frames).is_some() {
                record.note_end();
            }
        }
    });
    let proxy = serving(&[backend.address], &[]);
    let client = H2Client::connect(proxy.http());
    let responses = begin(&client, 10);
    in_flight(&proxy, 10.0);
    go.raise();
    all_are_answered(responses);
    assert_eq!((backend.connections(), backend.ended()), (5, 0));
}

#[test]
fn nothing_is_sent_before_it_is_known_how_much() {
    let go = Flag::default();
    let backend = Backend::scripted({
        let go = go.clone();
        move |stream, record| {
            go.wait();
            record.read_until(stream, |bytes| bytes.len() >= PREFACE.len());
            stream.set_nonblocking(true).unwrap();
            record.read_until(stream, |_| false);
            stream.set_nonblocking(false).unwrap();
            stream.shutdown(Shutdown::Both).unwrap();
        }
    });
    let proxy = serving(&[backend.address], &[]);
    let client = H2Client::connect(proxy.http());
    let responses = begin(&client, 3);
    in_flight(&proxy, 3.0);
    go.raise();
    for response in responses {
        assert_eq!(on(reply(response)).status, 502);
    }
    // The preface, settings, and a larger window for the connection.
    let received = backend.received();
    let (preface, rest) = received.split_at(PREFACE.len());
    assert_eq!(preface, PREFACE);
    assert!(!rest.contains("a.example"), "{rest:?}");
}

/// Everything waits while nothing is allowed, and goes on when something is.
#[test]
fn a_peer_may_allow_nothing_for_a_while() {
    let go = Flag::default();
    let backend = Backend::scripted({
        let go = go.clone();
        move |stream, _| {
            let mut frames = Frames::accepted(stream);
            frames.settings(&[(MAX_CONCURRENT_STREAMS, 0)]);
            go.wait();
            frames.settings(&[(MAX_CONCURRENT_STREAMS, 1)]);
            while let Some(stream) = opened(&mut frames) {
                frames.ok(stream);
            }
        }
    });
    let proxy = serving(&[backend.address], &[("proxy-connect-timeout", "60")]);
    let client = H2Client::connect(proxy.http());
    let responses = begin(&client, 2);
    in_flight(&proxy, 2.0);
    wait_until("the connection", || backend.connections() == 1);
    go.raise();
    all_are_answered(responses);
}

#[test]
fn a_peer_that_allows_nothing_gets_one_connection_for_each_window() {
    let backend = Backend::scripted(|stream, _| {
        let mut frames = Frames::accepted(stream);
        frames.settings(&[(MAX_CONCURRENT_STREAMS, 0)]);
        while frames.next().is_some() {}
    });
    let proxy = serving(&[backend.address], &[("proxy-connect-timeout", "1")]);
    let client = H2Client::connect(proxy.http());
    for response in begin(&client, 20) {
        assert_eq!(on(reply(response)).status, 504);
    }
    assert_eq!(get(proxy.http(), "a.example", "/").status, 504);
    assert_eq!(backend.connections(), 3);
    let refusals = proxy.metric("portreeve_refusals_total", &["\"connect_timeout\""]);
    assert_eq!(refusals, 21.0);
}

/// Allowing nothing more is a way to be rid of a connection; its last stream may take long.
#[test]
fn a_peer_that_allows_nothing_more_gets_another_connection_but_few() {
    let go = Flag::default();
    let barred = Arc::new(AtomicUsize::new(0));
    let backend = Backend::scripted({
        let (go, barred) = (go.clone(), Arc::clone(&barred));
        move |stream, _| {
            let mut frames = Frames::accepted(stream);
            frames.settings(&[(MAX_CONCURRENT_STREAMS, 1)]);
            let stream = opened(&mut frames).unwrap();
            frames.settings(&[(MAX_CONCURRENT_STREAMS, 0)]);
            frames.send(PING, 0, 0, &[0; 8]);
            while frames.next().unwrap().kind != PING {}
            barred.fetch_add(1, Ordering::Relaxed);
            go.wait();
            frames.ok(stream);
            while frames.next().is_some() {}
        }
    });
    let proxy = serving(&[backend.address], &[("proxy-connect-timeout", "1")]);
    let clients: Vec<_> = (0..4).map(|_| H2Client::connect(proxy.http())).collect();
    let mut responses = Vec::new();
    for (client, count) in clients.iter().zip(1..) {
        responses.extend(begin(client, 1));
        wait_until("the end of what is allowed", || {
            barred.load(Ordering::Relaxed) == count
        });
    }
    assert_eq!(get(proxy.http(), "a.example", "/").status, 504);
    go.raise();
    all_are_answered(responses);
    assert_eq!(backend.connections(), 4);
}

/// What a backend does with the first stream on each of its first connections.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    Reset(u32),
    /// Going away, having come to streams up to this one.
    Goaway(u32),
}

/// A backend that refuses so many requests and answers all others; each is noted as it comes.
fn refusing(count: usize, how: Refusal) -> Backend {
    let left = AtomicUsize::new(count);
    Backend::scripted(move |stream, record| {
        let mut frames = Frames::accepted(stream);
        frames.settings(&[]);
        while let Some(stream) = opened(&mut frames) {
            record.note(b"request ");
            let is_refused = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
            match how {
                _ if is_refused.is_err() => frames.ok(stream),
                Refusal::Reset(reason) => {
                    frames.send(RST_STREAM, 0, stream, &reason.to_be_bytes());
                }
                Refusal::Goaway(last) => {
                    frames.send(GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat());
                    break;
                }
            }
        }
        let _ = frames.client.stream.shutdown(Shutdown::Write);
        while frames.next().is_some() {}
    })
}

fn requests(backend: &Backend) -> usize {
    backend.received().matches("request ").count()
}

#[test]
fn what_was_refused_is_sent_again() {
    use Refusal::{Goaway, Reset};
    for (method, body, how, expected, sent) in [
        // Nothing was done with it, so any method may be repeated.
        ("GET", false, Reset(REFUSED_STREAM), 200, 2),
        ("POST", false, Reset(REFUSED_STREAM), 200, 2),
        ("GET", false, Goaway(0), 200, 2),
        ("POST", false, Goaway(0), 200, 2),
        // Something may have been.
        ("POST", false, Reset(INTERNAL_ERROR), 502, 1),
        ("POST", false, Goaway(1), 502, 1),
        // A body is not kept.
        ("POST", true, Reset(REFUSED_STREAM), 502, 1),
    ] {
        let backend = refusing(1, how);
        let proxy = serving(&[backend.address], &[]);
        let client = H2Client::connect(proxy.http());
        let request = Request::builder().method(method).uri("http://a.example/");
        let request = request.body(()).unwrap();
        let reply = match body {
            true => client.post(request, "body", None),
            false => client.get(request),
        };
        let case = format!("{method} {body} {how:?}");
        assert_eq!(
            (reply.status, requests(&backend)),
            (expected, sent),
            "{case}"
        );
    }
}

#[test]
fn who_refuses_again_is_passed_over_and_not_for_ever() {
    let how = Refusal::Reset(REFUSED_STREAM);
    let [busy, idle] = [refusing(usize::MAX, how), refusing(0, how)];
    let proxy = serving(&[busy.address, idle.address], &[]);
    let client = H2Client::connect(proxy.http());
    let post = || Request::post("http://a.example/").body(()).unwrap();
    for _ in 0..4 {
        assert_eq!(client.get(post()).status, 200);
    }
    assert_eq!((requests(&busy) > 0, requests(&idle)), (true, 4));

    let proxy = serving(&[busy.address], &[]);
    let client = H2Client::connect(proxy.http());
    let before = requests(&busy);
    assert_eq!(client.get(post()).status, 502);
    assert_eq!(requests(&busy) - before, 2, "once more, then no more");
    let proxy = serving(&[busy.address], &[("proxy-next-upstream", "off")]);
    let client = H2Client::connect(proxy.http());
    let before = requests(&busy);
    assert_eq!(client.get(post()).status, 502);
    assert_eq!(requests(&busy) - before, 1, "the route says never");
}

/// Waiting for somebody else's dialling is part of connecting: one after the other would take as
/// long as all of them together.
#[test]
fn who_waits_for_a_connection_waits_no_longer_than_for_his_own() {
    let silent = Backend::scripted(|stream, record| {
        record.read_until(stream, |_| false);
    });
    let proxy = serving(&[silent.address], &[("proxy-connect-timeout", "1")]);
    let client = H2Client::connect(proxy.http());
    let responses = begin(&client, 50);
    on(async {
        for response in responses {
            assert_eq!(reply(response).await.status, 504);
        }
    });
    let refusals = proxy.metric("portreeve_refusals_total", &["\"connect_timeout\""]);
    assert_eq!(refusals, 50.0);
}

/// What an endpoint says before its answer is for nobody here, and no answer.
#[test]
fn interim_responses_are_passed_over() {
    let backend = Backend::scripted(|stream, _| {
        let mut frames = Frames::accepted(stream);
        frames.settings(&[]);
        while let Some(stream) = opened(&mut frames) {
            let hints = [(":status", "103"), ("link", "</style.css>; rel=preload")];
            frames.headers(stream, 0, &[(":status", "100")]);
            frames.headers(stream, 0, &hints);
            frames.headers(stream, END_STREAM, &[(":status", "200"), ("x-end", "1")]);
        }
    });
    let proxy = serving(&[backend.address], &[]);
    let client = H2Client::connect(proxy.http());
    let request = || Request::get("http://a.example/").body(()).unwrap();
    for _ in 0..2 {
        let reply = client.get(request());
        assert_eq!((reply.status, reply.header("x-end")), (200, Some("1")));
        assert_eq!(reply.header("link"), None);
    }
    assert_eq!(client.post(request(), "body", None).status, 200);
    let reply = get(proxy.http(), "a.example", "/");
    assert_eq!((reply.status, reply.header("x-end")), (200, Some("1")));
    assert_eq!(backend.connections(), 1);
}

#[test]
fn what_does_not_speak_http2_is_said() {
    for said in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""] {
        let backend = Backend::scripted(move |stream, record| {
            record.read_until(stream, |bytes| bytes.len() >= 24);
            std::io::Write::write_all(stream, said).unwrap();
        });
        let proxy = serving(&[backend.address], &[]);
        assert_eq!(get(proxy.http(), "a.example", "/").status, 502);
    }
}
