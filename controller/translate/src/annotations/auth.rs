//! Annotations that ask who a client is.
//!
//! None is offered yet. Those that demand an answer close their routes; those that only tune the
//! asking warn, because the demand is written beside them.

use super::table::{
    Annotation, Consequence, Effect, Group, Holds, Refusal, UNSET, if_false, never,
};

const NO_AUTH: Refusal = Refusal {
    why: "Authentication is not offered yet, and without it the routes would be open.",
    instead: "Authenticate in the application or in a proxy before it, and remove the annotation.",
    consequence: Consequence::Closes,
    harmless: never,
};

const NO_TUNING: Refusal = Refusal {
    why: "Authentication is not offered yet, so there is nothing to tune.",
    instead: "Remove it.",
    consequence: Consequence::Warns,
    harmless: never,
};

pub(super) const GROUP: Group = Group {
    title: "Authentication",
    annotations: &[
        Annotation {
            name: "auth-always-set-cookie",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Sets the answer's cookies on errors too.",
            effect: Effect::Refused(Refusal {
                harmless: if_false,
                ..NO_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "auth-cache-duration",
            value: "TIMES",
            example: "200 5m",
            doc: "How long it is kept.",
            effect: Effect::Refused(NO_TUNING),
            ..UNSET
        },
        Annotation {
            name: "auth-cache-key",
            value: "TEXT",
            example: "$remote_user",
            doc: "What the answer is kept by.",
            effect: Effect::Refused(NO_TUNING),
            ..UNSET
        },
        Annotation {
            name: "auth-keepalive",
            value: "NUMBER",
            default: "0",
            example: "10",
            doc: "Connections kept to the URL.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "0",
                ..NO_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "auth-keepalive-requests",
            value: "NUMBER",
            default: "1000",
            example: "100",
            doc: "Questions a connection.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "1000",
                ..NO_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "auth-keepalive-share-vars",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Shares variables with the question.",
            effect: Effect::Refused(Refusal {
                harmless: if_false,
                ..NO_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "auth-keepalive-timeout",
            value: "SECONDS",
            default: "60",
            example: "10",
            doc: "How long these connections are kept.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "60",
                ..NO_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "auth-method",
            value: "METHOD",
            default: "GET",
            example: "POST",
            doc: "The method of the question.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "GET",
                ..NO_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "auth-proxy-set-headers",
            value: "NAMESPACE/CONFIGMAP",
            example: "shop/headers",
            doc: "More fields of the question.",
            holds: Holds::Object,
            effect: Effect::Refused(NO_TUNING),
            ..UNSET
        },
        Annotation {
            name: "auth-realm",
            value: "TEXT",
            example: "Shop",
            doc: "What the browser shows beside the question.",
            effect: Effect::Refused(NO_TUNING),
            ..UNSET
        },
        Annotation {
            name: "auth-request-redirect",
            value: "URL",
            example: "https://shop.example/",
            doc: "What `X-Auth-Request-Redirect` says.",
            effect: Effect::Refused(NO_TUNING),
            ..UNSET
        },
        Annotation {
            name: "auth-response-headers",
            value: "FIELDS",
            example: "X-User",
            doc: "Fields of the answer that backends see.",
            effect: Effect::Refused(NO_AUTH),
            ..UNSET
        },
        Annotation {
            name: "auth-secret",
            value: "SECRET",
            example: "users",
            doc: "The Secret with names and passwords.",
            holds: Holds::Object,
            effect: Effect::Refused(NO_AUTH),
            ..UNSET
        },
        Annotation {
            name: "auth-secret-type",
            value: "auth-file or auth-map",
            default: "auth-file",
            example: "auth-map",
            doc: "How that Secret is written.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "auth-file",
                ..NO_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "auth-signin",
            value: "URL",
            example: "https://login.example.com/",
            doc: "Where clients are sent that are not known.",
            effect: Effect::Refused(NO_AUTH),
            ..UNSET
        },
        Annotation {
            name: "auth-signin-redirect-param",
            value: "NAME",
            default: "rd",
            example: "return",
            doc: "The query parameter with the way back.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "rd",
                ..NO_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "auth-type",
            value: "basic or digest",
            example: "basic",
            doc: "Asks for a name and a password.",
            effect: Effect::Refused(NO_AUTH),
            ..UNSET
        },
        Annotation {
            name: "auth-url",
            value: "URL",
            example: "http://auth.shop.svc.cluster.local/check",
            doc: "Asks this URL about every request.",
            effect: Effect::Refused(NO_AUTH),
            ..UNSET
        },
        Annotation {
            name: "enable-global-auth",
            value: "BOOL",
            example: "false",
            doc: "There is no authentication for all Ingresses that one could be taken out of.",
            effect: Effect::Hint,
            ..UNSET
        },
        Annotation {
            name: "satisfy",
            value: "all or any",
            default: "all",
            example: "any",
            doc: "Whether one of several checks is enough.",
            effect: Effect::Refused(Refusal {
                why: "Every check must be passed.",
                instead: "Remove it, or keep only the check that is meant.",
                consequence: Consequence::Warns,
                harmless: |v| v == "all",
            }),
            ..UNSET
        },
    ],
};
