//! Which certificates may be wanted by ACME, as far as it decides how an Ingress is read: for who reads
//! Ingresses and orders nothing.
//!
//! The controller has the same flags, among all those of ACME; a test of its holds them to these.

use std::str::FromStr;

use clap::{ArgAction, Args};
use portreeve_table::HostPattern;
use portreeve_translate::Options;

/// Which certificates may be wanted by ACME.
#[derive(Clone, Debug, Args)]
pub struct AcmeWanting {
    /// The directory of the CA that the controller orders certificates from; empty if it orders none.
    #[arg(
        long,
        value_name = "URL",
        env = "PORTREEVE_ACME_DIRECTORY",
        default_value = "",
        hide_default_value = true,
        help_heading = "ACME"
    )]
    pub acme_directory: String,

    /// Whether the controller orders certificates for Ingresses with `kubernetes.io/tls-acme` as well.
    #[arg(long, value_name = "BOOL", env = "PORTREEVE_ACME_TLS_ACME", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set, help_heading = "ACME")]
    pub acme_tls_acme: bool,

    /// Which namespaces may have certificates for which hosts, where not each may for its own; can be
    /// given more than once.
    #[arg(
        long,
        value_name = "NAMESPACE=HOST",
        env = "PORTREEVE_ACME_ALLOW",
        value_delimiter = ',',
        help_heading = "ACME"
    )]
    pub acme_allow: Vec<AcmeAllowed>,
}

/// Whose certificates may be for which hosts: `NAMESPACE=HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeAllowed {
    /// A namespace, or `*` for each.
    pub namespace: String,
    /// Its hosts.
    pub hosts: HostPattern,
}

/// Why a text does not say who may have certificates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not NAMESPACE=HOST, such as shop=*.shop.example")]
pub struct AcmeAllowedError(String);

impl FromStr for AcmeAllowed {
    type Err = AcmeAllowedError;

    fn from_str(text: &str) -> Result<Self, AcmeAllowedError> {
        let error = || AcmeAllowedError(text.into());
        let (namespace, hosts) = text.split_once('=').ok_or_else(error)?;
        Ok(Self {
            namespace: namespace.into(),
            hosts: hosts.parse().map_err(|_| error())?,
        })
    }
}

impl AcmeWanting {
    /// Says it to a translation.
    pub fn tell(&self, translation: &mut Options) {
        let allowed = self.acme_allow.iter().cloned();
        translation.acme = !self.acme_directory.is_empty();
        translation.tls_acme = self.acme_tls_acme;
        translation.acme_allowed = allowed.map(|it| (it.namespace, it.hosts)).collect();
    }
}
