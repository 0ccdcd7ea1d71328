//! An identity as it is stored: three texts.

use portreeve_table::Secret;

/// The certificates of the authorities that are believed, one after another.
pub const CA_FILE: &str = "ca.crt";
/// The holder's certificate.
pub const CHAIN_FILE: &str = "tls.crt";
/// The holder's private key.
pub const KEY_FILE: &str = "tls.key";

/// The three texts of an identity, under the names that a Secret has for them. Nothing is known
/// of what they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pem {
    /// `ca.crt`
    pub ca: String,
    /// `tls.crt`
    pub chain: String,
    /// `tls.key`
    pub key: Secret<String>,
}
