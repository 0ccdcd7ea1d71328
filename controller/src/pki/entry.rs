//! What is kept: an entry for each role, and one for the authority.

use std::collections::BTreeMap;

use portreeve_identity::{CA_FILE, CHAIN_FILE, KEY_FILE, Role};
use portreeve_table::Secret;

/// The authority that will sign next, until it does.
pub(super) const NEXT_CHAIN_FILE: &str = "next.crt";
/// Its key.
pub(super) const NEXT_KEY_FILE: &str = "next.key";
/// The authorities that signed before, for as long as they are believed.
pub(super) const OLD_FILE: &str = "old.crt";

/// Every file that an entry can have.
pub(super) const FILES: [&str; 6] = [
    CA_FILE,
    CHAIN_FILE,
    KEY_FILE,
    NEXT_CHAIN_FILE,
    NEXT_KEY_FILE,
    OLD_FILE,
];

/// The texts of an entry by the names of their files. Certificates are no secret, but a key is
/// never taken for one.
pub(super) type Files = BTreeMap<&'static str, Secret<String>>;

/// One thing that is kept, by itself: a folder or a Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// Who signs. Nobody but a leading controller needs it.
    Authority,
    /// What a role is known by.
    Leaf(Role),
}

impl Entry {
    /// Its folder below `--pki-dir`.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Authority => "ca",
            Self::Leaf(role) => role.word(),
        }
    }

    /// The name of its Secret.
    pub fn secret(self) -> &'static str {
        match self {
            Self::Authority => "portreeve-ca",
            Self::Leaf(Role::Controller) => "portreeve-controller-tls",
            Self::Leaf(Role::Proxy) => "portreeve-proxy-tls",
            Self::Leaf(Role::Admission) => "portreeve-admission-tls",
        }
    }
}
