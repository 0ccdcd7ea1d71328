//! Why somebody was not given a session: the one list that drives the metric and its documentation.

use std::io;

use rustls::{CertificateError, Error};

macro_rules! refusals {
    ($($refusal:ident = $name:literal, $help:literal;)*) => {
        /// Why somebody was not given a session.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal {
            $(#[doc = $help] $refusal,)*
        }

        impl Refusal {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$refusal,)*];

            /// Its name in metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$refusal => $name,)* }
            }

            /// What it means, in one sentence.
            pub fn help(self) -> &'static str {
                match self { $(Self::$refusal => $help,)* }
            }
        }
    };
}

refusals! {
    NoCertificate = "no_certificate",
        "It showed no certificate.";
    Authority = "authority",
        "Its certificate is not by our authority, or is broken.";
    Expired = "expired",
        "Its certificate is not valid now.";
    Identity = "identity",
        "Its certificate is not a proxy's, by its name or by its purpose.";
    Handshake = "handshake",
        "It spoke no TLS, not TLS 1.3, or not in time.";
    Unprepared = "unprepared",
        "This controller has no certificate yet.";
    Schema = "schema",
        "It is a proxy of a version that is too far from ours.";
    Request = "request",
        "It asked for something else than a session.";
    Stale = "stale",
        "This controller has not heard from the Kubernetes API for too long.";
}

impl Refusal {
    /// Why a handshake failed.
    pub(super) fn of(error: &io::Error) -> Self {
        let error = error.get_ref().and_then(|error| error.downcast_ref());
        match error {
            Some(Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(Error::InvalidCertificate(error)) => Self::of_certificate(error),
            _ => Self::Handshake,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::Expired,
            CertificateError::NotValidForName
            | CertificateError::NotValidForNameContext { .. }
            | CertificateError::InvalidPurpose
            | CertificateError::InvalidPurposeContext { .. } => Self::Identity,
            _ => Self::Authority,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_each_says_a_sentence() {
        let names = Refusal::ALL.iter().map(|refusal| refusal.as_str());
        let names: std::collections::BTreeSet<_> = names.collect();
        assert_eq!(names.len(), Refusal::ALL.len());
        assert!(Refusal::ALL.iter().all(|it| it.help().ends_with('.')));
    }

    #[test]
    fn a_handshake_says_why_it_failed() {
        let tls = |error: Error| Refusal::of(&io::Error::new(io::ErrorKind::InvalidData, error));
        let certificate = |error| tls(Error::InvalidCertificate(error));
        assert_eq!(tls(Error::NoCertificatesPresented), Refusal::NoCertificate);
        for (error, refusal) in [
            (CertificateError::UnknownIssuer, Refusal::Authority),
            (CertificateError::BadSignature, Refusal::Authority),
            (CertificateError::Expired, Refusal::Expired),
            (CertificateError::NotValidYet, Refusal::Expired),
            (CertificateError::NotValidForName, Refusal::Identity),
            (CertificateError::InvalidPurpose, Refusal::Identity),
        ] {
            assert_eq!(certificate(error), refusal);
        }
        assert_eq!(tls(Error::HandshakeNotComplete), Refusal::Handshake);
        let broken = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(Refusal::of(&broken), Refusal::Handshake);
    }
}
