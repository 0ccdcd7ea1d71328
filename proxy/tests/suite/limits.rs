//! How long and how much a client may: every state has a limit, and nobody else suffers.

mod budget;
mod sizes;
mod stalled;

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::Reason;
use http::Request;

use crate::harness::frames::{END_STREAM, Frames, GOAWAY, RST_STREAM};
use crate::harness::{
    Backend, Client, H2Client, Ingress, Proxy, Started, get, on, reply, service, wait_until,
};

const GET: &str = "GET / HTTP/1.1\r\nhost: a.example\r\n\r\n";

/// A proxy with one route to `backend`, started with these flags.
fn serving(backend: SocketAddr, annotations: &[(&str, &str)], flags: &[(&str, &str)]) -> Started {
    let mut ingress = Ingress::new("i").host("a.example", "s");
    for (name, value) in annotations {
        ingress = ingress.annotate(name, value);
    }
    let mut proxy = Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", &[backend]));
    for (flag, value) in flags {
        proxy = proxy.arg(flag, value);
    }
    proxy.start()
}

fn refusals(proxy: &Started, reason: &str) -> f64 {
    proxy.metric("portreeve_refusals_total", &[&format!("\"{reason}\"")])
}

fn open(proxy: &Started) -> f64 {
    let labels = ["state=\"active\""];
    proxy.metric(
        "nginx_ingress_controller_nginx_process_connections",
        &labels,
    )
}

/// Sends a byte now and again until the other side has something to say, which is returned.
fn drip(client: &mut Client, bytes: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let pace = Some(Duration::from_millis(200));
    client.stream.set_read_timeout(pace).unwrap();
    let mut said = [0; 4096];
    for byte in bytes {
        client.send([byte]);
        match client.stream.read(&mut said) {
            Ok(n) => return said[..n].to_vec(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return Vec::new(),
        }
    }
    Vec::new()
}

#[test]
fn a_head_has_a_time_to_end() {
    let backend = Backend::named("b");
    let proxy = serving(backend.address, &[], &[("--client-header-timeout", "1")]);
    let mut client = Client::connect(proxy.http());
    client.send("GET / HTTP/1.1\r\nhost:");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 408 "));
    assert!(client.read_to_end().is_empty());
    // However diligently it goes on.
    let mut client = Client::connect(proxy.http());
    client.send("GET / HTTP/1.1\r\nx: ");
    let said = drip(&mut client, std::iter::repeat_n(b'x', 100));
    assert!(said.starts_with(b"HTTP/1.1 408 "), "{said:?}");
    // Nor does a request before it help.
    let mut client = Client::connect(proxy.http());
    client.send(GET);
    assert_eq!(client.reply().unwrap().text(), "b");
    client.send("GET / HTTP/1.1\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 408 "));
    wait_until("three refusals", || refusals(&proxy, "head_timeout") == 3.0);
}

#[test]
fn a_connection_must_say_something() {
    let backend = Backend::named("b");
    let proxy = serving(backend.address, &[], &[("--handshake-timeout", "1")]);
    for (to, sent) in [
        (proxy.http(), &b""[..]),
        (proxy.http(), b"PRI * HTT"),
        (proxy.https(), b""),
        (proxy.https(), b"\x16\x03\x01"),
    ] {
        let mut client = Client::connect(to);
        client.send(sent);
        let began = Instant::now();
        assert!(client.read_to_end().is_empty());
        assert!(began.elapsed() >= Duration::from_millis(900), "{sent:?}");
    }
    let failed = "portreeve_tls_handshakes_failed_total";
    wait_until("failures", || proxy.metric(failed, &[]) == 2.0);
    wait_until("nobody there", || open(&proxy) == 0.0);
}

#[test]
fn an_idle_connection_is_closed() {
    let backend = Backend::named("b");
    let proxy = serving(backend.address, &[], &[("--keep-alive-timeout", "1")]);
    let mut client = Client::connect(proxy.http());
    client.send(GET);
    assert_eq!(client.reply().unwrap().text(), "b");
    let began = Instant::now();
    assert!(
        client.read_to_end().is_empty(),
        "no 408 for what never began"
    );
    assert!(began.elapsed() >= Duration::from_millis(900));

    let h2 = H2Client::connect(proxy.http());
    assert_eq!(
        h2.get(Request::get("http://a.example/").body(()).unwrap())
            .status,
        200
    );
    assert_eq!(h2.closed().unwrap_or(Reason::NO_ERROR), Reason::NO_ERROR);
    // One that says no more than the preface is idle, too.
    let mut frames = Frames::connect(proxy.http(), &[]);
    assert!(frames.client.read_to_end().len() > 9);
    wait_until("nobody there", || open(&proxy) == 0.0);
}

