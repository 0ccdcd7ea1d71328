//! How things stand with one certificate, for people: Events, metrics and pages are made from it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use portreeve_table::{CertKey, Origin};

use crate::budget::Bound;
use crate::failure::FailureKind;
use crate::record::Failing;
use crate::store::CaId;
use crate::want::{Name, Want};

/// What is being done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has not been looked at yet.
    Queued,
    /// An order is asked for at this CA.
    Ordering(CaId),
    /// Proxies are given the answers to challenges, and are asked for them.
    Answering,
    /// The CA has been told to look, and looks.
    Validating,
    /// The CA is asked for the certificate.
    Finalizing,
    /// The certificate is there, and good until it is renewed.
    Issued,
    /// The last try failed; it is tried again then.
    Failed {
        /// When.
        until: Timestamp,
    },
    /// A bound is reached; it is tried again then.
    Limited {
        /// Which.
        bound: Bound,
        /// When.
        until: Timestamp,
    },
    /// The Secret is there without our mark, and is left alone.
    Foreign,
}

/// How things stand with one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The object that asks for it.
    pub origin: Origin,
    /// Where it goes.
    pub secret: CertKey,
    /// Its names.
    pub names: Vec<Name>,
    /// What is being done.
    pub phase: Phase,
    /// What went wrong since the last success.
    pub failing: Option<Failing>,
    /// The CA that issued what is there.
    pub issuer: Option<CaId>,
    /// Until when what is there is valid.
    pub not_after: Option<Timestamp>,
    /// When it is renewed.
    pub renewal: Option<Timestamp>,
    /// When a CA was last asked for an order, or to go on with one.
    pub attempted: Option<Timestamp>,
    /// How often what went wrong since this process began.
    pub failures: BTreeMap<FailureKind, u64>,
    /// How many orders were made since this process began.
    pub ordered: u64,
    /// How many certificates were issued since this process began.
    pub issued: u64,
}

impl Status {
    /// Of a want that was not looked at yet.
    pub(crate) fn new(want: &Want) -> Self {
        Self {
            origin: want.origin.clone(),
            secret: want.secret.clone(),
            names: want.names().to_vec(),
            phase: Phase::Queued,
            failing: None,
            issuer: None,
            not_after: None,
            renewal: None,
            attempted: None,
            failures: BTreeMap::new(),
            ordered: 0,
            issued: 0,
        }
    }
}
