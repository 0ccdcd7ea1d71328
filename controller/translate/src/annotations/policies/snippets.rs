//! Raw configuration of nginx: it cannot be translated, and who may write it could do anything.

use super::Policy;
use super::cel::{ANNOTATIONS, Variable, keys, list, text};
use crate::annotations::table::{Effect, Holds};

pub(super) const POLICY: Policy = Policy {
    name: "portreeve-snippets",
    path: "deploy/policies/snippets.yaml",
    refuses: "refuses Ingresses with raw configuration of nginx",
    holds: &[Holds::Configuration],
    variables,
    message: "variables.refused.map(it, 'metadata.annotations[' + it.key + ']: ' + it.why).join(' ')",
};

fn variables() -> Vec<Variable> {
    let known = keys(Holds::Configuration).filter_map(|(key, annotation)| {
        let Effect::Refused(refusal) = annotation.effect else {
            return None;
        };
        let why = text(&format!("{} {}", refusal.why, refusal.instead));
        Some(format!("{{'key': {}, 'why': {why}}}", text(&key)))
    });
    let mut variables = Variable::all(ANNOTATIONS).to_vec();
    variables.extend([
        Variable::new("known", list(known)),
        Variable::new(
            "refused",
            "variables.known.filter(it,\n  \
             variables.annotations[?it.key].orValue('').trim() != '' &&\n  \
             variables.annotations[it.key] != variables.before[?it.key].orValue(''))",
        ),
    ]);
    variables
}
