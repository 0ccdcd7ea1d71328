//! Annotations that say who may ask for what, and how often.
//!
//! What is not offered of these closes its routes: they must never be served less protected than
//! asked.

use super::table::{
    Annotation, Consequence, Effect, Group, Holds, OnError, Refusal, UNSET, if_false, never, put,
};
use super::value;

const NO_LIMITS: Refusal = Refusal {
    why: "Rate limits are not offered yet, and without them the routes would be less protected than asked.",
    instead: "Limit in the application, or remove the annotation when the limit is not needed.",
    consequence: Consequence::Closes,
    harmless: |v| v == "0",
};

const NO_BANDWIDTH: Refusal = Refusal {
    why: "Limits of bandwidth are not offered.",
    instead: "Remove it.",
    consequence: Consequence::Warns,
    harmless: |v| v == "0",
};

const NO_WAF: Refusal = Refusal {
    why: "A web application firewall is not part of the proxy.",
    instead: "Put one before the proxy or behind it, and remove the annotation.",
    consequence: Consequence::Closes,
    harmless: if_false,
};

const NO_CORS: Refusal = Refusal {
    why: "CORS is not offered yet; without it browsers refuse pages of other sites.",
    instead: "Let the application answer preflight requests.",
    consequence: Consequence::Warns,
    harmless: never,
};

const NO_SNIPPETS: Refusal = Refusal {
    why: "Raw nginx configuration cannot be translated, and it may hold access rules.",
    instead: "Use the annotations for what the snippet does, and remove it.",
    consequence: Consequence::Closes,
    harmless: never,
};

