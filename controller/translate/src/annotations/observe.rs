//! Annotations about logs and traces.

use super::table::{Annotation, Consequence, Effect, Group, Refusal, UNSET, if_false, if_true};

const NO_TRACES: Refusal = Refusal {
    why: "Traces are not offered yet.",
    instead: "Remove it.",
    consequence: Consequence::Warns,
    harmless: if_false,
};

pub(super) const GROUP: Group = Group {
    title: "Logs and traces",
    annotations: &[
        Annotation {
            name: "enable-access-log",
            value: "BOOL",
            default: "true",
            example: "false",
            doc: "Whether requests are logged.",
            effect: Effect::Refused(Refusal {
                why: "The access log is switched for the whole proxy.",
                instead: "Use `--access-log off`, or filter the log by Ingress.",
                consequence: Consequence::Warns,
                harmless: if_true,
            }),
            ..UNSET
        },
        Annotation {
            name: "enable-opentelemetry",
            value: "BOOL",
            example: "true",
            doc: "Traces requests.",
            effect: Effect::Refused(NO_TRACES),
            ..UNSET
        },
        Annotation {
            name: "enable-rewrite-log",
            value: "BOOL",
            example: "true",
            doc: "There is no log of rewrites; the access log has both paths.",
            effect: Effect::Hint,
            ..UNSET
        },
        Annotation {
            name: "opentelemetry-operation-name",
            value: "TEXT",
            example: "shop",
            doc: "The name of the span.",
            effect: Effect::Refused(NO_TRACES),
            ..UNSET
        },
        Annotation {
            name: "opentelemetry-trust-incoming-span",
            value: "BOOL",
            example: "true",
            doc: "Continues the client's trace.",
            effect: Effect::Refused(NO_TRACES),
            ..UNSET
        },
    ],
};
