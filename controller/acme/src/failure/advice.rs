//! What people can do about each failure: the words behind the CA's own in Events and logs.

use super::{Failure, FailureKind};

/// What the types of ACME's problems begin with (RFC 8555, section 6.7).
const URN: &str = "urn:ietf:params:acme:error:";

/// What to do about `failure`, in one sentence.
pub(super) fn advice(failure: &Failure) -> &'static str {
    let problem = failure.problem.as_deref().unwrap_or_default();
    let problem = problem.strip_prefix(URN).unwrap_or(problem);
    of_problem(problem).unwrap_or_else(|| of_kind(failure.kind))
}

/// For problems that say more than their kind.
fn of_problem(problem: &str) -> Option<&'static str> {
    Some(match problem {
        "externalAccountRequired" => {
            "Set --acme-eab-kid and --acme-eab-key-file to what the CA gave out for its account."
        }
        "userActionRequired" => {
            "Open the page that the CA names, and agree to its terms for this account."
        }
        "invalidContact" | "unsupportedContact" => {
            "Set --acme-email to an address that the CA accepts."
        }
        "connection" => {
            "Let the CA reach this name: port 80 for HTTP-01, port 443 for TLS-ALPN-01, on every \
             address that its DNS records name."
        }
        "tls" => {
            "For TLS-ALPN-01, port 443 of this name must lead to the proxies with nothing between \
             that ends TLS; otherwise choose http-01."
        }
        "invalidProfile" => "Choose a profile that the CA offers, or none.",
        _ => return None,
    })
}

fn of_kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Connection => {
            "Check --acme-directory, DNS and the way out to it, and for a CA of your own \
             --acme-ca-file."
        }
        FailureKind::Timeout => "The CA is slow or cannot be reached; it is asked again by itself.",
        FailureKind::Malformed => {
            "Check that --acme-directory is the URL of an ACME directory, and that no proxy on the \
             way answers in its place."
        }
        FailureKind::RateLimited => {
            "Wait: it is tried again when the CA allows it; fewer certificates with more names \
             each count less."
        }
        FailureKind::BadNonce => {
            "The CA does not take the nonces that it gives; if this stays, something on the way \
             keeps its answers, or its replicas do not share them."
        }
        FailureKind::ServerInternal => {
            "The CA has a fault of its own; it is asked again by itself."
        }
        FailureKind::Challenge => {
            "Let the name's DNS records lead to the proxies alone, and nothing before them answer \
             /.well-known/acme-challenge/ on port 80."
        }
        FailureKind::Dns => {
            "Make A or AAAA records for the name that lead to the proxies, and check its DNSSEC."
        }
        FailureKind::Caa => {
            "Allow this CA in the name's CAA records, or take a CA that they allow."
        }
        FailureKind::RejectedIdentifier => {
            "The CA does not issue for this name: take it out of spec.tls, choose another profile, \
             or another CA."
        }
        FailureKind::Account => {
            "A new account is made where the kept one is gone; if this stays, ask the CA about it."
        }
        FailureKind::OrderInvalid => "A new order is made by itself.",
        FailureKind::Refused => {
            "The CA's words say what it does not take; check the names, the key type and the \
             profile."
        }
        FailureKind::BadCertificate => {
            "The certificate is not used, and what was served before still is; if this stays, ask \
             the CA about it."
        }
        FailureKind::DoorsClosed => {
            "Look at the proxies that are named: each must have the challenge before the CA is \
             told."
        }
        FailureKind::Store => {
            "Check that what is kept can be read and written: the rights to Secrets, or the \
             directory of --acme-dir."
        }
        FailureKind::Configuration => "Change what the message names.",
    }
}
