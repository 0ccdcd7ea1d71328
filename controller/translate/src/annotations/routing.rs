//! Annotations about which requests go where: paths, rewrites, redirects and errors.

use super::table::{
    Annotation, Consequence, Effect, Group, Holds, OnError, Refusal, UNSET, if_false, never, put,
};
use super::value;

pub(super) const GROUP: Group = Group {
    title: "Routing, rewrites and redirects",
    annotations: &[
        Annotation {
            name: "app-root",
            value: "PATH",
            example: "/app",
            doc: "Redirects requests for exactly `/` to this path with 302.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.app_root, value::path(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "connection-proxy-header",
            value: "keep-alive or close",
            example: "close",
            doc: "The `Connection` field sent to backends.",
            effect: Effect::Refused(Refusal {
                why: "`Connection` belongs to the proxy's own connection to the backend.",
                instead: "Remove it: connections are kept, and closed when idle.",
                consequence: Consequence::Warns,
                harmless: |v| v == "keep-alive",
            }),
            ..UNSET
        },
        Annotation {
            name: "custom-headers",
            value: "NAMESPACE/CONFIGMAP",
            example: "shop/headers",
            doc: "Adds the fields of a ConfigMap to responses.",
            holds: Holds::Object,
            effect: Effect::Refused(Refusal {
                why: "It is not offered yet.",
                instead: "Let the application send these fields.",
                consequence: Consequence::Warns,
                harmless: never,
            }),
            ..UNSET
        },
        Annotation {
            name: "custom-http-errors",
            value: "STATUSES",
            example: "404,503",
            doc: "Serves errors from the default backend.",
            effect: Effect::Refused(Refusal {
                why: "It is not offered yet.",
                instead: "Let the application answer its own errors.",
                consequence: Consequence::Warns,
                harmless: never,
            }),
            ..UNSET
        },
        Annotation {
            name: "default-backend",
            value: "SERVICE",
            example: "fallback",
            doc: "Answers, on its first port, when the Service of a rule does not exist or has no endpoints.",
            holds: Holds::Object,
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.default_backend, value::service_name(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "disable-proxy-intercept-errors",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Takes responses of backends out of `custom-http-errors`.",
            effect: Effect::Refused(Refusal {
                why: "`custom-http-errors` is not offered yet.",
                instead: "Remove it.",
                consequence: Consequence::Warns,
                harmless: if_false,
            }),
            ..UNSET
        },
        Annotation {
            name: "force-ssl-redirect",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Redirects plain requests to https with 308 though the host has no TLS here, for example behind a load balancer that ends TLS.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.redirect.force_ssl, value::boolean(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "from-to-www-redirect",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Redirects `www.` and the name without it to the one that the rule has, with 308, unless the other is a host of its own.",
            holds: Holds::Www,
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.from_to_www, value::boolean(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "http2-push-preload",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "HTTP/2 push for preloaded resources.",
            effect: Effect::Refused(Refusal {
                why: "Browsers have removed HTTP/2 push.",
                instead: "Remove it: the `Link` field reaches browsers as it is.",
                consequence: Consequence::Warns,
                harmless: if_false,
            }),
            ..UNSET
        },
        Annotation {
            name: "permanent-redirect",
            value: "URL",
            example: "https://www.example.com/",
            doc: "Redirects every request of the Ingress to this URL, before anything is checked. `$scheme`, `$host`, `$request_uri`, `$uri` and `$args` stand for parts of the request; otherwise it is sent as it stands.",
            effect: Effect::Set {
                on_error: OnError::Refuse,
                set: |v, s| put(&mut s.redirect.permanent, value::url(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "permanent-redirect-code",
            value: "300 to 308",
            default: "301",
            example: "308",
            doc: "The status of `permanent-redirect`.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.redirect.permanent_code, value::status(v, 308, 301)),
            },
            ..UNSET
        },
        Annotation {
            name: "preserve-trailing-slash",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Keeps a trailing slash of the path in the redirect to https, which strips one otherwise.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.redirect.keep_trailing_slash, value::boolean(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "relative-redirects",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Redirects without scheme and host.",
            effect: Effect::Refused(Refusal {
                why: "It is not offered yet; redirects are absolute.",
                instead: "Remove it: browsers follow both.",
                consequence: Consequence::Warns,
                harmless: if_false,
            }),
            ..UNSET
        },
        Annotation {
            name: "rewrite-target",
            value: "PATH or URL",
            example: "/$2",
            doc: "Replaces the path before the request is forwarded; `$1` to `$9` are the groups of the rule's path. A URL redirects there with 302 instead. ImplementationSpecific paths are regular expressions then, and so are Prefix paths with characters of one. In the nginx profile every path of the host becomes a regular expression, in all Ingresses of that profile, as with ingress-nginx.",
            effect: Effect::Set {
                on_error: OnError::Refuse,
                set: |v, s| put(&mut s.rewrite, value::rewrite(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "server-alias",
            value: "NAMES",
            example: "www.shop.example.com,shop.example.org",
            doc: "Serves the first host of the Ingress under these names as well, separated by commas; at most 100, and fewer when the Ingress has more than 200 paths. A name that is the host of a rule stays with that rule. Regular expressions (`~…`) are not offered.",
            holds: Holds::Hosts,
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| {
                    let (aliases, bad) = value::aliases(v);
                    s.aliases = aliases;
                    bad
                },
            },
            ..UNSET
        },
        Annotation {
            name: "ssl-redirect",
            value: "BOOL",
            default: "true",
            example: "false",
            doc: "Redirects plain requests to https with 308 when the host has TLS in some Ingress. ACME challenges are not redirected.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.redirect.ssl, value::boolean(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "temporal-redirect",
            value: "URL",
            example: "https://maintenance.example.com/",
            doc: "As `permanent-redirect`, but with 302; it wins over that one.",
            effect: Effect::Set {
                on_error: OnError::Refuse,
                set: |v, s| put(&mut s.redirect.temporal, value::url(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "temporal-redirect-code",
            value: "300 to 307",
            default: "302",
            example: "307",
            doc: "The status of `temporal-redirect`.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.redirect.temporal_code, value::status(v, 307, 302)),
            },
            ..UNSET
        },
        Annotation {
            name: "upstream-vhost",
            value: "HOST",
            example: "internal.shop.example",
            doc: "Sends this `Host` to the backends instead of the client's.",
            effect: Effect::Set {
                on_error: OnError::Refuse,
                set: |v, s| put(&mut s.upstream_vhost, value::authority(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "use-port-in-redirects",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Adds the listener's port to redirects.",
            effect: Effect::Refused(Refusal {
                why: "The port that clients see is not the listener's.",
                instead: "Remove it: redirects keep the port that was asked for.",
                consequence: Consequence::Warns,
                harmless: if_false,
            }),
            ..UNSET
        },
        Annotation {
            name: "use-regex",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Takes ImplementationSpecific and Prefix paths of the Ingress as regular expressions, anchored at the start. In the nginx profile this holds for every path of the host, Exact included, in all Ingresses of that profile, and case does not matter.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.use_regex, value::boolean(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "x-forwarded-prefix",
            value: "TEXT",
            example: "/shop",
            doc: "Sends `X-Forwarded-Prefix` to the backends.",
            effect: Effect::Refused(Refusal {
                why: "It is not offered yet.",
                instead: "Let the application be told its prefix by its own configuration.",
                consequence: Consequence::Warns,
                harmless: never,
            }),
            ..UNSET
        },
    ],
};
