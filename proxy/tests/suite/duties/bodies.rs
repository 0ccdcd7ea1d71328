//! Bodies and their ends: trailers, expectations, old clients, responses without a body.

use super::table::{After, Case, FORWARDED, REFUSED, run};

const PLAIN: Case = Case {
    sent: "GET / HTTP/1.1\nhost: a.example\n\n",
    upstream: "GET / HTTP/1.1\nhost: a.example\n{ours}\n\n",
    ..FORWARDED
};

#[test]
fn trailers_pass_to_those_who_take_them() {
    const CHUNKS: &str = "HTTP/1.1 200 OK\ntransfer-encoding: chunked\ntrailer: x-sum\n\n2\nok\n0\nx-sum: 1\nhost: evil\ncontent-length: 9\nauthorization: x\nx-forwarded-for: y\n\n";
    run(&[
        Case {
            name: "asked for",
            sent: "GET / HTTP/1.1\nhost: a.example\nte: trailers\nconnection: te\n\n",
            answer: CHUNKS,
            reply: "HTTP/1.1 200 OK\ntrailer: x-sum\nserver: portreeve\ntransfer-encoding: chunked\ndate: DATE\n\n2\nok\n0\nx-sum: 1\n\n",
            ..PLAIN
        },
        Case {
            name: "not asked for",
            answer: CHUNKS,
            reply: "HTTP/1.1 200 OK\nserver: portreeve\ntransfer-encoding: chunked\ndate: DATE\n\n2\nok\n0\n\n",
            ..PLAIN
        },
        Case {
            name: "of a request, without those that would change what its head said",
            sent: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\ntrailer: x-sum, host\n\n2\nhi\n0\nx-sum: 1\nhost: evil\n\
                   content-length: 9\ntransfer-encoding: chunked\nauthorization: x\nx-forwarded-for: y\nx_real_ip: y\n\n",
            upstream: "POST / HTTP/1.1\nhost: a.example\ntrailer: x-sum\ntransfer-encoding: chunked\n{ours}\n\n2\nhi\n0\nx-sum: 1\n\n",
            ..FORWARDED
        },
        Case {
            name: "of a request that did not announce them",
            sent: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n\n2\nhi\n0\nx-sum: 1\n\n",
            upstream: "POST / HTTP/1.1\nhost: a.example\ntransfer-encoding: chunked\n{ours}\n\n2\nhi\n0\n\n",
            ..FORWARDED
        },
    ]);
}

#[test]
fn an_expectation_is_met_once_there_is_somebody_to_send_to() {
    run(&[
        Case {
            name: "100 Continue",
            sent: "POST / HTTP/1.1\nhost: a.example\nexpect: 100-continue\ncontent-length: 2\n\nhi",
            upstream: "POST / HTTP/1.1\ncontent-length: 2\nhost: a.example\n{ours}\n\nhi",
            reply: "HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\ncontent-length: 2\nserver: portreeve\ndate: DATE\n\nok",
            ..FORWARDED
        },
        Case {
            name: "too large is said before the upload",
            sent: "POST / HTTP/1.1\nhost: small.example\nexpect: 100-continue\ncontent-length: 9\n\n",
            reply: "{413 close}",
            ..REFUSED
        },
        Case {
            name: "nowhere is said before the upload",
            sent: "POST / HTTP/1.1\nhost: else.example\nexpect: 100-continue\ncontent-length: 9\n\n",
            reply: "{404 close}",
            ..REFUSED
        },
        Case {
            name: "another expectation",
            sent: "POST / HTTP/1.1\nhost: a.example\nexpect: miracle\ncontent-length: 2\n\nhi",
            reply: "{417 close}",
            ..REFUSED
        },
        Case {
            name: "interim responses are for us",
            answer: "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nlink: x\n\nHTTP/1.1 200 OK\ncontent-length: 2\n\nok",
            ..PLAIN
        },
    ]);
}

#[test]
fn an_old_client_gets_what_it_understands() {
    run(&[
        Case {
            name: "closed after the answer",
            sent: "GET / HTTP/1.0\nhost: a.example\n\n",
            reply: "HTTP/1.0 200 OK\ncontent-length: 2\nserver: portreeve\ndate: DATE\n\nok",
            after: After::Closed,
            ..PLAIN
        },
        Case {
            name: "kept when it asks for it",
            sent: "GET / HTTP/1.0\nhost: a.example\nconnection: keep-alive\n\n",
            reply: "HTTP/1.0 200 OK\nconnection: keep-alive\ncontent-length: 2\nserver: portreeve\ndate: DATE\n\nok",
            ..PLAIN
        },
        Case {
            name: "no chunks",
            sent: "GET / HTTP/1.0\nhost: a.example\nconnection: keep-alive\n\n",
            answer: "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n2\nok\n0\n\n",
            reply: "HTTP/1.0 200 OK\nserver: portreeve\ndate: DATE\n\nok",
            after: After::Closed,
            ..PLAIN
        },
        Case {
            name: "a newer one may ask to be closed",
            sent: "GET / HTTP/1.1\nhost: a.example\nconnection: close\n\n",
            reply: "HTTP/1.1 200 OK\nconnection: close\ncontent-length: 2\nserver: portreeve\ndate: DATE\n\nok",
            after: After::Closed,
            ..PLAIN
        },
    ]);
}

