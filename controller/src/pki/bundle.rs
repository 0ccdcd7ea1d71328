//! The authorities that are believed, for whoever has to be told elsewhere than in certificates.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::certificate::split;

/// The certificates of all authorities that are believed now, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle(Arc<str>);

impl Bundle {
    /// Of what a text holds, each once and in an order that does not depend on who signs.
    pub(crate) fn of(text: &str) -> Self {
        let certificates: BTreeSet<_> = split(text).into_iter().collect();
        Self(certificates.into_iter().collect::<String>().into())
    }

    /// As a text.
    pub fn pem(&self) -> &str {
        &self.0
    }

    /// How many authorities there are.
    pub fn authorities(&self) -> usize {
        split(&self.0).len()
    }
}

/// What the API server has been told of the authorities that certificates are checked by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Nothing, as far as is known.
    #[default]
    Nothing,
    /// It is not for us to tell it anything: it asks nobody who has a certificate of ours.
    NotByUs,
    /// To believe these.
    Of(Bundle),
}

impl Told {
    /// Whether what is signed by any of these is believed, or need not be.
    pub(super) fn knows(&self, bundle: &Bundle) -> bool {
        match self {
            Self::Nothing => false,
            Self::NotByUs => true,
            Self::Of(told) => told == bundle,
        }
    }
}
