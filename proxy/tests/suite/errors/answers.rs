//! Endpoints that do not end their answers, or say more than they were asked for.

use std::io::Write;

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};

use super::{GET, OK, exchange, one, serving};
use crate::harness::{Backend, Client, H2Backend, H2Client, get, on, requests};

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
