//! Annotations that keep a client with its endpoint by a cookie.

use super::table::{Annotation, Consequence, Effect, Group, OnError, Refusal, UNSET, put};
use super::{cookie, value};

pub(super) const GROUP: Group = Group {
    title: "Session affinity",
    annotations: &[
        Annotation {
            name: "affinity",
            value: "cookie",
            example: "cookie",
            doc: "Keeps clients with their endpoint by a cookie.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| {
                    s.affinity.by_cookie = cookie::affinity(v)?;
                    Ok(())
                },
            },
            ..UNSET
        },
        Annotation {
            name: "affinity-canary-behavior",
            value: "sticky or legacy",
            default: "sticky",
            example: "legacy",
            doc: "Whether sessions stay with a canary.",
            effect: Effect::Refused(Refusal {
                why: "Canaries are not offered yet.",
                instead: "Remove it.",
                consequence: Consequence::Warns,
                harmless: |v| v == "sticky",
            }),
            ..UNSET
        },
        Annotation {
            name: "affinity-mode",
            value: "balanced or persistent",
            default: "balanced",
            example: "persistent",
            doc: "Whether some sessions move when endpoints are added (`balanced`) or none while its endpoint lives (`persistent`).",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.affinity.mode, cookie::affinity_mode(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "session-cookie-change-on-failure",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Gives a client another endpoint when its own failed.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.affinity.change_on_failure, value::boolean(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "session-cookie-conditional-samesite-none",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Leaves `SameSite=None` out for browsers that misread it.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| {
                    put(
                        &mut s.affinity.conditional_same_site_none,
                        value::boolean(v),
                    )
                },
            },
            ..UNSET
        },
        Annotation {
            name: "session-cookie-domain",
            value: "NAME",
            example: "shop.example.com",
            doc: "The domain of the cookie.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.affinity.domain, cookie::domain(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "session-cookie-expires",
            value: "SECONDS",
            example: "172800",
            doc: "When the cookie expires, as a date.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.affinity.expires, value::number(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "session-cookie-max-age",
            value: "SECONDS",
            example: "172800",
            doc: "When the cookie expires, as an age.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.affinity.max_age, value::number(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "session-cookie-name",
            value: "NAME",
            default: "INGRESSCOOKIE",
            example: "route",
            doc: "The name of the cookie.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.affinity.name, cookie::name(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "session-cookie-path",
            value: "PATH",
            example: "/shop",
            doc: "The path of the cookie. It must be set where paths are regular expressions; otherwise it is the rule's path.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.affinity.path, cookie::path(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "session-cookie-samesite",
            value: "None, Lax or Strict",
            example: "Lax",
            doc: "The cookie's `SameSite`.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.affinity.same_site, cookie::same_site(v)),
            },
            ..UNSET
        },
        Annotation {
            name: "session-cookie-secure",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Sends the cookie as `Secure` over plain HTTP too; over TLS it always is.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.affinity.secure, value::boolean(v)),
            },
            ..UNSET
        },
    ],
};
