//! Where a message ends: one answer for everybody, or none.

use super::table::{After, Case, FORWARDED, MALFORMED, REFUSED, run};

const fn malformed(name: &'static str, sent: &'static str) -> Case {
    Case {
        name,
        sent,
        ..MALFORMED
    }
}

#[test]
fn a_length_is_one_number() {
    run(&[
        malformed(
            "two that differ",
            "POST / HTTP/1.1\nhost: a.example\ncontent-length: 3\ncontent-length: 5\n\nhello",
        ),
        malformed(
            "a list that differs",
            "POST / HTTP/1.1\nhost: a.example\ncontent-length: 3, 5\n\nhello",
        ),
        malformed(
            "a sign",
            "POST / HTTP/1.1\nhost: a.example\ncontent-length: +5\n\nhello",
        ),
        malformed(
            "hexadecimal",
            "POST / HTTP/1.1\nhost: a.example\ncontent-length: 0x5\n\nhello",
        ),
        malformed(
            "nothing",
            "POST / HTTP/1.1\nhost: a.example\ncontent-length:\n\nhello",
        ),
        malformed(
            "negative",
            "POST / HTTP/1.1\nhost: a.example\ncontent-length: -5\n\nhello",
        ),
        malformed(
            "too large for any number",
            "POST / HTTP/1.1\nhost: a.example\ncontent-length: 99999999999999999999\n\nhello",
        ),
        Case {
            name: "leading zeros are not forwarded",
            sent: "POST / HTTP/1.1\nhost: a.example\ncontent-length: 005\n\nhello",
            upstream: "POST / HTTP/1.1\ncontent-length: 5\nhost: a.example\n{ours}\n\nhello",
            ..FORWARDED
        },
        Case {
            name: "the same twice is once",
            sent: "POST / HTTP/1.1\nhost: a.example\ncontent-length: 5\ncontent-length: 5\n\nhello",
            upstream: "POST / HTTP/1.1\ncontent-length: 5\nhost: a.example\n{ours}\n\nhello",
            ..FORWARDED
        },
        Case {
            name: "what follows a body is the next request",
            sent: "POST /1 HTTP/1.1\nhost: a.example\ncontent-length: 3\n\nabcGET /2 HTTP/1.1\nhost: a.example\n\n",
            upstream: "POST /1 HTTP/1.1\ncontent-length: 3\nhost: a.example\n{ours}\n\n\
                       abcGET /2 HTTP/1.1\nhost: a.example\nx-forwarded-host: a.example\nx-forwarded-proto: http\n\
                       x-forwarded-scheme: http\nx-scheme: http\nx-forwarded-for: 127.0.0.1\nx-real-ip: 127.0.0.1\n\
                       x-forwarded-port: PORT\nx-request-id: ID\n\n",
            reply: "HTTP/1.1 200 OK\ncontent-length: 2\nserver: portreeve\ndate: DATE\n\n\
                    okHTTP/1.1 200 OK\ncontent-length: 2\nserver: portreeve\ndate: DATE\n\nok",
            ..FORWARDED
        },
    ]);
}

#[test]
fn only_chunked_is_a_transfer_coding() {
    const UNKNOWN: Case = Case {
        reply: "{501 close}",
        ..REFUSED
    };
    const CHUNKED: Case = Case {
        upstream: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n{ours}\n\n5\nhello\n0\n\n",
        ..FORWARDED
    };
    run(&[
        Case {
            name: "chunked",
            sent: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n5\nhello\n0\n\n",
            ..CHUNKED
        },
        Case {
            name: "chunked in any case",
            sent: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: CHUNKED\n\n5\nhello\n0\n\n",
            ..CHUNKED
        },
        Case {
            name: "an extension is not forwarded",
            sent: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n5;a=b\nhello\n0\n\n",
            ..CHUNKED
        },
        Case {
            name: "length and coding: the coding counts, the length goes, nothing follows",
            sent: "POST / HTTP/1.1\nhost: a.example\ncontent-length: 3\ntransfer-encoding: chunked\n\n5\nhello\n0\n\n",
            reply: "HTTP/1.1 200 OK\nconnection: close\ncontent-length: 2\nserver: portreeve\ndate: DATE\n\nok",
            after: After::Closed,
            ..CHUNKED
        },
        Case {
            name: "a body of a GET is forwarded like any other",
            sent: "GET / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n5\nhello\n0\n\n",
            upstream: "GET / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n{ours}\n\n5\nhello\n0\n\n",
            ..FORWARDED
        },
        Case {
            name: "gzip, chunked",
            sent: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: gzip, chunked\n\n5\nhello\n0\n\n",
            ..UNKNOWN
        },
        Case {
            name: "two lines",
            sent: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: gzip\ntransfer-encoding: chunked\n\n5\nhello\n0\n\n",
            ..UNKNOWN
        },
        Case {
            name: "chunked twice",
            sent: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\ntransfer-encoding: chunked\n\n5\nhello\n0\n\n",
            ..UNKNOWN
        },
        Case {
            name: "an empty element",
            sent: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: ,chunked\n\n5\nhello\n0\n\n",
            ..UNKNOWN
        },
        malformed(
            "xchunked",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: xchunked\n\n5\nhello\n0\n\n",
        ),
        malformed(
            "identity",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: identity\n\n5\nhello\n0\n\n",
        ),
        malformed(
            "chunked, then another",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked, gzip\n\n5\nhello\n0\n\n",
        ),
        malformed(
            "nothing",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding:\n\n5\nhello\n0\n\n",
        ),
        Case {
            name: "HTTP/1.0",
            sent: "POST / HTTP/1.0\nhost: a.example\ntransfer-encoding: chunked\n\n5\nhello\n0\n\n",
            ..MALFORMED
        },
    ]);
}

/// A broken chunk: the client learns that it is its own fault, and the endpoint never sees an end.
const fn broken(name: &'static str, sent: &'static str) -> Case {
    Case {
        name,
        sent,
        ..REFUSED
    }
}

#[test]
fn a_broken_chunk_is_the_clients_fault() {
    run(&[
        broken(
            "no digit",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\nxyz\nhello\n0\n\n",
        ),
        broken(
            "0x",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n0x5\nhello\n0\n\n",
        ),
        broken(
            "a sign",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n+5\nhello\n0\n\n",
        ),
        broken(
            "negative",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n-5\nhello\n0\n\n",
        ),
        broken(
            "an underscore",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n1_0\nhello\n0\n\n",
        ),
        broken(
            "a leading space",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n 5\nhello\n0\n\n",
        ),
        broken(
            "an overflow",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\nfffffffffffffffff\nhello\n0\n\n",
        ),
        broken(
            "a bare LF",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n5␊hello\n0\n\n",
        ),
        broken(
            "a bare LF in an extension",
            "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n5;a␊b\nhello\n0\n\n",
        ),
        Case {
            upstream: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n{ours}\n\n5\nhello\n",
            ..broken(
                "more than was said",
                "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n5\nhello, world\n0\n\n",
            )
        },
    ]);
}
