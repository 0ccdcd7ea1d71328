//! Which host, which method, which path: a head is read in one way or refused.

use super::table::{After, Case, FORWARDED, MALFORMED, REFUSED, run};

const fn refused(name: &'static str, sent: &'static str) -> Case {
    Case {
        name,
        sent,
        ..REFUSED
    }
}

const fn malformed(name: &'static str, sent: &'static str) -> Case {
    Case {
        name,
        sent,
        ..MALFORMED
    }
}

#[test]
fn there_is_exactly_one_host() {
    run(&[
        refused("no host", "GET / HTTP/1.1\n\n"),
        refused(
            "twice the same",
            "GET / HTTP/1.1\nhost: a.example\nhost: a.example\n\n",
        ),
        refused(
            "two hosts",
            "GET / HTTP/1.1\nhost: a.example\nhost: b.example\n\n",
        ),
        refused("empty", "GET / HTTP/1.1\nhost:\n\n"),
        refused("a list", "GET / HTTP/1.1\nhost: a.example, b.example\n\n"),
        refused("user information", "GET / HTTP/1.1\nhost: u@a.example\n\n"),
        refused("a path", "GET / HTTP/1.1\nhost: a.example/x\n\n"),
        refused("a bad port", "GET / HTTP/1.1\nhost: a.example:x\n\n"),
        refused(
            "a port without end",
            "GET / HTTP/1.1\nhost: a.example:99999\n\n",
        ),
        refused("an empty port", "GET / HTTP/1.1\nhost: a.example:\n\n"),
        Case {
            name: "case, port and a trailing dot do not matter, and are forwarded",
            sent: "GET / HTTP/1.1\nhost: A.Example.:81\n\n",
            upstream: "GET / HTTP/1.1\nhost: A.Example.:81\nx-forwarded-for: 127.0.0.1\n\
                       x-forwarded-host: A.Example.:81\nx-forwarded-port: PORT\nx-forwarded-proto: http\n\
                       x-forwarded-scheme: http\nx-real-ip: 127.0.0.1\nx-request-id: ID\nx-scheme: http\n\n",
            ..FORWARDED
        },
        Case {
            name: "HTTP/1.0 needs none, and then nobody is meant",
            sent: "GET / HTTP/1.0\n\n",
            reply: "HTTP/1.0 404 Not Found\ncontent-type: text/plain; charset=utf-8\nserver: portreeve\n\
                    content-length: 14\ndate: DATE\n\n404 Not Found\n",
            ..REFUSED
        },
    ]);
}

#[test]
fn the_target_says_whom_it_is_for() {
    run(&[
        Case {
            name: "absolute form",
            sent: "GET http://a.example/x?y HTTP/1.1\nhost: a.example\n\n",
            upstream: "GET /x?y HTTP/1.1\nhost: a.example\n{ours}\n\n",
            ..FORWARDED
        },
        Case {
            name: "absolute form without a path",
            sent: "GET http://a.example HTTP/1.1\nhost: a.example\n\n",
            upstream: "GET / HTTP/1.1\nhost: a.example\n{ours}\n\n",
            ..FORWARDED
        },
        refused(
            "absolute form for another host",
            "GET http://a.example/ HTTP/1.1\nhost: b.example\n\n",
        ),
        refused(
            "absolute form without a host field",
            "GET http://a.example/ HTTP/1.1\n\n",
        ),
        refused(
            "absolute form with user information",
            "GET http://u@a.example/ HTTP/1.1\nhost: a.example\n\n",
        ),
        Case {
            name: "OPTIONS * is for the proxy",
            sent: "OPTIONS * HTTP/1.1\nhost: a.example\n\n",
            reply: "HTTP/1.1 200 OK\nserver: portreeve\ncontent-length: 0\ndate: DATE\n\n",
            after: After::Open,
            ..REFUSED
        },
        refused("GET *", "GET * HTTP/1.1\nhost: a.example\n\n"),
        refused(
            "a target that is no path",
            "GET x HTTP/1.1\nhost: a.example\n\n",
        ),
        Case {
            name: "a fragment is cut before the route is chosen",
            sent: "GET /x#/../y HTTP/1.1\nhost: a.example\n\n",
            upstream: "GET /x HTTP/1.1\nhost: a.example\n{ours}\n\n",
            ..FORWARDED
        },
    ]);
}

#[test]
fn tunnels_and_traces_are_not_forwarded() {
    const METHOD: Case = Case {
        reply: "{405 close}",
        ..REFUSED
    };
    run(&[
        Case {
            name: "CONNECT",
            sent: "CONNECT a.example:80 HTTP/1.1\nhost: a.example:80\n\n",
            ..METHOD
        },
        Case {
            name: "CONNECT with a path",
            sent: "CONNECT / HTTP/1.1\nhost: a.example\n\n",
            ..METHOD
        },
        Case {
            name: "TRACE",
            sent: "TRACE / HTTP/1.1\nhost: a.example\n\n",
            ..METHOD
        },
        Case {
            name: "a method of its own",
            sent: "BREW / HTTP/1.1\nhost: a.example\n\n",
            upstream: "BREW / HTTP/1.1\nhost: a.example\n{ours}\n\n",
            ..FORWARDED
        },
    ]);
}

#[test]
fn a_head_is_http_or_refused() {
    run(&[
        malformed("HTTP/0.9", "GET /\n\n"),
        malformed("HTTP/9.9", "GET / HTTP/9.9\nhost: a.example\n\n"),
        malformed("a bare CR", "GET / HTTP/1.1\nhost: a.example\nx: a␍b\n\n"),
        malformed("a NUL", "GET / HTTP/1.1\nhost: a.example\nx: a␀b\n\n"),
        malformed(
            "a space before the colon",
            "GET / HTTP/1.1\nhost : a.example\n\n",
        ),
        malformed(
            "a folded field",
            "GET / HTTP/1.1\nhost: a.example\nx: a\n b\n\n",
        ),
        malformed(
            "a field without a name",
            "GET / HTTP/1.1\nhost: a.example\n: a\n\n",
        ),
        malformed(
            "a field without a colon",
            "GET / HTTP/1.1\nhost: a.example\nx\n\n",
        ),
        malformed(
            "a space in the target",
            "GET /a b HTTP/1.1\nhost: a.example\n\n",
        ),
    ]);
}

#[test]
fn paths_that_servers_read_differently_are_refused() {
    run(&[
        refused("above the root", "GET /../x HTTP/1.1\nhost: a.example\n\n"),
        refused(
            "above the root, encoded",
            "GET /%2e%2e/x HTTP/1.1\nhost: a.example\n\n",
        ),
        refused("NUL", "GET /a%00b HTTP/1.1\nhost: a.example\n\n"),
        refused("a bad escape", "GET /a%zz HTTP/1.1\nhost: a.example\n\n"),
        refused(
            "parameters on dots",
            "GET /a/..;/b HTTP/1.1\nhost: a.example\n\n",
        ),
        Case {
            name: "what was matched is what is forwarded",
            sent: "GET /a/./b/../c//d?x=/../y HTTP/1.1\nhost: a.example\n\n",
            upstream: "GET /a/c//d?x=/../y HTTP/1.1\nhost: a.example\n{ours}\n\n",
            ..FORWARDED
        },
    ]);
}
