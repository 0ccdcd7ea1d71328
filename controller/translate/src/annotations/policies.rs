//! The policies in `deploy`: what the API server itself refuses, made from the table.
//!
//! They hold while the admission webhook is down, so they are few and need nothing but the object:
//! CEL expressions of a ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1, Kubernetes 1.30).
//! An update is refused only what it adds, so that whatever is there can be edited and deleted. What
//! is being deleted is no exception: it is served until its last finalizer is gone.

mod cel;
mod hosts;
mod references;
mod snippets;

use super::table::Holds;
use cel::Variable;

/// One policy with its binding.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Its name.
    pub name: &'static str,
    /// Where its manifest is, from the root of the repository.
    pub path: &'static str,
    /// What it does, as the end of a sentence that begins with its name.
    pub refuses: &'static str,
    /// What annotations it guards.
    holds: &'static [Holds],
    /// What its expressions are made of, beside [`cel::COMMON`]; the last is a list of what is refused.
    variables: fn() -> Vec<Variable>,
    /// What is said of what is refused.
    message: &'static str,
}

/// All of them.
pub const POLICIES: [Policy; 3] = [snippets::POLICY, references::POLICY, hosts::POLICY];

impl Policy {
    /// Whether it looks at annotations with such values.
    pub fn guards(&self, holds: Holds) -> bool {
        self.holds.contains(&holds)
    }

    /// Its manifest.
    pub fn manifest(&self) -> String {
        let Self {
            name,
            refuses,
            message,
            ..
        } = self;
        let common = Variable::all(cel::COMMON).into_iter();
        let variables = common.chain((self.variables)());
        let variables: String = variables.map(|variable| variable.to_string()).collect();
        let message = cel::block(message, 8);
        format!(
            "# {name} {refuses}, also while the admission webhook is down.
#
# Made from controller/translate/src/annotations; rewrite it with `UPDATE=1 cargo test -p portreeve-translate`.
#
# It looks at Ingresses of the classes that the variable `classes` lists; '' stands for those without a class.
# The class nginx is not among them, because ingress-nginx may still serve it, by other rules.
# Add it when Portreeve serves it: deploy/README.md says how.
#
# What is in an Ingress already may stay there, and it can be deleted; only what an update adds is refused.
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {name}
spec:
  # The API server evaluates this itself and asks nobody, so there is nothing that could be down. What
  # fails is an Ingress too large to be looked at, and that must not be a way past the policy.
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - apiGroups: [networking.k8s.io]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [ingresses]
        scope: '*'
  variables:
{variables}  validations:
    - expression: '!variables.isOurs || variables.refused.size() == 0'
      messageExpression: |-
{message}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {name}
spec:
  policyName: {name}
  validationActions: [Deny]
"
        )
    }
}
