//! Annotations about backends: protocol, balancing, timeouts, retries and sizes.

use super::table::{
    Annotation, Consequence, Effect, Group, Holds, OnError, Refusal, UNSET, if_false, if_off,
    never, put,
};
use super::value;

const NOT_REWRITTEN: Refusal = Refusal {
    why: "It is not offered yet.",
    instead: "Let the application send the value that clients need.",
    consequence: Consequence::Warns,
    harmless: if_off,
};

const NO_FASTCGI: Refusal = Refusal {
    why: "FastCGI is not offered.",
    instead: "Put an HTTP server before the application.",
    consequence: Consequence::Warns,
    harmless: never,
};

const NO_SUBSET: Refusal = Refusal {
    why: "Hashing to subsets is not offered.",
    instead: "Remove it: `upstream-hash-by` alone bounds the load of each endpoint.",
    consequence: Consequence::Warns,
    harmless: never,
};

pub(super) const GROUP: Group = Group {
    title: "Backends",
    annotations: &[
        Annotation {
            name: "backend-protocol",
            value: "HTTP, HTTPS, GRPC, GRPCS or AUTO_HTTP",
            default: "HTTP",
            example: "GRPC",
            doc: "The protocol spoken to the backends. GRPC is HTTP/2 without TLS, AUTO_HTTP is TLS when the client uses TLS. Without it, the `appProtocol` of the Service's port decides. FCGI is not offered, and its routes answer 503.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.upstream.protocol, value::protocol(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "client-body-buffer-size",
            value: "SIZE",
            example: "16k",
            doc: "Responses and requests are passed on as they come, without a buffer of this size.",
            effect: Effect::Hint,
            ..UNSET
        },
        Annotation {
            name: "fastcgi-index",
            value: "FILE",
            example: "index.php",
            doc: "The index file of a FastCGI backend.",
            effect: Effect::Refused(NO_FASTCGI),
            ..UNSET
        },
        Annotation {
            name: "fastcgi-params-configmap",
            value: "CONFIGMAP",
            example: "params",
            doc: "The parameters of a FastCGI backend.",
            holds: Holds::Object,
            effect: Effect::Refused(NO_FASTCGI),
            ..UNSET
        },
        Annotation {
            name: "load-balance",
            value: "POLICY",
            default: "round_robin",
            example: "ewma",
            doc: "How an endpoint is chosen: `round_robin` (`rr`, `wrr`), `ewma` (the faster of two), `lc` or `wlc` (least connections), `sed` (shortest expected delay), `nq` (an idle one first), `sh` (by client address), `dh` (by request URI). All respect weights.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.upstream.load_balance, value::policy(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "proxy-body-size",
            value: "SIZE",
            default: "1m",
            example: "8m",
            doc: "The largest request body, in bytes or with k, m or g; larger ones are answered 413. 0 sets no limit.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.upstream.body_size, value::size(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "proxy-buffer-size",
            value: "SIZE",
            example: "16k",
            doc: "The heads of responses have a limit of their own that does not need to be raised.",
            effect: Effect::Hint,
            ..UNSET
        },
        Annotation {
            name: "proxy-buffering",
            value: "on or off",
            example: "on",
            doc: "Responses are passed on as they come; a slow client slows its own response only.",
            effect: Effect::Hint,
            ..UNSET
        },
        Annotation {
            name: "proxy-buffers-number",
            value: "NUMBER",
            example: "8",
            doc: "Responses and requests are passed on as they come, without a buffer of this size.",
            effect: Effect::Hint,
            ..UNSET
        },
        Annotation {
            name: "proxy-busy-buffers-size",
            value: "SIZE",
            example: "16k",
            doc: "Responses and requests are passed on as they come, without a buffer of this size.",
            effect: Effect::Hint,
            ..UNSET
        },
        Annotation {
            name: "proxy-connect-timeout",
            value: "SECONDS",
            default: "5",
            example: "10",
            doc: "How long a connection to a backend may take, without a unit.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.upstream.connect_timeout, value::seconds(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "proxy-cookie-domain",
            value: "off or FROM TO",
            default: "off",
            example: "internal.example shop.example",
            doc: "Rewrites the domain of backends' cookies.",
            effect: Effect::Refused(NOT_REWRITTEN),
            ..UNSET
        },
        Annotation {
            name: "proxy-cookie-path",
            value: "off or FROM TO",
            default: "off",
            example: "/one/ /",
            doc: "Rewrites the path of backends' cookies.",
            effect: Effect::Refused(NOT_REWRITTEN),
            ..UNSET
        },
        Annotation {
            name: "proxy-http-version",
            value: "1.1 or 1.0",
            default: "1.1",
            example: "1.0",
            doc: "The version of HTTP spoken to backends.",
            effect: Effect::Refused(Refusal {
                why: "HTTP/1.0 is not offered.",
                instead: "Remove it: HTTP/1.1 is spoken, or HTTP/2 by `backend-protocol`.",
                consequence: Consequence::Warns,
                harmless: |v| v == "1.1",
            }),
            ..UNSET
        },
        Annotation {
            name: "proxy-max-temp-file-size",
            value: "SIZE",
            example: "0",
            doc: "Nothing is ever written to disk.",
            effect: Effect::Hint,
            ..UNSET
        },
        Annotation {
            name: "proxy-next-upstream",
            value: "FAILURES",
            default: "error timeout",
            example: "error timeout http_503",
            doc: "Which failures are tried again on another endpoint: `error`, `timeout`, `invalid_header`, `http_500`, `http_502`, `http_503`, `http_504`, `http_403`, `http_404`, `http_429`, `non_idempotent` (POST, LOCK and PATCH too) or `off`, separated by spaces.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.upstream.retry_on, value::retry_on(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "proxy-next-upstream-timeout",
            value: "SECONDS",
            default: "0",
            example: "10",
            doc: "How long further tries may take in total.",
            effect: Effect::Refused(Refusal {
                why: "It is not offered yet.",
                instead: "Use `proxy-next-upstream-tries`.",
                consequence: Consequence::Warns,
                harmless: |v| v == "0",
            }),
            ..UNSET
        },
        Annotation {
            name: "proxy-next-upstream-tries",
            value: "NUMBER",
            default: "3",
            example: "5",
            doc: "How often a request is tried in total; 0 sets no limit but the number of endpoints.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.upstream.tries, value::number(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "proxy-read-timeout",
            value: "SECONDS",
            default: "60",
            example: "3600",
            doc: "How long a backend may be silent; also how long a WebSocket may be.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.upstream.read_timeout, value::seconds(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "proxy-redirect-from",
            value: "off, default or TEXT",
            default: "off",
            example: "http://internal.example/",
            doc: "Rewrites the beginning of backends' redirects.",
            effect: Effect::Refused(NOT_REWRITTEN),
            ..UNSET
        },
        Annotation {
            name: "proxy-redirect-to",
            value: "TEXT",
            default: "off",
            example: "https://shop.example/",
            doc: "What that beginning becomes.",
            effect: Effect::Refused(NOT_REWRITTEN),
            ..UNSET
        },
        Annotation {
            name: "proxy-request-buffering",
            value: "on or off",
            default: "off",
            example: "on",
            doc: "Reads a request whole before a backend sees it.",
            effect: Effect::Refused(Refusal {
                why: "Requests are passed on as they come.",
                instead: "Remove it: slow clients are held by timeouts, not by backends' threads.",
                consequence: Consequence::Warns,
                harmless: if_off,
            }),
            ..UNSET
        },
        Annotation {
            name: "proxy-send-timeout",
            value: "SECONDS",
            default: "60",
            example: "120",
            doc: "How long a backend may take between two reads of the request.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.upstream.send_timeout, value::seconds(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "service-upstream",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Sends requests to the Service's cluster IP and leaves the choice of the endpoint to the cluster.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.upstream.by_service, value::boolean(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "upstream-hash-by",
            value: "TEXT",
            example: "$request_uri",
            doc: "Requests with the same text go to the same endpoint, within bounds of load. The text may hold `$request_uri`, `$uri`, `$args`, `$host`, `$remote_addr`, `$http_NAME`, `$cookie_NAME` and `$arg_NAME`. It wins over `load-balance`, and a cookie's affinity wins over it.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.upstream.hash_by, value::hash_key(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "upstream-hash-by-subset",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Hashes to a subset of endpoints and draws one of it.",
            effect: Effect::Refused(Refusal {
                harmless: if_false,
                ..NO_SUBSET
            }),
            ..UNSET
        },
        Annotation {
            name: "upstream-hash-by-subset-size",
            value: "NUMBER",
            example: "3",
            doc: "The size of these subsets.",
            effect: Effect::Refused(NO_SUBSET),
            ..UNSET
        },
    ],
};
