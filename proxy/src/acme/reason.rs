//! What failures are called: in lines on standard error, in the label of metrics and in
//! `docs/acme.md`. The controller's Events say the same words.

use portreeve_acme::FailureKind;

/// What a kind of failure is called.
pub(crate) fn reason(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Connection => "AcmeConnection",
        FailureKind::Timeout => "AcmeTimeout",
        FailureKind::Malformed => "AcmeMalformed",
        FailureKind::RateLimited => "AcmeRateLimited",
        FailureKind::BadNonce => "AcmeBadNonce",
        FailureKind::ServerInternal => "AcmeServerInternal",
        FailureKind::Challenge => "AcmeChallenge",
        FailureKind::Dns => "AcmeDns",
        FailureKind::Caa => "AcmeCaa",
        FailureKind::RejectedIdentifier => "AcmeRejectedIdentifier",
        FailureKind::Account => "AcmeAccount",
        FailureKind::OrderInvalid => "AcmeOrderInvalid",
        FailureKind::Refused => "AcmeRefused",
        FailureKind::BadCertificate => "AcmeBadCertificate",
        FailureKind::DoorsClosed => "AcmeNotAnswered",
        FailureKind::Store => "AcmeStore",
        FailureKind::Configuration => "AcmeConfiguration",
    }
}
