//! The one request that is made over and over, and how its answer is recognised.
//!
//! This reads just enough of HTTP/1.1 to follow a well-behaved proxy: an answer has a length.
//! Anything else counts as a failure and is not looked into.

use crate::canned::head_end;

/// A request, ready to be sent.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) bytes: Vec<u8>,
    size: usize,
}

/// What became of the bytes read so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// More is needed; at least so many bytes when they are known.
    More(usize),
    /// The right answer, and whether the connection stays open.
    Answered { keep: bool },
    /// Something else.
    Wrong,
}

impl Wanted {
    /// A request for `size` bytes with the header fields a browser sends.
    pub(super) fn new(host: &str, size: u32) -> Self {
        let bytes = format!(
            "GET /bytes/{size} HTTP/1.1\r\nHost: {host}\r\n\
             User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
             Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
             Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.5\r\n\
             Referer: http://{host}/start\r\nCookie: session=0123456789abcdef\r\n\r\n"
        );
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Self {
            bytes: bytes.into_bytes(),
            size,
        }
    }

    /// Judges what was read since the request was sent.
    pub(super) fn judge(&self, read: &[u8]) -> Progress {
        let Some(end) = head_end(read) else {
            return Progress::More(0);
        };
        let head = read.get(..end).unwrap_or_default();
        let length = field(head, b"content-length").and_then(|v| v.parse::<usize>().ok());
        let right = head.starts_with(b"HTTP/1.1 200 ") && length == Some(self.size);
        match (right, (end + self.size).checked_sub(read.len())) {
            (false, _) | (true, None) => Progress::Wrong,
            (true, Some(0)) => {
                let connection = field(head, b"connection");
                let keep = connection.is_none_or(|value| !value.eq_ignore_ascii_case("close"));
                Progress::Answered { keep }
            }
            (true, Some(missing)) => Progress::More(missing),
        }
    }
}

/// The value of the header field `name`, which is lower case.
fn field<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (start, rest) = line.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":")?;
        let value = start.eq_ignore_ascii_case(name).then_some(value)?;
        std::str::from_utf8(value).ok().map(str::trim)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_right_or_wrong() {
        let wanted = Wanted::new("a.example", 3);
        for (read, progress) in [
            ("", Progress::More(0)),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
                Progress::More(0),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nx",
                Progress::More(2),
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nxxx",
                Progress::Answered { keep: true },
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length:3\r\nConnection: close\r\n\r\nxxx",
                Progress::Answered { keep: false },
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxxxx",
                Progress::Wrong,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nxxx",
                Progress::Wrong,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                Progress::Wrong,
            ),
            (
                "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nxxx",
                Progress::Wrong,
            ),
        ] {
            assert_eq!(wanted.judge(read.as_bytes()), progress, "{read}");
        }
    }
}