#[test]
fn a_body_that_stops_coming_is_the_clients_fault() {
    let backend = Backend::scripted(|stream, record| {
        record.read_until(stream, |_| false);
        record.note_end();
    });
    let slow = [("--client-body-timeout", "2")];
    // The endpoint is not to blame, though it has less time.
    let proxy = serving(backend.address, &[("proxy-read-timeout", "1")], &slow);
    for sent in [
        "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 10\r\n\r\nhi",
        "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 10\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n",
    ] {
        let mut client = Client::connect(proxy.http());
        client.send(sent);
        assert_eq!(client.reply().unwrap().status, 408, "{sent:?}");
        assert!(client.read_to_end().is_empty());
    }
    let h2 = H2Client::connect(proxy.http());
    let (response, mut stream) =
        h2.begin(Request::post("http://a.example/").body(()).unwrap(), false);
    stream.send_data(Bytes::from_static(b"hi"), false).unwrap();
    assert_eq!(on(reply(response)).status, 408);
    assert_eq!(refusals(&proxy, "body_timeout"), 4.0);
    wait_until("the end of all uploads", || backend.ended() == 4);
}

#[test]
fn a_body_that_comes_slowly_but_surely_is_served() {
    let backend = Backend::named("b");
    let limits = [
        ("--client-body-timeout", "1"),
        ("--client-header-timeout", "1"),
    ];
    let proxy = serving(backend.address, &[("proxy-read-timeout", "1")], &limits);
    let mut client = Client::connect(proxy.http());
    client.send("POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 11\r\n\r\n");
    let said = drip(&mut client, *b"hello world");
    assert!(said.starts_with(b"HTTP/1.1 200 "), "{said:?}");
}

#[test]
fn a_client_that_reads_slowly_is_served() {
    let page = "x".repeat(4_000_000);
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{page}",
        page.len()
    );
    let backend = Backend::replying(reply);
    let limits = [("--client-send-timeout", "1")];
    let proxy = serving(backend.address, &[("proxy-read-timeout", "1")], &limits);
    let mut client = Client::connect(proxy.http());
    client.send(GET);
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200 "));
    let quiet = Backend::named("b");
    let mut left = page.len();
    while left > 0 {
        let piece = left.min(400_000);
        assert_eq!(client.read_exactly(piece).len(), piece, "{left} left");
        left -= piece;
        pause(quiet.address);
    }
}

/// Lets half a second go by: a read that waits for nothing.
fn pause(to: SocketAddr) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let _ = stream.read(&mut [0]);
}

#[test]
fn there_is_room_for_so_many() {
    let backend = Backend::named("b");
    let proxy = serving(backend.address, &[], &[("--max-connections", "2")]);
    let mut first = Client::connect(proxy.http());
    first.send(GET);
    assert_eq!(first.reply().unwrap().text(), "b");
    let mut second = Client::connect(proxy.http());
    second.send(GET);
    assert_eq!(second.reply().unwrap().text(), "b");
    for _ in 0..10 {
        let mut third = Client::connect(proxy.http());
        third.send(GET);
        let reply = third.reply().unwrap();
        assert_eq!(
            (reply.status, reply.header("connection")),
            (503, Some("close"))
        );
        assert!(third.read_to_end().is_empty());
    }
    assert_eq!(refusals(&proxy, "overload"), 10.0);
    first.send(GET);
    assert_eq!(first.reply().unwrap().text(), "b", "who is there stays");
    drop(first);
    wait_until("room again", || {
        get(proxy.http(), "a.example", "/").status == 200
    });
}

/// User and system time of a process, in clock ticks of a hundredth of a second.
fn cpu(id: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let times = fields.split_whitespace().skip(11).take(2);
    times.map(|time| time.parse::<u64>().unwrap()).sum()
}

#[test]
fn without_descriptors_it_waits_and_can_still_be_asked() {
    let backend = Backend::named("b");
    let proxy = Proxy::with_open_files(128)
        .manifest(Ingress::new("i").host("a.example", "s").yaml())
        .manifest(service("s", &[backend.address]))
        .arg("--max-connections", "10000")
        .start();
    let mut crowd: Vec<_> = (0..200).map(|_| Client::connect(proxy.http())).collect();
    wait_until("a refusal", || refusals(&proxy, "overload") > 0.0);
    let (began, before) = (Instant::now(), cpu(proxy.id()));
    while began.elapsed() < Duration::from_secs(1) {
        assert_eq!(get(proxy.admin(), "admin", "/readyz").status, 200);
        pause(backend.address);
    }
    let used = cpu(proxy.id()) - before;
    assert!(used < 50, "{used} hundredths of a second in one second");
    crowd.clear();
    wait_until("room again", || {
        get(proxy.http(), "a.example", "/").status == 200
    });
}

#[test]
fn floods_end_in_goaway() {
    let backend = Backend::scripted(|stream, record| {
        record.read_until(stream, |_| false);
    });
    let proxy = serving(backend.address, &[], &[]);
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a.example"),
        (":path", "/"),
    ];
    let mut frames = Frames::connect(proxy.http(), &[]);
    for number in 0..20_000 {
        frames.headers(2 * number + 1, END_STREAM, &fields);
        frames.send(RST_STREAM, 0, 2 * number + 1, &8_u32.to_be_bytes());
    }
    let mut last = None;
    while let Some(frame) = frames.next() {
        last = Some(frame.kind);
    }
    assert_eq!(last, Some(GOAWAY));
    assert_eq!(
        get(proxy.http(), "else.example", "/").status,
        404,
        "others are served"
    );
    wait_until("nothing in flight", || {
        proxy.metric("portreeve_upstream_requests_in_flight", &[]) == 0.0
    });
}
