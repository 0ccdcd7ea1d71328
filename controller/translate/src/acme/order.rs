//! One Secret, and all Ingresses that want a certificate put into it.

use std::collections::BTreeSet;

use portreeve_table::{CertKey, HostPattern, Identifier};

use super::{Allowed, CertificateWanted, OWNER_MARK};
use crate::annotations::AcmeSettings;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::Claims;
use crate::object::ObjectKey;
use crate::snapshot::Snapshot;
use crate::tls::TlsClaim;

/// How many names one certificate may have: as many as the authorities in use allow.
const NAMES: usize = 100;

/// Who wants a certificate in one Secret, the oldest first.
#[derive(Default)]
pub(super) struct Order<'a> {
    by: Vec<Entry<'a>>,
    /// The oldest Ingress that wants it of cert-manager.
    also_by: Option<&'a Claims>,
}

/// An entry that names the Secret.
struct Entry<'a> {
    claims: &'a Claims,
    tls: &'a TlsClaim,
    /// The same Ingress without what its namespace may not use.
    rest: &'a Claims,
}

/// A name as an entry says it, and where.
struct Listed {
    name: Result<Identifier, HostPattern>,
    field: String,
}

impl<'a> Order<'a> {
    /// An entry that names the Secret.
    pub(super) fn add(&mut self, claims: &'a Claims, tls: &'a TlsClaim, rest: &'a Claims) {
        self.by.push(Entry { claims, tls, rest });
    }

    /// An Ingress that asks cert-manager for the same.
    pub(super) fn also_by(&mut self, claims: &'a Claims) {
        self.also_by.get_or_insert(claims);
    }

    /// The certificate to order, if there is one; what stands against it is added to `found`.
    pub(super) fn want(
        &self,
        key: &CertKey,
        allowed: &Allowed<'_>,
        snapshot: &Snapshot,
        found: &mut Vec<Diagnostic>,
    ) -> Option<CertificateWanted> {
        if let Some(other) = self.also_by {
            found.extend(self.say(|claims, tls| of_cert_manager(claims, tls, key, other)));
            return None;
        }
        if is_foreign(key, snapshot) {
            found.extend(self.say(|claims, tls| taken(claims, tls, key)));
            return None;
        }
        let names = self.names(allowed, found);
        let many = self.count();
        if many > NAMES {
            found.extend(self.say(|claims, tls| too_many(claims, tls, key, many)));
            return None;
        }
        let oldest = self.by.first().filter(|_| !names.is_empty())?.claims;
        let AcmeSettings {
            profile,
            key_type,
            challenge,
            ..
        } = oldest.settings.acme.clone();
        let younger = self.by.iter().filter(|by| by.claims.key != oldest.key);
        found.extend(younger.flat_map(|by| overruled(by.claims, key, oldest)));
        Some(CertificateWanted {
            origin: oldest.key.origin(),
            secret: key.clone(),
            names: names.into_iter().collect(),
            profile,
            key_type,
            challenge,
        })
    }

    fn say(
        &self,
        what: impl Fn(&Claims, &TlsClaim) -> Diagnostic,
    ) -> impl Iterator<Item = Diagnostic> {
        self.by.iter().map(move |by| what(by.claims, by.tls))
    }

    /// How many names all entries have, whether or not they may have a certificate: who is told
    /// that these are too many depends on nobody else.
    fn count(&self) -> usize {
        let listed = self.by.iter().flat_map(|by| listed(by.claims, by.tls));
        let names = listed.filter_map(|listed| listed.name.ok());
        names.collect::<BTreeSet<_>>().len()
    }

    /// The names of all entries that may have a certificate.
    fn names(&self, allowed: &Allowed<'_>, found: &mut Vec<Diagnostic>) -> BTreeSet<Box<str>> {
        let mut names = BTreeSet::new();
        for Entry { claims, tls, rest } in &self.by {
            if tls.for_all && listed(claims, tls).is_empty() {
                found.push(nameless(claims, tls));
            }
            let tls = rest.tls.iter().find(|it| it.place == tls.place);
            let listed = tls.map(|tls| listed(rest, tls));
            for Listed { name, field } in listed.into_iter().flatten() {
                let refused = match &name {
                    Ok(name) => allowed.refusal(claims, name, &|| field.clone()),
                    Err(wildcard) => Some(unproven(claims, wildcard, &field)),
                };
                match (refused, name) {
                    (None, Ok(name)) => drop(names.insert(name.to_string().into())),
                    (refused, _) => found.extend(refused),
                }
            }
        }
        names
    }
}

