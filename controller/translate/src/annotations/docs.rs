//! `docs/annotations.md`, made from the table.

use std::fmt::Write as _;

use super::policies::POLICIES;
use super::table::{ANNOTATIONS, Annotation, Consequence, Effect, OnError, Refusal};
use super::{NGINX_PREFIX, OWN_PREFIX};

/// The text of `docs/annotations.md`.
pub fn docs() -> String {
    let mut text = format!(
        "# Annotations\n\n\
         <!-- Made from controller/translate/src/annotations; rewrite it with `UPDATE=1 cargo test -p portreeve-translate`. -->\n\n\
         Every annotation is read under `{OWN_PREFIX}` and, where nothing else is said, under `{NGINX_PREFIX}`.\n\
         Where both are given, `{OWN_PREFIX}` wins.\n\
         Values are texts, so numbers and booleans stand in quotes; an empty value counts as none.\n\
         Booleans are `true` and `false`, also as `1`, `t`, `T`, `TRUE`, `True` and `0`, `f`, `F`, `FALSE`, `False`.\n\
         A bad value either keeps the default, with a warning, or closes the routes of its Ingress, which then answer 503; each annotation says which.\n\
         An annotation that is not offered says what happens to an Ingress that has it.\n\n\
         In the nginx profile, which is that of classes whose controller is `k8s.io/ingress-nginx`, an Ingress is read by ingress-nginx's letter.\n\
         One expression or rewrite then makes an expression of every path of its host, the `Server` field of responses is removed, and `/foo` is redirected to an Exact `/foo/`.\n\
         In the standard profile it is read by the Ingress API's letter.\n\n\
         `{OWN_PREFIX}weight` is the one annotation of EndpointSlices: a number from 0 to 65535 that weighs all endpoints of the slice against those of other slices; without it the weight is 1.\n",
    );
    for group in ANNOTATIONS {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## {}\n", group.title);
        for annotation in group.annotations {
            describe(&mut text, annotation);
        }
    }
    text
}

fn describe(text: &mut String, annotation: &Annotation) {
    let Annotation {
        name,
        alias,
        value,
        default,
        example,
        doc,
        holds,
        is_own,
        effect,
    } = annotation;
    let alias = alias
        .map(|alias| format!(" (or `{alias}`)"))
        .unwrap_or_default();
    let _ = write!(text, "\n### `{name}`{alias}\n\n{}\n", sentences(doc));
    let _ = write!(text, "\n- Value: {value}");
    if !default.is_empty() {
        let _ = write!(text, "; without it `{default}`");
    }
    let _ = write!(
        text,
        "\n- Example: `{name}: {example:?}`\n- {}\n",
        fate(effect, default)
    );
    if *is_own {
        let _ = writeln!(text, "- Read under `{OWN_PREFIX}` alone.");
    }
    let guards = POLICIES.iter().filter(|policy| policy.guards(*holds));
    for policy in guards {
        let _ = writeln!(text, "- The policy `{}` {}.", policy.name, policy.refuses);
    }
}

fn fate(effect: &Effect, default: &str) -> String {
    match effect {
        Effect::Set { on_error, .. } => match on_error {
            OnError::Refuse => "A bad value closes the routes.".into(),
            OnError::Ignore if default.is_empty() => "A bad value counts as none.".into(),
            OnError::Ignore => "A bad value keeps the default.".into(),
        },
        Effect::Hint => "Accepted; there is nothing to do.".into(),
        Effect::Refused(Refusal {
            why,
            instead,
            consequence,
            ..
        }) => {
            let consequence = match consequence {
                Consequence::Warns => "it does nothing, with a warning",
                Consequence::Closes => "the routes of the Ingress answer 503",
                Consequence::LeavesOut => "the Ingress is left out",
            };
            format!("Not offered: {consequence}.\n  {why}\n  {instead}")
        }
    }
}

/// One sentence a line.
fn sentences(doc: &str) -> String {
    doc.replace(". ", ".\n")
}
