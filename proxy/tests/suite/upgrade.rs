//! Tunnels: what passes before the 101, after it, and how they end.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::harness::{
    Backend, Client, H2Client, Ingress, Proxy, Record, Started, get, service, wait_until,
};

const ASK: &str = "GET /chat HTTP/1.1\r\nhost: a.example\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   sec-websocket-protocol: chat\r\nx-request-id: fixed\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: Upgrade\r\n\
                      sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-protocol: chat\r\n\r\n";

fn serving(backend: SocketAddr, annotations: &[(&str, &str)]) -> Started {
    proxy(backend, annotations).start()
}

fn proxy(backend: SocketAddr, annotations: &[(&str, &str)]) -> Proxy {
    let mut ingress = Ingress::new("i").host("a.example", "s");
    for (name, value) in annotations {
        ingress = ingress.annotate(name, value);
    }
    Proxy::new()
        .manifest(ingress.yaml())
        .manifest(service("s", &[backend]))
}

fn head_came(stream: &mut TcpStream, record: &Record) -> bool {
    record.read_until(stream, |bytes| bytes.windows(4).any(|w| w == b"\r\n\r\n"))
}

/// A backend that switches and then says everything twice.
fn echo() -> Backend {
    Backend::scripted(|stream, record| {
        if head_came(stream, record) {
            stream.write_all(SWITCH.as_bytes()).unwrap();
            let mut chunk = [0; 65536];
            while let Ok(n @ 1..) = stream.read(&mut chunk) {
                if stream.write_all(&chunk[..n]).is_err() {
                    break;
                }
            }
            let _ = stream.write_all(b"bye");
            record.note_end();
        }
    })
}

fn lines(head: &str) -> Vec<&str> {
    let mut lines: Vec<_> = head.trim_end().lines().collect();
    lines[1..].sort_unstable();
    lines
}

#[test]
fn the_handshake_passes_as_it_is() {
    let backend = echo();
    let proxy = serving(backend.address, &[]);
    let mut client = Client::connect(proxy.http());
    client.send(ASK);
    let head = client.head().unwrap();
    let mut head = lines(&head);
    head.retain(|line| !line.starts_with("date: "));
    assert_eq!(
        head,
        [
            "HTTP/1.1 101 Switching Protocols",
            "connection: upgrade",
            "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "sec-websocket-protocol: chat",
            "server: portreeve",
            "upgrade: websocket",
        ]
    );
    let received = backend.received();
    let port = format!("x-forwarded-port: {}", proxy.http().port());
    assert_eq!(
        lines(&received),
        [
            "GET /chat HTTP/1.1",
            "connection: upgrade",
            "host: a.example",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-protocol: chat",
            "sec-websocket-version: 13",
            "upgrade: websocket",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: a.example",
            &port,
            "x-forwarded-proto: http",
            "x-forwarded-scheme: http",
            "x-real-ip: 127.0.0.1",
            "x-request-id: fixed",
            "x-scheme: http",
        ]
    );
    client.send("\x00\u{7f}hello");
    assert_eq!(client.read_exactly(7), b"\x00\x7fhello");
    let large = vec![b'x'; 1_000_000];
    let mut writer = client.stream.try_clone().unwrap();
    let sent = large.clone();
    let writing = std::thread::spawn(move || writer.write_all(&sent).unwrap());
    assert_eq!(client.read_exactly(large.len()), large);
    writing.join().unwrap();
}

#[test]
fn nothing_passes_before_the_101() {
    let backend = Backend::scripted(|stream, record| {
        if head_came(stream, record) {
            // Whatever the client has sent by now, nothing but its head may come.
            stream.set_nonblocking(true).unwrap();
            let early = stream.read(&mut [0; 100]);
            let end = record.bytes().ends_with(b"\r\n\r\n");
            stream.set_nonblocking(false).unwrap();
            let said = if early.is_err() && end {
                "late"
            } else {
                "early"
            };
            stream.write_all(SWITCH.as_bytes()).unwrap();
            record.read_until(stream, |bytes| bytes.ends_with(b"pipelined"));
            stream.write_all(said.as_bytes()).unwrap();
        }
    });
    let proxy = serving(backend.address, &[]);
    let mut client = Client::connect(proxy.http());
    client.send(format!("{ASK}pipelined"));
    assert!(client.head().unwrap().starts_with("HTTP/1.1 101 "));
    assert_eq!(client.read_to_end(), b"late");
}

