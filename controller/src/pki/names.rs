//! The names in certificates.

use std::collections::BTreeSet;

use portreeve_identity::Role;

/// The Service by which the API server finds the admission webhook.
pub(crate) const ADMISSION_SERVICE: &str = "portreeve-admission";

/// The DNS names that a role's certificate carries, and no others: the role's own, and those by
/// which it is known to whoever knows no roles. `namespace` is where our own objects are.
pub(super) fn names(role: Role, namespace: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::from([role.dns_name().to_string()]);
    if role == Role::Admission {
        // The API server asks for the first one; the second is the same in full.
        let service = format!("{ADMISSION_SERVICE}.{namespace}.svc");
        names.extend([format!("{service}.cluster.local"), service]);
    }
    names
}
