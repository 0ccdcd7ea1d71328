//! Answers that come before the request has ended, and clients that go before the answer has.

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::Request;

use super::{GET, OK, POST, one, serving};
use crate::harness::{Backend, Client, H2Backend, H2Client, SOON, get, on, reply, wait_until};

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

/// An endpoint has its whole time from when it has the whole request.
#[test]
fn a_long_upload_leaves_the_endpoint_its_time() {
    let pace = Duration::from_millis(200);
    let patient = Backend::scripted(move |stream, record| {
        if record.read_until(stream, |bytes| bytes.ends_with(b"12345678")) {
            // Nothing more comes, so this only takes its time.
            stream.set_read_timeout(Some(pace * 6)).unwrap();
            record.read_until(stream, |_| false);
            stream.write_all(OK.as_bytes()).unwrap();
        }
    });
    let proxy = serving(&[patient.address], &[("proxy-read-timeout", "2")]);
    let mut client = Client::connect(proxy.http());
    client.send("POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 8\r\n\r\n");
    client.stream.set_read_timeout(Some(pace)).unwrap();
    for byte in *b"12345678" {
        assert!(client.read_exactly(1).is_empty());
        client.send([byte]);
    }
    client.stream.set_read_timeout(Some(SOON)).unwrap();
    assert_eq!(client.reply().unwrap().status, 200);
}
