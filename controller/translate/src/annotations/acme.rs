//! Annotations about certificates that are ordered from an ACME authority.

use super::table::{Annotation, Effect, Group, OnError, UNSET, put};
use super::value;

const ACME: Annotation = Annotation {
    is_own: true,
    ..UNSET
};

pub(super) const GROUP: Group = Group {
    title: "Certificates by ACME",
    annotations: &[
        Annotation {
            name: "acme",
            value: "BOOL",
            default: "false",
            example: "true",
            doc: "Orders a certificate for the hosts of each entry of `spec.tls` from an ACME authority, puts it into the Secret that the entry names, and renews it. A Secret that is there already and has no annotation `portreeve.dev/acme-issuer` is left alone, and so is one that cert-manager is asked for.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.acme.wanted, value::boolean(v)),
            },
            ..ACME
        },
        Annotation {
            name: "acme-challenge",
            value: "http-01, tls-alpn-01 or any",
            example: "tls-alpn-01",
            doc: "How the authority may ask whether the hosts are ours. Without it, as `--acme-challenge` says.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.acme.challenge, value::challenge(v)),
            },
            ..ACME
        },
        Annotation {
            name: "acme-key-type",
            value: "ecdsa-p256, ecdsa-p384, rsa-2048 or rsa-4096",
            example: "rsa-2048",
            doc: "The kind of the certificate's key. Without it, as `--acme-key-type` says.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.acme.key_type, value::key_type(v)),
            },
            ..ACME
        },
        Annotation {
            name: "acme-profile",
            value: "NAME",
            example: "shortlived",
            doc: "The authority's profile, which decides how long the certificate lasts and what it may be for. Without it, as `--acme-profile` says.",
            effect: Effect::Set {
                on_error: OnError::Ignore,
                set: |v, s| put(&mut s.acme.profile, value::profile(v)),
            },
            ..ACME
        },
    ],
};
