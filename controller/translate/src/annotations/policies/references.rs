//! Names of objects in other namespaces: who may write an Ingress in one namespace need not be who
//! may read the Secrets of another.

use super::Policy;
use super::cel::{ANNOTATIONS, Variable, keys, list, text};
use crate::annotations::table::Holds;

pub(super) const POLICY: Policy = Policy {
    name: "portreeve-references",
    path: "deploy/policies/references.yaml",
    refuses: "refuses Ingresses with annotations that name an object of another namespace",
    holds: &[Holds::Object],
    variables,
    // What a message quotes must be one line: the API server drops one that is not.
    message: r"variables.refused.map(it,
  'metadata.annotations[' + it + ']: It names an object of ' +
  (variables.annotations[it].matches('^ *[a-z0-9-]{1,63} */')
    ? 'the namespace ' + variables.annotations[it].split('/', 2)[0].trim()
    : 'another namespace') +
  ', and an Ingress may only use those of its own. Write: NAME or ' + object.metadata.namespace + '/NAME').join(' ')",
};

fn variables() -> Vec<Variable> {
    let known = keys(Holds::Object).map(|(key, _)| text(&key));
    let mut variables = Variable::all(ANNOTATIONS).to_vec();
    variables.extend([
        Variable::new("known", list(known)),
        Variable::new(
            "refused",
            "variables.known.filter(it,\n  \
             variables.annotations[?it].orValue('').contains('/') &&\n  \
             variables.annotations[it].split('/', 2)[0].trim() != object.metadata.namespace &&\n  \
             variables.annotations[it] != variables.before[?it].orValue(''))",
        ),
    ]);
    variables
}
