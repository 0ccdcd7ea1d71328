//! What all streams of an HTTP/2 connection may cost together.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use http::{Request, Response};

use super::{refusals, serving};
use crate::harness::frames::{DATA, END_STREAM, Frames, HEADERS, RST_STREAM, WINDOW_UPDATE};
use crate::harness::{Backend, H2Backend, H2Client, on, reply, wait_until};

/// The setting of how much of a stream's body a client takes before it says more.
const INITIAL_WINDOW: u16 = 4;
/// How long a response of [`large`] is.
const LENGTH: usize = 300_000;
/// What a client asks for that does not read it.
const SLOW: &str = "/slow";

/// A backend whose bodies tell when bytes are lost or change places.
fn large() -> Backend {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
    let mut reply = head.into_bytes();
    reply.extend(pattern(0).take(LENGTH));
    Backend::replying(reply)
}

fn pattern(from: usize) -> impl Iterator<Item = u8> {
    (from..).map(|at| (at % 251) as u8)
}

/// A backend that speaks HTTP/2 and sends the same, and adds to `sent` what it was allowed to send
/// on streams with [`SLOW`].
fn large_h2(sent: &Arc<AtomicUsize>) -> H2Backend {
    let sent = Arc::clone(sent);
    H2Backend::scripted(move |request, mut respond, _| {
        let is_counted = request.uri().path() == SLOW;
        let sent = Arc::clone(&sent);
        async move {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            let mut rest: Bytes = pattern(0).take(LENGTH).collect();
            while !rest.is_empty() {
                stream.reserve_capacity(rest.len().min(16 * 1024));
                let Some(Ok(allowed)) = poll_fn(|cx| stream.poll_capacity(cx)).await else {
                    return;
                };
                let part = rest.split_to(allowed.min(rest.len()));
                if is_counted {
                    sent.fetch_add(part.len(), Ordering::Relaxed);
                }
                stream.send_data(part, rest.is_empty()).unwrap();
            }
        }
    })
}

/// A client that reads the first byte of each of a hundred responses.
struct Reader {
    frames: Frames,
    /// How much has come of each stream.
    read: BTreeMap<u32, usize>,
    ended: usize,
}

/// A client that asks for so many responses and takes a byte of each.
fn ask(to: SocketAddr, count: u32) -> Frames {
    let mut frames = Frames::connect(to, &[(INITIAL_WINDOW, 1)]);
    frames.send(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes());
    for number in 0..count {
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", SLOW),
        ];
        frames.headers(2 * number + 1, END_STREAM, &fields);
    }
    frames
}

impl Reader {
    fn stuck(to: SocketAddr) -> Self {
        let mut reader = Self {
            frames: ask(to, 100),
            read: (0..100).map(|number| (2 * number + 1, 0)).collect(),
            ended: 0,
        };
        while reader.read.values().any(|read| *read == 0) {
            reader.take();
        }
        reader
    }

    /// Takes the next frame.
    fn take(&mut self) {
        let frame = self.frames.next().unwrap();
        match frame.kind {
            HEADERS => assert_eq!(frame.status(), Some(200)),
            DATA => {
                let read = self.read.get_mut(&frame.stream).unwrap();
                assert!(pattern(*read).zip(&frame.payload).all(|(a, b)| a == *b));
                *read += frame.payload.len();
                self.ended += usize::from(frame.flags & END_STREAM != 0);
            }
            _ => panic!("{frame:?}"),
        }
    }

    fn open(&mut self, stream: u32) {
        let window = (1_u32 << 30).to_be_bytes();
        self.frames.send(WINDOW_UPDATE, 0, stream, &window);
    }

    /// Reads the last of its streams, then the first, then all others.
    fn goes_on(mut self) {
        for stream in [199, 1] {
            self.open(stream);
            while self.read[&stream] < LENGTH {
                self.take();
            }
        }
        assert_eq!(self.ended, 2);
        for number in 1..99 {
            self.open(2 * number + 1);
        }
        while self.ended < 100 {
            self.take();
        }
        assert!(self.read.values().all(|read| *read == LENGTH));
    }
}

#[test]
fn responses_that_nobody_reads_are_not_kept_beyond_1_mib() {
    let backend = large();
    let proxy = serving(backend.address, &[], &[("--access-log", "json")]);
    drop(Reader::stuck(proxy.http()));
    wait_until("a hundred lines", || {
        proxy.logged().matches('\n').count() == 100
    });
    let log = proxy.logged();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let bytes = lines.map(|line: serde_json::Value| line["bytes_sent"].as_u64().unwrap());
    let handed_on: u64 = bytes.sum();
    // Each got its byte, which nothing is held of any more.
    assert!(handed_on <= (1 << 20) + 100, "{handed_on}");
}

