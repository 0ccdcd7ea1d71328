//! What is kept of one want from one step to the next, so that whoever goes on knows where it stands.
//!
//! It holds the private key of an order that is under way: it is kept where only its owner reads.

use jiff::Timestamp;
use portreeve_table::{CertKey, Secret};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::store::CaId;
use crate::want::{Name, Want};

/// What is kept of one want.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Where its certificate goes.
    pub secret: CertKey,
    /// Its names, sorted.
    pub names: Vec<Name>,
    /// The order that is under way: there is never a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// Whether no CA is told which certificate is replaced, until there is another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    /// What went wrong since the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
    /// What the CA said last about renewing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// When orders were made, of the last week.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ordered: Vec<Ordered>,
    /// When certificates were issued, of the last week, but not by the staging CA.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issued: Vec<Timestamp>,
    /// The CA that issued the certificate that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<CaId>,
    /// The staging CA that issued for these names once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<CaId>,
    /// Which CAs asked to be left alone, and until when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resting: Vec<Rest>,
    /// Since when nobody wants it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwanted: Option<Timestamp>,
}

/// An order that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// At which CA.
    pub ca: CaId,
    /// The key of the certificate to be, as PEM.
    #[serde(serialize_with = "reveal")]
    pub key: Secret<String>,
    /// The order; without one, the CA was asked and may not have answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Box<str>>,
    /// When it was begun.
    pub begun: Timestamp,
    /// How often the CA was asked for this order without it being known whether it made one.
    #[serde(default)]
    pub tries: u32,
}

/// One new order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// When.
    pub at: Timestamp,
    /// At which CA.
    pub ca: CaId,
}

/// A CA that asked to be left alone (`Retry-After`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// Which.
    pub ca: CaId,
    /// Until when.
    pub until: Timestamp,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failing {
    /// How often in a row.
    pub count: u32,
    /// How often in a row for no fault of the names.
    pub blameless: u32,
    /// When last.
    pub at: Timestamp,
    /// Not before when it is tried again.
    pub until: Timestamp,
    /// What.
    pub last: Failure,
}

/// What a CA said about renewing a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The SHA-256 of the certificate.
    pub fingerprint: Box<str>,
    /// From when on it is to be renewed and until when; `None` when the CA does not say.
    pub window: Option<(Timestamp, Timestamp)>,
    /// When it was asked.
    pub at: Timestamp,
    /// When it is asked again.
    pub again: Timestamp,
}

impl Record {
    /// What is kept of a want that nothing was done for yet.
    pub fn new(want: &Want) -> Self {
        Self {
            secret: want.secret.clone(),
            names: want.names().to_vec(),
            pending: None,
            plain: false,
            failing: None,
            asked: None,
            ordered: Vec::new(),
            issued: Vec::new(),
            issuer: None,
            proven: None,
            resting: Vec::new(),
            unwanted: None,
        }
    }
}

/// Writes a key as it is: [`Secret`] alone would write that there is one.
pub(crate) fn reveal<S: serde::Serializer>(
    key: &Secret<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key.expose())
}

#[cfg(test)]
mod tests;