pub(super) const GROUP: Group = Group {
    title: "Access",
    annotations: &[
        Annotation {
            name: "auth-snippet",
            value: "NGINX",
            example: "proxy_set_header X-User $user;",
            doc: "Raw nginx configuration of authentication.",
            holds: Holds::Configuration,
            effect: Effect::Refused(NO_SNIPPETS),
            ..UNSET
        },
        Annotation {
            name: "configuration-snippet",
            value: "NGINX",
            example: "deny all;",
            doc: "Raw nginx configuration of a location.",
            holds: Holds::Configuration,
            effect: Effect::Refused(NO_SNIPPETS),
            ..UNSET
        },
        Annotation {
            name: "cors-allow-credentials",
            value: "BOOL",
            default: "true",
            example: "true",
            doc: "Whether cookies may be sent.",
            effect: Effect::Refused(Refusal {
                harmless: if_false,
                ..NO_CORS
            }),
            ..UNSET
        },
        Annotation {
            name: "cors-allow-headers",
            value: "FIELDS",
            example: "Authorization",
            doc: "The request fields.",
            effect: Effect::Refused(NO_CORS),
            ..UNSET
        },
        Annotation {
            name: "cors-allow-methods",
            value: "METHODS",
            example: "GET, PUT",
            doc: "The methods.",
            effect: Effect::Refused(NO_CORS),
            ..UNSET
        },
        Annotation {
            name: "cors-allow-origin",
            value: "ORIGINS",
            example: "https://shop.example",
            doc: "The origins.",
            effect: Effect::Refused(NO_CORS),
            ..UNSET
        },
        Annotation {
            name: "cors-expose-headers",
            value: "FIELDS",
            example: "X-Total",
            doc: "The response fields that pages may read.",
            effect: Effect::Refused(NO_CORS),
            ..UNSET
        },
        Annotation {
            name: "cors-max-age",
            value: "SECONDS",
            example: "600",
            doc: "How long a preflight answer is kept.",
            effect: Effect::Refused(NO_CORS),
            ..UNSET
        },
        Annotation {
            name: "denylist-source-range",
            value: "RANGES",
            example: "203.0.113.0/24",
            doc: "Answers 403 to clients in these ranges; it is checked first.",
            effect: Effect::Set {
                on_error: OnError::Refuse,
                set: |v, s| put(&mut s.deny, value::ranges(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "enable-cors",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Answers preflight requests and allows other origins.",
            effect: Effect::Refused(Refusal {
                harmless: if_false,
                ..NO_CORS
            }),
            ..UNSET
        },
        Annotation {
            name: "enable-modsecurity",
            value: "BOOL",
            example: "true",
            doc: "Checks requests by ModSecurity.",
            effect: Effect::Refused(NO_WAF),
            ..UNSET
        },
        Annotation {
            name: "enable-owasp-core-rules",
            value: "BOOL",
            example: "true",
            doc: "Checks requests by the OWASP rules.",
            effect: Effect::Refused(NO_WAF),
            ..UNSET
        },
        Annotation {
            name: "limit-burst-multiplier",
            value: "NUMBER",
            default: "5",
            example: "3",
            doc: "How far a burst may exceed the rate.",
            effect: Effect::Refused(Refusal {
                why: "Rate limits are not offered yet.",
                instead: "Remove it.",
                consequence: Consequence::Warns,
                harmless: never,
            }),
            ..UNSET
        },
        Annotation {
            name: "limit-connections",
            value: "NUMBER",
            example: "20",
            doc: "Requests at a time and client.",
            effect: Effect::Refused(NO_LIMITS),
            ..UNSET
        },
        Annotation {
            name: "limit-rate",
            value: "KILOBYTES",
            example: "100",
            doc: "Kilobytes a second and response.",
            effect: Effect::Refused(NO_BANDWIDTH),
            ..UNSET
        },
        Annotation {
            name: "limit-rate-after",
            value: "KILOBYTES",
            example: "1000",
            doc: "Where `limit-rate` begins.",
            effect: Effect::Refused(NO_BANDWIDTH),
            ..UNSET
        },
        Annotation {
            name: "limit-rpm",
            value: "NUMBER",
            example: "300",
            doc: "Requests a minute and client.",
            effect: Effect::Refused(NO_LIMITS),
            ..UNSET
        },
        Annotation {
            name: "limit-rps",
            value: "NUMBER",
            example: "10",
            doc: "Requests a second and client.",
            effect: Effect::Refused(NO_LIMITS),
            ..UNSET
        },
        Annotation {
            name: "limit-whitelist",
            alias: Some("limit-allowlist"),
            value: "RANGES",
            example: "10.0.0.0/8",
            doc: "Clients without limits.",
            effect: Effect::Refused(Refusal {
                why: "Rate limits are not offered yet.",
                instead: "Remove it.",
                consequence: Consequence::Warns,
                harmless: never,
            }),
            ..UNSET
        },
        Annotation {
            name: "modsecurity-snippet",
            value: "RULES",
            example: "SecRuleEngine On",
            doc: "Rules of ModSecurity.",
            holds: Holds::Configuration,
            effect: Effect::Refused(Refusal {
                harmless: never,
                ..NO_WAF
            }),
            ..UNSET
        },
        Annotation {
            name: "modsecurity-transaction-id",
            value: "TEXT",
            example: "$request_id",
            doc: "The identity of a request in ModSecurity's log.",
            effect: Effect::Refused(Refusal {
                why: "A web application firewall is not part of the proxy.",
                instead: "Remove it.",
                consequence: Consequence::Warns,
                harmless: never,
            }),
            ..UNSET
        },
        Annotation {
            name: "server-snippet",
            value: "NGINX",
            example: "deny all;",
            doc: "Raw nginx configuration of a server.",
            holds: Holds::Configuration,
            effect: Effect::Refused(NO_SNIPPETS),
            ..UNSET
        },
        Annotation {
            name: "stream-snippet",
            value: "NGINX",
            example: "server { listen 8000; }",
            doc: "Raw nginx configuration of streams.",
            holds: Holds::Configuration,
            effect: Effect::Refused(NO_SNIPPETS),
            ..UNSET
        },
        Annotation {
            name: "whitelist-source-range",
            alias: Some("allowlist-source-range"),
            value: "RANGES",
            example: "10.0.0.0/8,192.0.2.7",
            doc: "Answers 403 to clients outside these ranges.",
            effect: Effect::Set {
                on_error: OnError::Refuse,
                set: |v, s| put(&mut s.allow, value::ranges(v)),
            },
            ..UNSET
        },
    ],
};