#[test]
fn a_stream_that_is_read_ends_while_its_siblings_are_stuck() {
    let backend = large();
    let proxy = serving(backend.address, &[], &[]);
    Reader::stuck(proxy.http()).goes_on();
}

#[test]
fn a_stream_that_waits_for_its_own_bytes_does_not_wait_for_ever() {
    let backend = large();
    let proxy = serving(backend.address, &[], &[("--client-send-timeout", "1")]);
    let mut frames = ask(proxy.http(), 100);
    let mut resets = 0;
    while resets < 100 {
        let frame = frames.next().unwrap();
        if frame.kind == RST_STREAM {
            assert_eq!(frame.payload, 8_u32.to_be_bytes(), "CANCEL");
            resets += 1;
        }
    }
}

/// What an endpoint may send over HTTP/2 has to be kept: its window is a part of what is held.
#[test]
fn what_endpoints_may_send_to_who_reads_nothing_is_1_mib() {
    let sent = Arc::new(AtomicUsize::new(0));
    let backend = large_h2(&sent);
    let annotations = [("backend-protocol", "GRPC")];
    let proxy = serving(backend.address, &annotations, &[("--workers", "1")]);
    let stuck = Reader::stuck(proxy.http());
    let others = H2Client::connect(proxy.http());
    loop {
        // Everything stands still when nothing was sent while the worker did this for another.
        let before = sent.load(Ordering::Relaxed);
        let request = Request::get("http://a.example/").body(()).unwrap();
        assert_eq!(others.get(request).body.len(), LENGTH);
        if before == sent.load(Ordering::Relaxed) {
            break;
        }
    }
    let sent = sent.load(Ordering::Relaxed);
    // Each got its byte, which nothing is held of any more.
    assert!((1 << 19..=(1 << 20) + 100).contains(&sent), "{sent}");
    stuck.goes_on();
}

/// Streams to an endpoint share its connection with those of other clients.
#[test]
fn responses_that_nobody_reads_leave_their_endpoint_to_others() {
    const WHOLE: usize = 8 << 20;
    let backend = H2Backend::scripted(|_, mut respond, _| async move {
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        let _ = stream.send_data(vec![b'x'; WHOLE].into(), true);
        let _ = poll_fn(|cx| stream.poll_reset(cx)).await;
    });
    let annotations = [("backend-protocol", "GRPC")];
    let proxy = serving(backend.address, &annotations, &[("--workers", "1")]);
    let mut stuck = ask(proxy.http(), 50);
    for _ in 0..100 {
        assert!(matches!(stuck.next().unwrap().kind, HEADERS | DATA));
    }
    let h2 = H2Client::connect(proxy.http());
    let request = Request::get("http://a.example/").body(()).unwrap();
    assert_eq!(h2.get(request).body.len(), WHOLE);
}

#[test]
fn heads_of_requests_in_flight_have_a_size_together() {
    let gate = Arc::new(RwLock::new(()));
    let opened = Arc::clone(&gate);
    let backend = Backend::scripted(move |stream, record| {
        if record.read_until(stream, |bytes| bytes.ends_with(b"\r\n\r\n")) {
            drop(opened.read());
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let closed = gate.write().unwrap();
    let proxy = serving(backend.address, &[], &[]);
    let h2 = H2Client::connect(proxy.http());
    let get = |host: &str, length: usize| {
        let request = Request::get(format!("http://{host}/")).header("x", "y".repeat(length));
        request.body(()).unwrap()
    };
    let begin = || h2.begin(get("a.example", 7000), true).0;
    let responses: Vec<_> = (0..100).map(|_| begin()).collect();
    // 36 requests of 7,107 bytes are less than 256 KiB.
    wait_until("refusals", || refusals(&proxy, "head_too_large") == 64.0);
    wait_until("requests", || backend.connections() == 36);
    assert_eq!(h2.get(get("a.example", 7000)).status, 431);
    assert_eq!(
        h2.get(get("else.example", 10)).status,
        404,
        "small ones go on"
    );
    drop(closed);
    let mut statuses: Vec<_> = responses.into_iter().map(|r| on(reply(r)).status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200; 36], vec![431; 64]].concat());
    let again: Vec<_> = (0..36).map(|_| begin()).collect();
    for response in again {
        assert_eq!(on(reply(response)).status, 200, "there is room again");
    }
}