#[test]
fn a_response_without_a_body_has_none() {
    run(&[
        Case {
            name: "HEAD keeps the length",
            sent: "HEAD / HTTP/1.1\nhost: a.example\n\n",
            upstream: "HEAD / HTTP/1.1\nhost: a.example\n{ours}\n\n",
            answer: "HTTP/1.1 200 OK\ncontent-length: 5\n\n",
            reply: "HTTP/1.1 200 OK\ncontent-length: 5\nserver: portreeve\ndate: DATE\n\n",
            ..FORWARDED
        },
        Case {
            name: "HEAD of a stream",
            sent: "HEAD / HTTP/1.1\nhost: a.example\n\n",
            upstream: "HEAD / HTTP/1.1\nhost: a.example\n{ours}\n\n",
            answer: "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n",
            reply: "HTTP/1.1 200 OK\nserver: portreeve\ndate: DATE\n\n",
            ..FORWARDED
        },
        Case {
            name: "HEAD of nothing",
            sent: "HEAD / HTTP/1.1\nhost: else.example\n\n",
            reply: "HTTP/1.1 404 Not Found\ncontent-type: text/plain; charset=utf-8\nserver: portreeve\n\
                    content-length: 14\ndate: DATE\n\n",
            after: After::Open,
            ..REFUSED
        },
        Case {
            name: "204",
            answer: "HTTP/1.1 204 No Content\n\n",
            reply: "HTTP/1.1 204 No Content\nserver: portreeve\ndate: DATE\n\n",
            ..PLAIN
        },
        Case {
            name: "204 with a length",
            answer: "HTTP/1.1 204 No Content\ncontent-length: 0\n\n",
            reply: "HTTP/1.1 204 No Content\nserver: portreeve\ndate: DATE\n\n",
            ..PLAIN
        },
        Case {
            name: "304 with a length",
            answer: "HTTP/1.1 304 Not Modified\ncontent-length: 5\netag: x\n\n",
            reply: "HTTP/1.1 304 Not Modified\netag: x\nserver: portreeve\ndate: DATE\n\n",
            ..PLAIN
        },
        Case {
            name: "an empty body",
            answer: "HTTP/1.1 200 OK\ncontent-length: 0\n\n",
            reply: "HTTP/1.1 200 OK\ncontent-length: 0\nserver: portreeve\ndate: DATE\n\n",
            ..PLAIN
        },
    ]);
}

#[test]
fn a_body_is_forwarded_as_it_is_framed() {
    run(&[
        Case {
            name: "chunked",
            answer: "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n2\nok\n0\n\n",
            reply: "HTTP/1.1 200 OK\nserver: portreeve\ntransfer-encoding: chunked\ndate: DATE\n\n2\nok\n0\n\n",
            ..PLAIN
        },
        Case {
            name: "until the endpoint closes",
            answer: "HTTP/1.1 200 OK\n\nok",
            hangs_up: true,
            reply: "HTTP/1.1 200 OK\nserver: portreeve\ntransfer-encoding: chunked\ndate: DATE\n\n2\nok\n0\n\n",
            ..PLAIN
        },
        Case {
            name: "from HTTP/1.0",
            answer: "HTTP/1.0 200 OK\n\nok",
            hangs_up: true,
            reply: "HTTP/1.1 200 OK\nserver: portreeve\ntransfer-encoding: chunked\ndate: DATE\n\n2\nok\n0\n\n",
            ..PLAIN
        },
        Case {
            name: "an empty upload",
            sent: "POST / HTTP/1.1\nhost: a.example\ncontent-length: 0\n\n",
            upstream: "POST / HTTP/1.1\ncontent-length: 0\nhost: a.example\n{ours}\n\n",
            ..FORWARDED
        },
        Case {
            name: "a length that is as large as the route takes",
            sent: "POST / HTTP/1.1\nhost: small.example\ncontent-length: 8\n\n12345678",
            upstream: "POST / HTTP/1.1\ncontent-length: 8\nhost: small.example\nx-forwarded-for: 127.0.0.1\n\
                       x-forwarded-host: small.example\nx-forwarded-port: PORT\nx-forwarded-proto: http\n\
                       x-forwarded-scheme: http\nx-real-ip: 127.0.0.1\nx-request-id: ID\nx-scheme: http\n\n12345678",
            ..FORWARDED
        },
    ]);
}