/// A backend that answers 200 or 426 has not switched: what the client sent behind its request is
/// the next request, to be routed and checked like any other.
#[test]
fn a_refused_upgrade_is_an_ordinary_answer() {
    for status in ["200 OK", "426 Upgrade Required"] {
        let refusing =
            Backend::replying(format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nno"));
        let proxy = serving(refusing.address, &[]);
        let mut client = Client::connect(proxy.http());
        client.send(format!(
            "{ASK}GET /next HTTP/1.1\r\nhost: else.example\r\n\r\n"
        ));
        assert_eq!(client.reply().unwrap().text(), "no");
        let next = client.reply().unwrap();
        assert_eq!(next.status, 404, "{status}");
        assert!(
            !refusing.received().contains("/next"),
            "{}",
            refusing.received()
        );
        client.send("GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
        assert_eq!(
            client.reply().unwrap().text(),
            "no",
            "the connection is usable"
        );
    }
}

#[test]
fn only_websockets_are_asked_for() {
    let backend = Backend::named("b");
    let proxy = serving(backend.address, &[]);
    for (name, fields) in [
        (
            "h2c",
            "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
        ),
        (
            "a list",
            "connection: Upgrade\r\nupgrade: websocket, h2c\r\n",
        ),
        (
            "two fields",
            "connection: Upgrade\r\nupgrade: websocket\r\nupgrade: h2c\r\n",
        ),
        ("TLS", "connection: Upgrade\r\nupgrade: TLS/1.0\r\n"),
        ("not nominated", "upgrade: websocket\r\n"),
    ] {
        let mark = backend.mark();
        let mut client = Client::connect(proxy.http());
        client.send(format!("GET / HTTP/1.1\r\nhost: a.example\r\n{fields}\r\n"));
        assert_eq!(client.reply().unwrap().text(), "b", "{name}");
        let reached = String::from_utf8(backend.since(&mark)).unwrap();
        for field in ["upgrade", "connection", "http2-settings"] {
            assert!(
                !reached.contains(&format!("\r\n{field}:")),
                "{name}: {reached}"
            );
        }
    }
    // Neither by an old client nor with a body, whose end and the tunnel's begin would be one.
    for ask in [
        ASK.replace("HTTP/1.1", "HTTP/1.0"),
        ASK.replace("\r\n\r\n", "\r\ncontent-length: 2\r\n\r\nhi"),
        ASK.replace("GET", "POST"),
    ] {
        let mark = backend.mark();
        let mut client = Client::connect(proxy.http());
        client.send(&ask);
        assert_eq!(client.reply().unwrap().status, 200, "{ask}");
        let reached = String::from_utf8(backend.since(&mark)).unwrap();
        assert!(!reached.contains("\r\nupgrade:"), "{reached}");
    }
}

#[test]
fn a_switch_that_nobody_asked_for_is_an_error() {
    let accept = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let accepting = |other: &str| SWITCH.replace(accept, other);
    let asking = |other: &str| ASK.replace(key, other);
    let (keyless, twice) = (asking(""), asking(&key.repeat(2)));
    let other = SWITCH.replace("WebSocket", "h2c");
    for (request, said) in [
        // What belongs to another key, to none, or to several.
        (
            ASK,
            accepting("sec-websocket-accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n"),
        ),
        (ASK, accepting(&accept.to_lowercase())),
        (ASK, accepting("")),
        (ASK, accepting(&accept.repeat(2))),
        (&keyless, SWITCH.to_string()),
        (&twice, SWITCH.to_string()),
        (
            "GET / HTTP/1.1\r\nhost: a.example\r\n\r\n",
            SWITCH.to_string(),
        ),
        (ASK, other),
        (ASK, "HTTP/1.1 101 Switching Protocols\r\n\r\n".to_string()),
    ] {
        let backend = Backend::scripted(move |stream, record| {
            if head_came(stream, record) {
                let _ = stream.write_all(said.as_bytes());
                record.read_until(stream, |_| false);
                record.note_end();
            }
        });
        let proxy = serving(backend.address, &[]);
        let mut client = Client::connect(proxy.http());
        client.send(request);
        assert_eq!(client.reply().unwrap().status, 502);
        wait_until("the end of the switched connection", || {
            backend.ended() == 1
        });
        assert_eq!(
            proxy.metric("portreeve_refusals_total", &["\"upgrade\""]),
            1.0
        );
    }
    let backend = Backend::replying(SWITCH);
    let proxy = serving(backend.address, &[]);
    let h2 = H2Client::connect(proxy.http());
    let request = http::Request::get("http://a.example/").body(()).unwrap();
    assert_eq!(h2.get(request).status, 502);
}

#[test]
fn each_side_may_end_before_the_other() {
    let backend = echo();
    let proxy = serving(backend.address, &[]);
    let mut client = Client::connect(proxy.http());
    client.send(ASK);
    client.head().unwrap();
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read_to_end(), b"bye", "the other direction goes on");
    wait_until("the backend's end", || backend.ended() == 1);

    let brief = Backend::scripted(|stream, record| {
        if head_came(stream, record) {
            stream.write_all(SWITCH.as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            record.read_until(stream, |bytes| bytes.ends_with(b"last words"));
            record.note_end();
        }
    });
    let proxy = serving(brief.address, &[]);
    let mut client = Client::connect(proxy.http());
    client.send(ASK);
    client.head().unwrap();
    assert!(client.read_to_end().is_empty());
    client.send("last words");
    wait_until("the last words", || brief.ended() == 1);
    drop(client);
    wait_until("nothing in flight", || {
        proxy.metric("portreeve_upstream_requests_in_flight", &[]) == 0.0
    });
}

#[test]
fn a_silent_tunnel_is_closed() {
    let backend = echo();
    let proxy = serving(backend.address, &[("proxy-read-timeout", "1")]);
    let mut client = Client::connect(proxy.http());
    client.send(ASK);
    client.head().unwrap();
    client.send("hi");
    assert_eq!(client.read_exactly(2), b"hi");
    let open = "nginx_ingress_controller_nginx_process_connections";
    assert_eq!(proxy.metric(open, &["state=\"writing\""]), 1.0);
    assert!(client.read_to_end().len() <= 3, "closed on this side");
    wait_until("closed on the other side", || backend.ended() == 1);
    for state in ["writing", "active"] {
        let label = format!("state=\"{state}\"");
        wait_until(state, || proxy.metric(open, &[&label]) == 0.0);
    }
}

#[test]
fn a_tunnel_lives_until_the_end_of_stopping() {
    let backend = echo();
    let mut proxy = proxy(backend.address, &[])
        .arg("--drain-timeout", "1")
        .start();
    let mut client = Client::connect(proxy.http());
    client.send(ASK);
    client.head().unwrap();
    proxy.signal("-TERM");
    wait_until("the end of accepting", || {
        TcpStream::connect(proxy.http()).is_err()
    });
    client.send("still there");
    assert_eq!(client.read_exactly(11), b"still there");
    assert!(client.read_to_end().len() <= 3);
    assert_eq!(proxy.ended().code(), Some(0));
}

#[test]
fn a_tunnel_that_ends_lets_the_process_stop() {
    let backend = echo();
    let mut proxy = proxy(backend.address, &[])
        .arg("--drain-timeout", "600")
        .start();
    let mut client = Client::connect(proxy.http());
    client.send(ASK);
    client.head().unwrap();
    proxy.signal("-TERM");
    wait_until("the end of accepting", || {
        get(proxy.http(), "a.example", "/").status == 0
    });
    drop(client);
    assert_eq!(proxy.ended().code(), Some(0));
}
