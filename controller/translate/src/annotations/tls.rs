//! Annotations about TLS on either side of the proxy.
//!
//! Those that demand a certificate of somebody close their routes until they are offered.

use super::table::{
    Annotation, Consequence, Effect, Group, Holds, Refusal, UNSET, if_false, if_off, never,
};

const NO_CLIENT_CERTIFICATES: Refusal = Refusal {
    why: "Client certificates are not offered yet, and without them the routes would be open.",
    instead: "Authenticate in the application, and remove the annotation.",
    consequence: Consequence::Closes,
    harmless: never,
};

const NO_CLIENT_TUNING: Refusal = Refusal {
    why: "Client certificates are not offered yet, so there is nothing to tune.",
    instead: "Remove it.",
    consequence: Consequence::Warns,
    harmless: never,
};

const NO_BACKEND_CERTIFICATES: Refusal = Refusal {
    why: "Certificates of backends are not checked yet, and none is shown to them.",
    instead: "Use backends in the cluster's own network, and remove the annotation.",
    consequence: Consequence::Closes,
    harmless: never,
};

const NO_BACKEND_TUNING: Refusal = Refusal {
    why: "It is not offered yet.",
    instead: "Remove it.",
    consequence: Consequence::Warns,
    harmless: never,
};

pub(super) const GROUP: Group = Group {
    title: "TLS",
    annotations: &[
        Annotation {
            name: "auth-tls-error-page",
            value: "URL",
            example: "https://shop.example/denied",
            doc: "Where clients without one are sent.",
            effect: Effect::Refused(NO_CLIENT_TUNING),
            ..UNSET
        },
        Annotation {
            name: "auth-tls-match-cn",
            value: "CN=REGEX",
            example: "CN=shop",
            doc: "Which names are let in.",
            effect: Effect::Refused(NO_CLIENT_CERTIFICATES),
            ..UNSET
        },
        Annotation {
            name: "auth-tls-pass-certificate-to-upstream",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Shows the certificate to backends.",
            effect: Effect::Refused(Refusal {
                harmless: if_false,
                ..NO_CLIENT_CERTIFICATES
            }),
            ..UNSET
        },
        Annotation {
            name: "auth-tls-secret",
            value: "NAMESPACE/SECRET",
            example: "shop/clients",
            doc: "Asks clients for a certificate of this authority.",
            holds: Holds::Object,
            effect: Effect::Refused(NO_CLIENT_CERTIFICATES),
            ..UNSET
        },
        Annotation {
            name: "auth-tls-verify-client",
            value: "on, off, optional or optional_no_ca",
            default: "on",
            example: "on",
            doc: "Whether the certificate must be shown.",
            effect: Effect::Refused(Refusal {
                harmless: if_off,
                ..NO_CLIENT_CERTIFICATES
            }),
            ..UNSET
        },
        Annotation {
            name: "auth-tls-verify-depth",
            value: "NUMBER",
            default: "1",
            example: "2",
            doc: "How long a chain may be.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "1",
                ..NO_CLIENT_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "proxy-ssl-ciphers",
            value: "CIPHERS",
            default: "DEFAULT",
            example: "HIGH:!aNULL",
            doc: "The cipher suites.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "DEFAULT",
                ..NO_BACKEND_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "proxy-ssl-name",
            value: "NAME",
            example: "internal.shop.example",
            doc: "The name that they must have.",
            effect: Effect::Refused(NO_BACKEND_TUNING),
            ..UNSET
        },
        Annotation {
            name: "proxy-ssl-protocols",
            value: "VERSIONS",
            example: "TLSv1.3",
            doc: "The versions of TLS.",
            effect: Effect::Refused(Refusal {
                harmless: |v| matches!(v, "TLSv1.2" | "TLSv1.2 TLSv1.3"),
                ..NO_BACKEND_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "proxy-ssl-secret",
            value: "NAMESPACE/SECRET",
            example: "shop/proxy",
            doc: "Shows this certificate to backends, and trusts this authority.",
            holds: Holds::Object,
            effect: Effect::Refused(NO_BACKEND_CERTIFICATES),
            ..UNSET
        },
        Annotation {
            name: "proxy-ssl-server-name",
            value: "on or off",
            default: "off",
            example: "on",
            doc: "Sends that name as SNI.",
            effect: Effect::Refused(Refusal {
                harmless: if_off,
                ..NO_BACKEND_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "proxy-ssl-verify",
            value: "on or off",
            default: "off",
            example: "on",
            doc: "Checks the certificates of backends.",
            effect: Effect::Refused(Refusal {
                harmless: if_off,
                ..NO_BACKEND_CERTIFICATES
            }),
            ..UNSET
        },
        Annotation {
            name: "proxy-ssl-verify-depth",
            value: "NUMBER",
            default: "1",
            example: "2",
            doc: "How long their chains may be.",
            effect: Effect::Refused(Refusal {
                harmless: |v| v == "1",
                ..NO_BACKEND_TUNING
            }),
            ..UNSET
        },
        Annotation {
            name: "ssl-ciphers",
            value: "CIPHERS",
            example: "ECDHE-RSA-AES128-GCM-SHA256",
            doc: "The cipher suites of TLS 1.2.",
            effect: Effect::Refused(Refusal {
                why: "The suites are those that rustls holds to be safe.",
                instead: "Remove it.",
                consequence: Consequence::Warns,
                harmless: never,
            }),
            ..UNSET
        },
        Annotation {
            name: "ssl-passthrough",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Passes TLS connections on to the backend unopened.",
            effect: Effect::Refused(Refusal {
                why: "Connections cannot be passed on unopened yet, and opening them would show the proxy what it must not see.",
                instead: "Let the proxy end TLS with a Secret and use `backend-protocol: HTTPS`, and remove the annotation.",
                consequence: Consequence::Closes,
                harmless: if_false,
            }),
            ..UNSET
        },
        Annotation {
            name: "ssl-prefer-server-ciphers",
            value: "BOOL",
            example: "true",
            doc: "Whether the proxy's order of suites counts.",
            effect: Effect::Refused(Refusal {
                why: "All suites on offer are safe, so clients may choose.",
                instead: "Remove it.",
                consequence: Consequence::Warns,
                harmless: if_false,
            }),
            ..UNSET
        },
    ],
};
