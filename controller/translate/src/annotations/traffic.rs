//! Annotations that divide or copy traffic.

use super::table::{Annotation, Consequence, Effect, Group, Refusal, UNSET, if_false, never};

const NO_CANARY: Refusal = Refusal {
    why: "Canaries are not offered yet.",
    instead: "Remove the Ingress, or the annotation from it.",
    consequence: Consequence::Warns,
    harmless: never,
};

const NO_MIRROR: Refusal = Refusal {
    why: "Mirrors are not offered yet.",
    instead: "Remove it.",
    consequence: Consequence::Warns,
    harmless: never,
};

pub(super) const GROUP: Group = Group {
    title: "Canaries and mirrors",
    annotations: &[
        Annotation {
            name: "canary",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Takes a share of another Ingress' requests.",
            effect: Effect::Refused(Refusal {
                why: "Canaries are not offered yet, and as an ordinary Ingress this one would take requests from the one that it is the canary of.",
                instead: "Remove the Ingress until canaries are offered.",
                consequence: Consequence::LeavesOut,
                harmless: if_false,
            }),
            ..UNSET
        },
        Annotation {
            name: "canary-by-cookie",
            value: "NAME",
            example: "canary",
            doc: "By a cookie.",
            effect: Effect::Refused(NO_CANARY),
            ..UNSET
        },
        Annotation {
            name: "canary-by-header",
            value: "FIELD",
            example: "X-Canary",
            doc: "By a header field.",
            effect: Effect::Refused(NO_CANARY),
            ..UNSET
        },
        Annotation {
            name: "canary-by-header-pattern",
            value: "REGEX",
            example: "beta|alpha",
            doc: "By a pattern of its value.",
            effect: Effect::Refused(NO_CANARY),
            ..UNSET
        },
        Annotation {
            name: "canary-by-header-value",
            value: "TEXT",
            example: "beta",
            doc: "By its value.",
            effect: Effect::Refused(NO_CANARY),
            ..UNSET
        },
        Annotation {
            name: "canary-weight",
            value: "NUMBER",
            default: "0",
            example: "10",
            doc: "By chance.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "0",
                ..NO_CANARY
            }),
            ..UNSET
        },
        Annotation {
            name: "canary-weight-total",
            value: "NUMBER",
            default: "100",
            example: "1000",
            doc: "Of how many.",
            effect: Effect::Refused(NO_CANARY),
            ..UNSET
        },
        Annotation {
            name: "mirror-host",
            value: "HOST",
            example: "mirror.example",
            doc: "The copy's `Host`.",
            effect: Effect::Refused(NO_MIRROR),
            ..UNSET
        },
        Annotation {
            name: "mirror-request-body",
            value: "on or off",
            default: "on",
            example: "off",
            doc: "Whether the copy has a body.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "on",
                ..NO_MIRROR
            }),
            ..UNSET
        },
        Annotation {
            name: "mirror-target",
            value: "URL",
            example: "https://mirror.example$request_uri",
            doc: "Sends a copy of each request.",
            effect: Effect::Refused(NO_MIRROR),
            ..UNSET
        },
    ],
};
