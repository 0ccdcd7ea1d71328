//! Which certificates are to be ordered from an ACME authority.
//!
//! What is wanted is always all of it: when each is ordered or renewed is decided by whoever orders,
//! who knows the clock and the authority.
//! A certificate is never wanted for a name that is another namespace's, nor into a Secret that is
//! somebody else's.

mod allowed;
mod asked;
mod choice;
mod key_type;
mod order;

use std::collections::BTreeMap;
use std::sync::Arc;

use portreeve_table::{CertKey, Origin};

pub(crate) use allowed::Allowed;
pub(crate) use asked::Asked;
pub use choice::{ChallengeChoice, ChallengeChoiceError};
pub use key_type::{KeyType, KeyTypeError};
use order::Order;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::Claims;
use crate::options::Options;
use crate::ownership::Ownership;
use crate::snapshot::Snapshot;

/// The annotation by which an issued Secret is known to be ours to write: the URL of the directory
/// that it was ordered from. A Secret without it is never written.
pub const OWNER_MARK: &str = "portreeve.dev/acme-issuer";

/// A certificate that Ingresses want from an ACME authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateWanted {
    /// The oldest Ingress that wants it.
    pub origin: Origin,
    /// The Secret to put it into.
    pub secret: CertKey,
    /// What it must cover, sorted and each once: DNS names as A-labels in lower case, addresses as
    /// text. Never empty, never more than a hundred, never a wildcard.
    pub names: Vec<Box<str>>,
    /// The authority's profile, where the Ingress names one.
    pub profile: Option<Box<str>>,
    /// The kind of its key, where the Ingress names one.
    pub key_type: Option<KeyType>,
    /// How the authority may ask, where the Ingress says it.
    pub challenge: Option<ChallengeChoice>,
}

/// All that is wanted, and what stands against the rest.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub wants: Vec<CertificateWanted>,
    pub diagnostics: Vec<Diagnostic>,
}

impl Wanted {
    /// What claims that are sorted by age come to: `all` as they were written, and `claims` without
    /// what their namespaces may not use. Who wants something is told by the first, so that it
    /// depends on nobody else; what may be had, by the second.
    pub(crate) fn of(
        all: &[Arc<Claims>],
        claims: &[&Claims],
        ownership: &Ownership<'_>,
        snapshot: &Snapshot,
        options: &Options,
    ) -> Self {
        let mut wanted = Self::default();
        let pairs = all.iter().zip(claims).map(|(all, rest)| (&**all, *rest));
        let asking = pairs.filter(|(claims, _)| claims.asked.is(options));
        let asking: Vec<(&Claims, &Claims)> = asking.collect();
        if asking.is_empty() {
            return wanted;
        }
        if !options.acme {
            wanted.diagnostics = asking.iter().map(|(claims, _)| off(claims)).collect();
            return wanted;
        }
        let allowed = Allowed::new(claims, ownership, options);
        let mut orders = BTreeMap::<CertKey, Order<'_>>::new();
        for (claims, rest) in asking {
            wanted.diagnostics.extend(without_tls(claims));
            for tls in &claims.tls {
                match claims.secret(tls) {
                    Some(key) => orders.entry(key).or_default().add(claims, tls, rest),
                    None => wanted.diagnostics.push(without_secret(claims, tls.place)),
                }
            }
        }
        for claims in all.iter().filter(|c| c.asked.cert_manager.is_some()) {
            for key in claims.tls.iter().filter_map(|tls| claims.secret(tls)) {
                if let Some(order) = orders.get_mut(&key) {
                    order.also_by(claims);
                }
            }
        }
        for (key, order) in &orders {
            let want = order.want(key, &allowed, snapshot, &mut wanted.diagnostics);
            wanted.wants.extend(want);
        }
        wanted
    }

    /// Whether a certificate is to come into this Secret.
    pub(crate) fn has(&self, key: &CertKey) -> bool {
        let found = self.wants.binary_search_by(|want| want.secret.cmp(key));
        found.is_ok()
    }
}

fn off(claims: &Claims) -> Diagnostic {
    let message = "No certificate is ordered, because no ACME authority is named.";
    Diagnostic::new(Code::AcmeOff, claims.object(), message)
        .field(claims.asked.field(claims))
        .hint("--acme-directory URL, or a Secret of your own")
}

/// An Ingress that does not say for what it wants a certificate.
fn without_tls(claims: &Claims) -> Option<Diagnostic> {
    let serves = !claims.rules.is_empty() || claims.default_backend.is_some();
    let message = "It asks for a certificate and has no tls entry, which would say for which names \
                   and into which Secret; none is ordered.";
    let found = Diagnostic::new(Code::AcmeIncomplete, claims.object(), message)
        .field("spec.tls")
        .hint("tls: [{hosts: [shop.example.com], secretName: shop-tls}]");
    (claims.tls.is_empty() && serves).then_some(found)
}

fn without_secret(claims: &Claims, place: usize) -> Diagnostic {
    let message = "It names no Secret that a certificate could be put into; none is ordered.";
    Diagnostic::new(Code::AcmeIncomplete, claims.object(), message)
        .field(format!("spec.tls[{place}].secretName"))
        .hint("secretName: the name of a Secret that need not exist")
}
