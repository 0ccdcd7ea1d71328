//! What one Ingress says about certificates that somebody orders for it.

use std::collections::BTreeMap;

use crate::annotations::Settings;
use crate::ingress::Claims;
use crate::options::Options;

/// The annotation by which people have long asked for certificates.
const TLS_ACME: &str = "kubernetes.io/tls-acme";

/// The annotations by which cert-manager is asked.
const CERT_MANAGER: [&str; 2] = ["cert-manager.io/cluster-issuer", "cert-manager.io/issuer"];

/// What one Ingress says about certificates that somebody orders for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    by: Option<By>,
    /// The annotation that asks cert-manager.
    pub cert_manager: Option<&'static str>,
}

/// How we are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// By our own annotation.
    Own,
    /// By the one that counts only where an option says so.
    TlsAcme,
}

impl Asked {
    pub(crate) fn read(annotations: &BTreeMap<String, String>, settings: &Settings) -> Self {
        let says_true = || annotations.get(TLS_ACME).is_some_and(|it| it == "true");
        let by = match settings.acme.wanted {
            Some(wanted) => wanted.then_some(By::Own),
            None => says_true().then_some(By::TlsAcme),
        };
        let mut issuers = CERT_MANAGER.into_iter();
        let is_asked = |key: &&str| annotations.get(*key).is_some_and(|it| !it.is_empty());
        Self {
            by,
            cert_manager: issuers.find(is_asked),
        }
    }

    /// Whether a certificate is wanted of us; by our own annotation even where none can be had.
    pub(crate) fn is(self, options: &Options) -> bool {
        match self.by {
            None => false,
            Some(By::Own) => true,
            Some(By::TlsAcme) => options.acme && options.tls_acme,
        }
    }

    /// Whether it may be, by one annotation or the other.
    pub(crate) fn may_be(self) -> bool {
        self.by.is_some()
    }

    /// Whether an address among the hosts is one to have a certificate for, rather than a mistake.
    pub(crate) fn takes_addresses(self) -> bool {
        self.by == Some(By::Own)
    }

    /// The field that asks us.
    pub(crate) fn field(self, claims: &Claims) -> String {
        match self.by {
            Some(By::TlsAcme) => format!("metadata.annotations[{TLS_ACME}]"),
            _ => claims.annotation_field("acme"),
        }
    }
}