/// The names of an entry, but for those that its namespace may not use, of which that was said.
fn listed(claims: &Claims, tls: &TlsClaim) -> Vec<Listed> {
    let entry = format!("spec.tls[{}]", tls.place);
    let at = |place: usize| format!("{entry}.hosts[{place}]");
    let named = |host: &HostPattern, field: String| match host {
        HostPattern::Exact(name) => Some(Listed {
            name: Ok(Identifier::Dns(name.clone())),
            field,
        }),
        HostPattern::Wildcard(_) => Some(Listed {
            name: Err(host.clone()),
            field,
        }),
        HostPattern::Any => None,
    };
    if tls.for_all {
        let hosts: BTreeSet<_> = claims.hosts().collect();
        let hosts = hosts.into_iter();
        return hosts
            .filter_map(|host| named(host, entry.clone()))
            .collect();
    }
    let hosts = tls.hosts.iter().filter(|listed| !listed.is_refused);
    let hosts = hosts.filter_map(|listed| named(&listed.host, at(listed.place)));
    let addresses = tls.addresses.iter().map(|(place, address)| Listed {
        name: Ok(Identifier::Ip(*address)),
        field: at(*place),
    });
    hosts.chain(addresses).collect()
}

/// Whether there is a Secret that is not ours to write. One that is unknown may be.
fn is_foreign(key: &CertKey, snapshot: &Snapshot) -> bool {
    let key = ObjectKey::new(&key.namespace, &key.secret);
    let secret = snapshot.secret(&key).flatten();
    secret.is_some_and(|secret| {
        let annotations = secret.secret().metadata.annotations.as_ref();
        annotations.is_none_or(|all| !all.contains_key(OWNER_MARK))
    })
}

fn at_secret(code: Code, claims: &Claims, tls: &TlsClaim, message: String) -> Diagnostic {
    let field = format!("spec.tls[{}].secretName", tls.place);
    Diagnostic::new(code, claims.object(), message).field(field)
}

fn of_cert_manager(claims: &Claims, tls: &TlsClaim, key: &CertKey, other: &Claims) -> Diagnostic {
    let annotation = other.asked.cert_manager.unwrap_or_default();
    let by = match other.key == claims.key {
        true => annotation.to_string(),
        false => format!("{annotation} of {}", other.key),
    };
    let message = format!(
        "cert-manager is asked for the certificate in {key} as well, by {by}; it is left to \
         cert-manager."
    );
    at_secret(Code::AcmeCertManager, claims, tls, message).hint("one of the two annotations")
}

fn taken(claims: &Claims, tls: &TlsClaim, key: &CertKey) -> Diagnostic {
    let message = format!(
        "The Secret {key} was not ordered by Portreeve, as it has no annotation {OWNER_MARK}; it \
         is served as it is and never written."
    );
    let hint = format!(
        "the name of a Secret that does not exist, or the annotation {OWNER_MARK} with the URL of \
         the authority's directory on this one, to hand it over"
    );
    at_secret(Code::AcmeSecretTaken, claims, tls, message).hint(hint)
}

fn too_many(claims: &Claims, tls: &TlsClaim, key: &CertKey, many: usize) -> Diagnostic {
    let message = format!(
        "The certificate in {key} would have {many} names, and {NAMES} are allowed; none is ordered."
    );
    at_secret(Code::AcmeTooManyNames, claims, tls, message)
        .hint("several entries, each with a Secret of its own")
}

fn nameless(claims: &Claims, tls: &TlsClaim) -> Diagnostic {
    let message =
        "It lists no hosts, and the Ingress has no rule for one; no certificate is ordered.";
    Diagnostic::new(Code::AcmeIncomplete, claims.object(), message)
        .field(format!("spec.tls[{}].hosts", tls.place))
        .hint("hosts: [shop.example.com]")
}

fn unproven(claims: &Claims, wildcard: &HostPattern, field: &str) -> Diagnostic {
    let message = format!(
        "{wildcard} is a wildcard, which an authority grants only by DNS; no certificate is ordered \
         for it."
    );
    Diagnostic::new(Code::AcmeWildcard, claims.object(), message)
        .field(field)
        .hint("each name by itself, or cert-manager with a DNS-01 issuer, or a Secret of your own")
}

/// What a younger Ingress says otherwise about a certificate than the oldest.
fn overruled(claims: &Claims, key: &CertKey, oldest: &Claims) -> Vec<Diagnostic> {
    let (mine, theirs) = (&claims.settings.acme, &oldest.settings.acme);
    let differ = [
        (
            "acme-profile",
            mine.profile.is_some() && mine.profile != theirs.profile,
        ),
        (
            "acme-key-type",
            mine.key_type.is_some() && mine.key_type != theirs.key_type,
        ),
        (
            "acme-challenge",
            mine.challenge.is_some() && mine.challenge != theirs.challenge,
        ),
    ];
    let differ = differ.into_iter().filter(|(_, differs)| *differs);
    let found = differ.map(|(name, _)| {
        let message = format!(
            "The certificate in {key} is ordered as {}, which is older, says; this is not looked at.",
            oldest.key
        );
        Diagnostic::new(Code::AnnotationIgnored, claims.object(), message)
            .field(claims.annotation_field(name))
            .hint("the same on both, or another Secret")
    });
    found.collect()
}
