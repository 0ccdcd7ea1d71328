//! Which CA, and as whom: what an administrator says of one account.

use portreeve_table::Secret;

use crate::store::CaId;

/// An account of the CA's own that ours is bound to (RFC 8555, section 7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    /// What the CA calls it.
    pub kid: Box<str>,
    /// The HMAC key in base64url, as CAs give it out.
    pub key: Secret<String>,
}

/// One CA and the account with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaSettings {
    /// Its directory.
    pub id: CaId,
    /// Certificates as PEM that its HTTPS is trusted by, instead of those of the machine.
    pub roots: Option<Box<str>>,
    /// Whom the CA may write to: addresses without `mailto:`.
    pub emails: Vec<Box<str>>,
    /// The CA's own account, where it asks for one.
    pub external: Option<ExternalAccount>,
    /// The common name of the issuer that ends the chain that is preferred among those offered
    /// (RFC 8555, section 7.4.2).
    pub preferred_chain: Option<Box<str>>,
}

impl CaSettings {
    /// A CA that nothing else is said of.
    pub fn new(url: &str) -> Self {
        Self {
            id: CaId::new(url),
            roots: None,
            emails: Vec::new(),
            external: None,
            preferred_chain: None,
        }
    }
}
