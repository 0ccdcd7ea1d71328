//! The cheapest backend: a fixed answer of N bytes to `GET /bytes/N` over HTTP/1.1.
//!
//! When proxies are measured the backend shares a core with the load generator, so that the
//! proxy's core is the one that is full. It therefore does no more than find the end of a
//! request's head. It is no HTTP server: anything but a GET without a body ends the connection.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest head it reads.
const MAX_HEAD: usize = 16 * 1024;
/// The largest body it gives.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Answers requests until the connection ends.
pub(crate) async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut read = Vec::with_capacity(MAX_HEAD);
    let mut answer = Answer::default();
    loop {
        let length = loop {
            if let Some(end) = head_end(&read) {
                break end;
            }
            if read.len() >= MAX_HEAD || stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let Some(size) = size_asked(read.get(..length).unwrap_or_default()) else {
            return Ok(());
        };
        read.drain(..length);
        stream.write_all(answer.of(size)).await?;
    }
}

/// Where a head ends, its empty line included.
pub(crate) fn head_end(read: &[u8]) -> Option<usize> {
    read.windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// The N of `GET /bytes/N `.
fn size_asked(head: &[u8]) -> Option<usize> {
    let rest = head.strip_prefix(b"GET /bytes/")?;
    let digits = rest.split(|byte| !byte.is_ascii_digit()).next()?;
    let size = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (size <= MAX_BODY).then_some(size)
}

/// The last answer, ready to be sent again: a connection asks for one size all the time.
#[derive(Default)]
struct Answer {
    size: usize,
    bytes: Vec<u8>,
}

impl Answer {
    fn of(&mut self, size: usize) -> &[u8] {
        if self.size != size || self.bytes.is_empty() {
            self.size = size;
            self.bytes = message(size);
        }
        &self.bytes
    }
}

/// Eight header fields, as many as an ordinary backend sends.
fn message(size: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nserver: canned\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         content-type: application/octet-stream\r\ncontent-length: {size}\r\n\
         last-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\netag: \"5f3b-1a2b\"\r\n\
         accept-ranges: bytes\r\ncache-control: no-cache\r\n\r\n"
    );
    let mut message = head.into_bytes();
    message.resize(message.len() + size, b'0');
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_get_for_bytes_is_answered() {
        for (head, size) in [
            ("GET /bytes/1024 HTTP/1.1\r\n\r\n", Some(1024)),
            ("GET /bytes/0?x HTTP/1.1\r\n\r\n", Some(0)),
            ("GET /bytes/99999999999 HTTP/1.1\r\n\r\n", None),
            ("GET /bytes/ HTTP/1.1\r\n\r\n", None),
            ("POST /bytes/1 HTTP/1.1\r\n\r\n", None),
        ] {
            assert_eq!(size_asked(head.as_bytes()), size, "{head}");
        }
    }

    #[test]
    fn an_answer_is_as_long_as_it_says() {
        let mut answer = Answer::default();
        for size in [0, 1024, 0] {
            let message = answer.of(size);
            assert_eq!(message.len() - head_end(message).unwrap(), size);
        }
    }
}
