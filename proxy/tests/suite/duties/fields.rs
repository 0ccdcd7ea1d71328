//! Which fields pass, in both directions, and which are ours.

use super::table::{Case, FORWARDED, run};

const PLAIN: Case = Case {
    upstream: "GET / HTTP/1.1\nhost: a.example\n{ours}\n\n",
    ..FORWARDED
};

#[test]
fn fields_of_one_connection_stay_there() {
    run(&[
        Case {
            name: "what a connection is about",
            sent: "GET / HTTP/1.1\nhost: a.example\nconnection: keep-alive, x-secret\nx-secret: 1\nkeep-alive: timeout=5\n\
                   te: gzip\ntrailer: x\nproxy-authorization: Basic x\nproxy-authenticate: Basic\nproxy-connection: keep-alive\n\
                   upgrade: h2c\nhttp2-settings: AAMAAABkAAQAAP__\n\n",
            ..PLAIN
        },
        Case {
            name: "several Connection fields",
            sent: "GET / HTTP/1.1\nhost: a.example\nconnection: x-a\nconnection: x-b,,  X-C\nx-a: 1\nx-b: 1\nx-c: 1\nx-d: 1\n\n",
            upstream: "GET / HTTP/1.1\nhost: a.example\nx-d: 1\n{ours}\n\n",
            ..FORWARDED
        },
        Case {
            name: "what matters cannot be nominated away",
            sent: "POST / HTTP/1.1\nhost: a.example\nconnection: host, content-length, authorization, cookie, X-Forwarded-For, x-real-ip, x-request-id\n\
                   content-length: 2\nauthorization: Basic x\ncookie: a=1\n\nhi",
            upstream: "POST / HTTP/1.1\nauthorization: Basic x\ncontent-length: 2\ncookie: a=1\nhost: a.example\n{ours}\n\nhi",
            ..FORWARDED
        },
        Case {
            name: "an endpoint's connection is its own, too",
            sent: "GET / HTTP/1.1\nhost: a.example\n\n",
            answer: "HTTP/1.1 200 OK\nconnection: keep-alive, x-hop\nx-hop: 1\nkeep-alive: timeout=5\nproxy-authenticate: Basic\n\
                     upgrade: h2c\ntrailer: x\ncontent-length: 2\nx-end: 1\n\nok",
            reply: "HTTP/1.1 200 OK\ncontent-length: 2\nx-end: 1\nserver: portreeve\ndate: DATE\n\nok",
            ..PLAIN
        },
    ]);
}

#[test]
fn what_we_say_of_a_client_it_cannot_say_itself() {
    run(&[
        Case {
            name: "forged",
            sent: "GET / HTTP/1.1\nhost: a.example\nx-forwarded-host: evil\nx-forwarded-proto: https\nx-forwarded-port: 1\n\
                   x-forwarded-prefix: /x\nx-forwarded-scheme: https\nx-forwarded-server: x\nx-scheme: https\nx-real-ip: 1.2.3.4\n\
                   forwarded: for=1.2.3.4\nx-original-uri: /x\nx-original-method: x\nx-original-url: /x\nx-original-host: x\n\
                   x-original-forwarded-for: x\nssl-client-verify: SUCCESS\nssl-client-subject-dn: CN=root\nproxy: http://evil\n\
                   x-request-id: not an id\n\n",
            ..PLAIN
        },
        Case {
            name: "what a client claims about others is kept apart",
            sent: "GET / HTTP/1.1\nhost: a.example\nx-forwarded-for: 1.2.3.4\nx-request-id: fixed-1\n\n",
            upstream: "GET / HTTP/1.1\nhost: a.example\nx-forwarded-for: 127.0.0.1\nx-forwarded-host: a.example\n\
                       x-forwarded-port: PORT\nx-forwarded-proto: http\nx-forwarded-scheme: http\n\
                       x-original-forwarded-for: 1.2.3.4\nx-real-ip: 127.0.0.1\nx-request-id: fixed-1\nx-scheme: http\n\n",
            ..FORWARDED
        },
        Case {
            name: "aliases",
            sent: "GET / HTTP/1.1\nhost: a.example\nX_Real_IP: 1.2.3.4\nX_Forwarded_For: 1.2.3.4\nx_forwarded_proto: https\na_b: 1\n\n",
            ..PLAIN
        },
    ]);
}

#[test]
fn all_other_fields_pass_as_they_are() {
    run(&[
        Case {
            name: "values that repeat keep their order, bytes stay bytes",
            sent: "GET / HTTP/1.1\nhost: a.example\nx-b: 2\nx-a: 1\nx-b: 1\nX-Latin: caf\u{e9}\nauthorization: Bearer x\naccept-encoding: gzip\n\
                   user-agent: u\nreferer: r\nrange: bytes=0-1\n\n",
            upstream: "GET / HTTP/1.1\naccept-encoding: gzip\nauthorization: Bearer x\nhost: a.example\nrange: bytes=0-1\nreferer: r\n\
                       user-agent: u\nx-a: 1\nx-b: 2\nx-b: 1\nx-latin: caf\u{e9}\n{ours}\n\n",
            ..FORWARDED
        },
        Case {
            name: "cookies are one field",
            sent: "GET / HTTP/1.1\nhost: a.example\ncookie: a=1\ncookie: b=2\n\n",
            upstream: "GET / HTTP/1.1\ncookie: a=1; b=2\nhost: a.example\n{ours}\n\n",
            ..FORWARDED
        },
        Case {
            name: "an endpoint's Server and Date are kept",
            sent: "GET / HTTP/1.1\nhost: a.example\n\n",
            answer: "HTTP/1.1 200 Fine\ndate: Sun, 06 Nov 1994 08:49:37 GMT\nserver: x\nset-cookie: a=1\nset-cookie: b=2\nvia: 1.1 y\ncontent-length: 2\n\nok",
            reply: "HTTP/1.1 200 Fine\ndate: DATE\nserver: x\nset-cookie: a=1\nset-cookie: b=2\nvia: 1.1 y\ncontent-length: 2\n\nok",
            ..PLAIN
        },
    ]);
}
