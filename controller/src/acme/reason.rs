//! The reasons of Events about certificates: one table, which drives what is said, its documentation
//! and the label of metrics.

use portreeve_acme::FailureKind;

use crate::events::Severity;

macro_rules! reasons {
    ($($variant:ident = $severity:ident $name:literal, $doc:literal, $advice:literal;)*) => {
        /// Why an Event about a certificate is said.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Reason {
            $($variant,)*
        }

        impl Reason {
            /// Every reason, in the order of a certificate's life.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The Event's reason.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether something is wrong.
            pub(crate) fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What it means.
            #[cfg(test)]
            pub(crate) fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }

            /// What to do.
            #[cfg(test)]
            pub(crate) fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

reasons! {
    Ordered = Normal "CertificateOrdered",
        "A CA is asked for a certificate.", "Nothing.";
    Answering = Normal "ChallengesStaged",
        "Proxies are given the answers to the CA's challenges, and each is asked for them.", "Nothing.";
    Validating = Normal "ChallengesAnswered",
        "Every proxy answers, and the CA has been told to look.", "Nothing.";
    Finalizing = Normal "NamesProven",
        "The CA has seen that the names are ours, and is asked for the certificate.", "Nothing.";
    Issued = Normal "CertificateIssued",
        "The certificate is in its Secret, and proxies serve it as soon as they are told.", "Nothing.";
    Renewed = Normal "CertificateRenewed",
        "A new certificate is in its Secret, instead of one that was there.", "Nothing.";
    Limited = Warning "AcmeLimited",
        "No order is made for now, because a CA would refuse it: there were five certificates for the same names in a week, or 300 orders of one account in three hours.",
        "Find out what asks again and again: a Secret that is deleted, or names that change; it goes on by itself at the time that the Event says.";
    Foreign = Warning "AcmeSecretTaken",
        "The Secret is there, and not of our making; it is left as it is.",
        "Name another Secret, or hand this one over: see [Secrets](acme.md#secrets-taking-over-and-handing-over).";
    Connection = Warning "AcmeConnection",
        "The CA cannot be reached.",
        "See that controllers may connect to port 443 of the CA and resolve its name, and that `--acme-ca-file` is right for a CA of your own.";
    Timeout = Warning "AcmeTimeout",
        "The CA did not answer in time, or does not come to an end with an order.",
        "Nothing, unless it goes on: look at the CA's status page.";
    Malformed = Warning "AcmeMalformed",
        "The CA's answer cannot be read.",
        "See that `--acme-directory` is the URL of an ACME directory, and that nothing between answers instead.";
    RateLimited = Warning "AcmeRateLimited",
        "The CA says that it is asked too much.",
        "Wait, it is left alone for as long as it says; see [rate limits](acme.md#rate-limits).";
    BadNonce = Warning "AcmeBadNonce",
        "The CA refused one nonce after the other.",
        "Nothing, unless it goes on: something between may answer from a cache.";
    ServerInternal = Warning "AcmeServerInternal",
        "The CA says that the fault is its own.",
        "Nothing, unless it goes on: look at the CA's status page.";
    Challenge = Warning "AcmeChallenge",
        "The CA looked for the answer to a challenge, and found another or none.",
        "See that DNS leads the name to the proxies and that port 80 (or 443, for TLS-ALPN-01) is open to everybody: `curl http://NAME/.well-known/acme-challenge/x` from outside must reach a proxy.";
    Dns = Warning "AcmeDns",
        "The CA could not resolve a name.",
        "Give the name an address record that leads to the proxies, and see that its DNS servers answer.";
    Caa = Warning "AcmeCaa",
        "A CAA record forbids this CA to issue for a name.",
        "Let the CAA record of the name, or of a parent of it, name the CA, or remove it.";
    RejectedIdentifier = Warning "AcmeRejectedIdentifier",
        "The CA does not issue for a name, or not with this profile.",
        "Use a name that is public, or a CA of your own; an address needs a profile that allows it.";
    Account = Warning "AcmeAccount",
        "The CA does not know the account any more, has deactivated it, or wants something of it first.",
        "Read what the CA says; `--acme-eab-kid` and `--acme-eab-key-file` are what it gave out.";
    OrderInvalid = Warning "AcmeOrderInvalid",
        "The order is invalid, or gone.", "Nothing: another one is made when it may be.";
    Refused = Warning "AcmeRefused",
        "The CA refuses what it was sent, for another reason than these.",
        "Read what the CA says.";
    BadCertificate = Warning "AcmeBadCertificate",
        "The certificate is not the one that was ordered, and is not served.",
        "Tell the CA; the Event says what is wrong with it.";
    DoorsClosed = Warning "AcmeNotAnswered",
        "Not every proxy answers the challenges, so the CA was not told to look.",
        "The Event names the proxies: see that controllers may connect to their ports (deploy/acme), and that they are connected to a controller.";
    Store = Warning "AcmeStore",
        "State cannot be read from Secrets, or not be written.",
        "See the Event: usually the right to write Secrets, which deploy/acme gives, or a namespace that is being deleted.";
    Configuration = Warning "AcmeConfiguration",
        "What was configured cannot be used.",
        "Correct the flag that the Event names.";
}

impl From<FailureKind> for Reason {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Connection => Self::Connection,
            FailureKind::Timeout => Self::Timeout,
            FailureKind::Malformed => Self::Malformed,
            FailureKind::RateLimited => Self::RateLimited,
            FailureKind::BadNonce => Self::BadNonce,
            FailureKind::ServerInternal => Self::ServerInternal,
            FailureKind::Challenge => Self::Challenge,
            FailureKind::Dns => Self::Dns,
            FailureKind::Caa => Self::Caa,
            FailureKind::RejectedIdentifier => Self::RejectedIdentifier,
            FailureKind::Account => Self::Account,
            FailureKind::OrderInvalid => Self::OrderInvalid,
            FailureKind::Refused => Self::Refused,
            FailureKind::BadCertificate => Self::BadCertificate,
            FailureKind::DoorsClosed => Self::DoorsClosed,
            FailureKind::Store => Self::Store,
            FailureKind::Configuration => Self::Configuration,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A proxy without a cluster says the same of the same.
    #[test]
    fn a_failure_is_called_as_the_engine_calls_it() {
        for kind in FailureKind::ALL {
            assert_eq!(Reason::from(kind).as_str(), kind.reason());
        }
    }

    #[test]
    fn names_are_distinct_and_are_one_word() {
        let mut names: Vec<_> = Reason::ALL.iter().map(|it| it.as_str()).collect();
        assert!(names.iter().all(|name| {
            let mut letters = name.chars();
            letters.next().is_some_and(char::is_uppercase) && letters.all(char::is_alphanumeric)
        }));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len());
        assert!(Reason::ALL.iter().all(|it| it.doc().ends_with('.')));
        assert!(Reason::ALL.iter().all(|it| it.advice().ends_with('.')));
    }
}
