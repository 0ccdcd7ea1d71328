//! A verdict to the answer that the API server understands (admission.k8s.io/v1).

use kube::core::admission::AdmissionResponse;
use kube::core::response::{Status, StatusCause, StatusDetails, StatusSummary, reason};
use portreeve_translate::{Diagnostic, Kind, NOTE};

use crate::request::{Request, Resource};
use crate::verdict::{Verdict, WARNING};

/// How many findings are told of one object: people read the first ones.
const FINDINGS: usize = 20;

/// The answer, as JSON.
pub(crate) fn json(request: &Request<'_>, verdict: &Verdict) -> Vec<u8> {
    let mut response = AdmissionResponse::invalid("");
    response.uid = request.uid.clone().into_owned();
    response.allowed = verdict.is_allowed();
    response.result = status(request, verdict);
    let warnings = warnings(verdict);
    response.warnings = (!warnings.is_empty()).then_some(warnings);
    // What it is made of are texts and numbers.
    serde_json::to_vec(&response.into_review()).unwrap_or_default()
}

fn status(request: &Request<'_>, verdict: &Verdict) -> Status {
    match verdict {
        Verdict::Mismatched(why) => Status::failure(why, reason::BAD_REQUEST).with_code(400),
        Verdict::Reviewed { errors, .. } if !errors.is_empty() => invalid(request, errors),
        _ => Status {
            status: Some(StatusSummary::Success),
            code: 200,
            ..Status::default()
        },
    }
}

/// What is wrong, once for people and once field by field.
fn invalid(request: &Request<'_>, errors: &[Diagnostic]) -> Status {
    let told = errors.iter().take(FINDINGS);
    let mut notes: Vec<_> = told.clone().map(Diagnostic::note).collect();
    if let Some(more) = errors.len().checked_sub(FINDINGS).filter(|more| *more > 0) {
        notes.push(format!("… and {more} more."));
    }
    let cause = |found: &Diagnostic| StatusCause {
        reason: found.code.to_string(),
        message: found.text(NOTE),
        field: found.field.clone(),
    };
    let kind = match request.resource {
        Resource::Ingress | Resource::Other => Kind::Ingress,
        Resource::IngressClass => Kind::IngressClass,
        Resource::ConfigMap => Kind::ConfigMap,
    };
    let group = kind.api_version().split_once('/');
    let details = StatusDetails {
        name: request.name.clone().into_owned(),
        group: group.map_or("", |(group, _)| group).into(),
        kind: kind.as_str().into(),
        uid: String::new(),
        causes: told.map(cause).collect(),
        retry_after_seconds: 0,
    };
    let status = Status::failure(&notes.join("\n"), reason::INVALID);
    status.with_code(422).with_details(details)
}

/// Everything that is to be told beside the verdict, in pieces that are short enough.
fn warnings(verdict: &Verdict) -> Vec<String> {
    let mut lines = match verdict {
        Verdict::Unknown(why) => wrap(why),
        _ => Vec::new(),
    };
    for (told, found) in verdict.warnings().enumerate() {
        if told == FINDINGS {
            let more = verdict.warnings().count() - told;
            lines.push(format!("… and {more} more."));
            break;
        }
        lines.extend(wrap(&format!("{}: {}", found.code, found.note())));
    }
    lines
}

/// A text in lines that are no longer than a warning may be, broken where there is a space.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while rest.len() > WARNING {
        let end = rest.floor_char_boundary(WARNING);
        let (begin, _) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let end = begin.rfind(' ').filter(|at| *at > 0).unwrap_or(begin.len());
        let (line, next) = rest.split_at_checked(end).unwrap_or((rest, ""));
        lines.push(line.trim_end().to_string());
        rest = next.trim_start();
    }
    if !rest.is_empty() {
        lines.push(rest.to_string());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_warning_is_told_in_short_lines_and_whole() {
        let text = format!("{} {}", "a sentence of words ".repeat(20), "ö".repeat(200));
        let lines = wrap(&text);
        assert!(lines.iter().all(|line| line.len() <= WARNING));
        let words = |text: &str| text.replace(' ', "");
        assert_eq!(words(&lines.concat()), words(&text));
        assert_eq!(wrap(""), Vec::<String>::new());
    }
}
