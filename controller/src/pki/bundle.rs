//! The authorities that are believed, for whoever has to be told elsewhere than in certificates.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

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

/// Since when the API server has been told the same, as far as this process knows.
#[derive(Debug, Default)]
pub(super) struct Heard(Option<(Bundle, Timestamp)>);

impl Heard {
    /// Since when it believes these authorities, or need not; `None` while it does not.
    pub(super) fn since(
        &mut self,
        told: &Told,
        bundle: &Bundle,
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.0 = match told {
            Told::NotByUs => return Some(Timestamp::MIN),
            Told::Of(of) if of == bundle => self.0.take().filter(|(known, _)| known == bundle),
            Told::Of(_) | Told::Nothing => {
                self.0 = None;
                return None;
            }
        };
        let (_, since) = self.0.get_or_insert_with(|| (bundle.clone(), now));
        Some(*since)
    }
}
