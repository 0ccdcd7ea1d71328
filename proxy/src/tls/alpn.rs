//! TLS-ALPN-01: the handshakes by which an ACME server asks whether a name is ours (RFC 8737).
//!
//! They are told by the one protocol that they offer, and answered with certificates that nobody
//! else is ever shown. Whatever else a client offers is none of this module's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use portreeve_table::{Challenge, ChallengeKind, Shared, Token};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustc_hash::FxHashMap;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;

use super::TlsError;

/// The protocol that is offered and agreed on (RFC 8737, section 6.2); no byte of it is ever spoken.
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";

/// Whether a client offers this protocol and no other (RFC 8737, section 3).
pub(super) fn asks(hello: &ClientHello<'_>) -> bool {
    hello.alpn().is_some_and(|offered| offered.eq([PROTOCOL]))
}

/// The certificates that answer.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    by_name: FxHashMap<String, Arc<CertifiedKey>>,
    /// The same by token, with the hash of the challenge, to be taken over.
    made: FxHashMap<Token, (u128, Arc<CertifiedKey>)>,
}

impl Answers {
    /// Makes the certificates that `self` has not got already; what cannot be made is named with the
    /// reason, and nobody answers for it.
    pub(crate) fn next(
        &self,
        challenges: &BTreeMap<Token, Shared<Challenge>>,
    ) -> (Self, Vec<(Token, String)>) {
        let (mut next, mut rejected) = (Self::default(), Vec::new());
        let is_asked = |challenge: &Challenge| challenge.kind == ChallengeKind::TlsAlpn01;
        for (token, challenge) in challenges.iter().filter(|(_, it)| is_asked(it)) {
            let same = self.made.get(token);
            let same = same.filter(|(hash, _)| *hash == challenge.hash());
            let made = match same {
                Some((_, same)) => Ok(Arc::clone(same)),
                None => answer(challenge),
            };
            match made {
                Ok(made) => next.add(token, challenge, made),
                Err(error) => rejected.push((token.clone(), error.to_string())),
            }
        }
        (next, rejected)
    }

    fn add(&mut self, token: &Token, challenge: &Shared<Challenge>, made: Arc<CertifiedKey>) {
        let name = challenge.host.server_name();
        self.by_name.insert(name, Arc::clone(&made));
        self.made.insert(token.clone(), (challenge.hash(), made));
    }

    /// What answers for a server name, in lower case.
    pub(super) fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.by_name.get(name).cloned()
    }
}

/// A certificate of the challenge's name and nothing else, signed by itself, that holds the digest of
/// the key authorization (RFC 8737, section 3).
fn answer(challenge: &Challenge) -> Result<Arc<CertifiedKey>, TlsError> {
    let mut parameters = CertificateParams::new([challenge.host.to_string()])?;
    let digest = digest(&SHA256, challenge.key_authorization.as_bytes());
    let identifier = CustomExtension::new_acme_identifier(digest.as_ref());
    parameters.custom_extensions = vec![identifier];
    let key = KeyPair::generate()?;
    let chain = vec![parameters.self_signed(&key)?.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|_| rustls::Error::General("the generated key is not one".into()))?;
    let key = any_supported_type(&key)?;
    // Whether they belong together is not asked of webpki, which refuses this critical extension.
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_table::Origin;

    fn challenge(host: &str, kind: ChallengeKind, answer: &str) -> Shared<Challenge> {
        Shared::new(Challenge {
            origin: Origin {
                namespace: "shop".into(),
                name: "web".into(),
            },
            host: host.parse().unwrap(),
            key_authorization: answer.into(),
            kind,
        })
    }

    fn all<const N: usize>(
        challenges: [(&str, Shared<Challenge>); N],
    ) -> BTreeMap<Token, Shared<Challenge>> {
        challenges
            .map(|(token, challenge)| (token.parse().unwrap(), challenge))
            .into()
    }

    #[test]
    fn what_did_not_change_is_not_made_again_and_what_is_gone_answers_no_more() {
        let tls = ChallengeKind::TlsAlpn01;
        let first = all([
            ("a", challenge("a.example", tls, "a.k")),
            ("b", challenge("b.example", tls, "b.k")),
            ("c", challenge("c.example", ChallengeKind::Http01, "c.k")),
            ("d", challenge("192.0.2.1", tls, "d.k")),
        ]);
        let (first, rejected) = Answers::default().next(&first);
        assert_eq!(rejected, []);
        let second = all([
            ("a", challenge("a.example", tls, "a.k")),
            ("d", challenge("192.0.2.1", tls, "d.other")),
        ]);
        let (second, _) = first.next(&second);
        let is_same = |name| match (first.find(name), second.find(name)) {
            (Some(one), Some(other)) => Some(Arc::ptr_eq(&one, &other)),
            (_, None) => None,
            (None, Some(_)) => panic!("{name} came from nowhere"),
        };
        assert_eq!(is_same("a.example"), Some(true));
        assert_eq!(is_same("b.example"), None);
        assert_eq!(is_same("1.2.0.192.in-addr.arpa"), Some(false));
        assert!(first.find("c.example").is_none() && first.find("192.0.2.1").is_none());
    }
}
