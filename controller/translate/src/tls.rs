//! Which certificate is served for which name.
//!
//! The oldest Ingress wins a name. Where a Secret cannot be used, its names are served with the
//! default certificate, and the Secret is taken up the moment it can be.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use portreeve_table::{Cert, CertKey, HostPattern, Shared};

use crate::acme::Wanted;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::Claims;
use crate::object::{Kind, ObjectKey};
use crate::options::Options;
use crate::ownership::Ownership;
use crate::secret::{Certificate, SecretError, SecretObject};
use crate::snapshot::Snapshot;

/// One entry of `spec.tls`.
#[derive(Clone, Debug)]
pub(crate) struct TlsClaim {
    pub place: usize,
    pub hosts: Vec<TlsHost>,
    /// Addresses among the hosts, each with its place: a certificate may be ordered for them, but
    /// clients name none, so that they get the default certificate.
    pub addresses: Vec<(usize, IpAddr)>,
    /// Whether `hosts` was left out, rather than wrong.
    pub for_all: bool,
    pub secret: Option<Box<str>>,
}

/// One entry of `spec.tls[].hosts`.
#[derive(Clone, Debug)]
pub(crate) struct TlsHost {
    pub place: usize,
    pub host: HostPattern,
    /// Whether no certificate may be served for it. It still says for which hosts of the rules the
    /// entry is.
    pub is_refused: bool,
}

/// The hosts for which an Ingress with a rule for them wants TLS, with or without a usable Secret:
/// one without a rule has no say in how they are served.
pub(crate) fn hosts_with_tls<'a>(claims: &[&'a Claims]) -> BTreeSet<&'a HostPattern> {
    let mut hosts = BTreeSet::new();
    for claims in claims.iter().filter(|claims| !claims.tls.is_empty()) {
        hosts.extend(claims.hosts().filter(|host| has_tls(claims, host)));
        if claims.catch_all().is_some() && claims.tls.iter().any(|tls| tls.for_all) {
            hosts.insert(&HostPattern::Any);
        }
    }
    hosts
}

/// Whether an Ingress itself wants TLS for one of its hosts.
fn has_tls(claims: &Claims, host: &HostPattern) -> bool {
    claims.tls.iter().any(|tls| lists(tls, host))
}

fn lists(tls: &TlsClaim, host: &HostPattern) -> bool {
    let is_it = |listed: &TlsHost| match host {
        HostPattern::Exact(name) => listed.host.matches(name),
        other => listed.host == *other,
    };
    tls.for_all || tls.hosts.iter().any(is_it)
}

/// One entry of an Ingress' `spec.tls`.
#[derive(Clone, Copy)]
struct Claim<'a> {
    claims: &'a Claims,
    tls: &'a TlsClaim,
}

impl<'a> Claim<'a> {
    /// The names that the certificate is meant for, and may be served for.
    fn names(&self) -> Vec<&'a HostPattern> {
        let listed = self.tls.hosts.iter().filter(|listed| !listed.is_refused);
        match self.tls.for_all {
            true => self.claims.hosts().collect(),
            false => listed.map(|listed| &listed.host).collect(),
        }
    }

    /// The hosts of its own rules that the certificate is meant for.
    fn ruled(&self) -> impl Iterator<Item = &'a HostPattern> {
        let tls = self.tls;
        self.claims.hosts().filter(move |host| lists(tls, host))
    }

    /// Whether another entry of the same Ingress names `host` itself, where this one does not.
    fn leaves_to_another(&self, host: &HostPattern) -> bool {
        let names = |tls: &TlsClaim| tls.hosts.iter().any(|listed| listed.host == *host);
        !names(self.tls) && self.claims.tls.iter().any(names)
    }

    fn diagnostic(&self, code: Code, message: String, hint: &str) -> Diagnostic {
        let field = format!("spec.tls[{}]", self.tls.place);
        Diagnostic::new(code, self.claims.object(), message)
            .field(field)
            .hint(hint)
    }

    fn unusable(&self, key: &CertKey, error: SecretError) -> Diagnostic {
        let message = format!(
            "The Secret {key} cannot be served: {error}. Its names get the default certificate."
        );
        self.diagnostic(code(error), message, fix(error))
    }
}

fn code(error: SecretError) -> Code {
    match error {
        SecretError::Missing => Code::SecretMissing,
        SecretError::KeyMismatch => Code::KeyMismatch,
        _ => Code::SecretInvalid,
    }
}

fn fix(error: SecretError) -> &'static str {
    match error {
        SecretError::Missing => {
            "the name of a Secret of type kubernetes.io/tls in the same namespace"
        }
        SecretError::KeyMismatch => "the certificate and the key that were made together",
        _ => "a PEM chain, leaf first, under tls.crt, and its PEM key under tls.key",
    }
}

/// Collects the certificates of all Ingresses, the oldest first.
pub(crate) struct Certificates<'a> {
    snapshot: &'a Snapshot,
    options: &'a Options,
    owners: BTreeMap<HostPattern, (CertKey, Option<&'a ObjectKey>)>,
    wanted: &'a Wanted,
    diagnostics: Vec<Diagnostic>,
}

/// What the certificates of all Ingresses come to.
pub(crate) struct Served {
    pub certs: BTreeMap<CertKey, Shared<Cert>>,
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> Certificates<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, options: &'a Options, wanted: &'a Wanted) -> Self {
        let mut certificates = Self {
            snapshot,
            options,
            owners: BTreeMap::new(),
            wanted,
            diagnostics: Vec::new(),
        };
        certificates.claim_default();
        certificates
    }

    fn claim_default(&mut self) {
        let Some(key) = &self.options.default_cert else {
            return;
        };
        match self.read(key) {
            None => {}
            Some(Ok(_)) => drop(self.owners.insert(HostPattern::Any, (key.clone(), None))),
            Some(Err(error)) => {
                let secret = ObjectKey::new(&key.namespace, &key.secret).reference(Kind::Secret);
                let message = format!("The default certificate cannot be served: {error}.");
                let found = Diagnostic::new(code(error), secret, message);
                self.diagnostics
                    .push(found.hint("a Secret with tls.crt and tls.key that belong together"));
            }
        }
    }

    /// Adds what all Ingresses claim, the oldest first: the hosts of their own rules before the
    /// names that they have no rule for.
    ///
    /// With each come the names that its hosts are reached by as well: they get its certificate
    /// when it covers them, and otherwise quietly do not.
    pub(crate) fn claim(&mut self, all: &[(&'a Claims, Vec<HostPattern>)]) {
        for (claims, also) in all {
            self.claim_ruled(claims, also);
        }
        for (claims, _) in all {
            self.claim_listed(claims);
        }
    }

    fn claim_ruled(&mut self, claims: &'a Claims, also: &[HostPattern]) {
        for tls in &claims.tls {
            let claim = Claim { claims, tls };
            let Some(key) = claims.secret(tls) else {
                continue;
            };
            let Some(Ok(certificate)) = self.read(&key) else {
                continue;
            };
            for host in claim.ruled().chain(also) {
                if certificate.covers(host) && !claim.leaves_to_another(host) {
                    let say = claim.names().contains(&host);
                    self.own(&claim, &key, host, say);
                }
            }
        }
    }

    fn claim_listed(&mut self, claims: &'a Claims) {
        for tls in &claims.tls {
            let claim = Claim { claims, tls };
            let Some(key) = claims.secret(tls) else {
                continue;
            };
            let Some(read) = self.read(&key) else {
                continue;
            };
            match read {
                // It is being ordered, of which others tell.
                Err(SecretError::Missing) if self.wanted.has(&key) => {}
                Err(error) => self.diagnostics.push(claim.unusable(&key, error)),
                Ok(certificate) => self.serve(&claim, &key, &certificate),
            }
        }
    }

    /// The certificate in a Secret; `None` when Secrets are unknown.
    fn read(&self, key: &CertKey) -> Option<Result<Arc<Certificate>, SecretError>> {
        let secret = ObjectKey::new(&key.namespace, &key.secret);
        let secret = self.snapshot.secret(&secret)?;
        Some(
            secret
                .ok_or(SecretError::Missing)
                .and_then(SecretObject::certificate),
        )
    }

    fn serve(&mut self, claim: &Claim<'a>, key: &CertKey, certificate: &Certificate) {
        let mut served = false;
        let ruled: BTreeSet<_> = claim.ruled().collect();
        for name in claim.names() {
            if certificate.covers(name) {
                served = true;
                if !ruled.contains(name) {
                    self.own(claim, key, name, true);
                }
            } else if !claim.tls.for_all {
                let message = format!(
                    "The certificate in {key} does not cover {name}, \
                     which gets the default certificate."
                );
                let hint = "a certificate for this name into the Secret";
                self.diagnostics
                    .push(claim.diagnostic(Code::CertificateNames, message, hint));
            }
        }
        if !served && claim.tls.for_all {
            let message = format!(
                "The certificate in {key} covers no host of this Ingress, so it is not served."
            );
            let hint = "hosts: [the names to serve it for]";
            self.diagnostics
                .push(claim.diagnostic(Code::TlsWithoutNames, message, hint));
        }
        if certificate.not_after < self.options.now {
            let message =
                format!("The certificate in {key} has expired; it is served all the same.");
            let hint = "a renewed certificate into the Secret";
            self.diagnostics
                .push(claim.diagnostic(Code::CertificateExpired, message, hint));
        }
    }

    fn own(&mut self, claim: &Claim<'a>, key: &CertKey, name: &HostPattern, say: bool) {
        let mine = (key.clone(), Some(&claim.claims.key));
        match self.owners.entry(name.clone()) {
            Entry::Vacant(free) => drop(free.insert(mine)),
            Entry::Occupied(taken) if say && taken.get().0 != *key => {
                let (theirs, owner) = taken.get();
                let owner = owner.map(ToString::to_string).unwrap_or_default();
                let message = format!(
                    "{name} already has the certificate in {theirs}, by {owner}, \
                     which has a rule for it, is older or comes first by name; \
                     the one in {key} is not served for it."
                );
                let hint = match theirs.namespace == key.namespace {
                    true => format!("secretName: {}", theirs.secret),
                    false => "hosts without this name".into(),
                };
                self.diagnostics
                    .push(claim.diagnostic(Code::TlsNameTaken, message, &hint));
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Serves the default certificate for hosts that have none, where another namespace's wildcard
    /// would be served instead.
    pub(crate) fn spare<'h>(
        &mut self,
        hosts: impl Iterator<Item = &'h HostPattern>,
        ownership: &Ownership<'_>,
    ) {
        let Some(default) = self.owners.get(&HostPattern::Any).cloned() else {
            return;
        };
        for host in hosts {
            let wildcard = host.wildcard();
            let owner = wildcard.and_then(|wildcard| self.owners.get(&wildcard)?.1);
            if owner.is_some_and(|owner| !ownership.allows(owner, host)) {
                self.owners.entry(host.clone()).or_insert(default.clone());
            }
        }
    }

    pub(crate) fn finish(mut self) -> Served {
        let mut names: BTreeMap<CertKey, Vec<HostPattern>> = BTreeMap::new();
        let owners = std::mem::take(&mut self.owners);
        for (name, (key, _)) in &owners {
            // What the wildcard's owner has is served under the wildcard.
            let wildcard = name.wildcard().and_then(|wildcard| owners.get(&wildcard));
            if wildcard.is_none_or(|(theirs, _)| theirs != key) {
                names.entry(key.clone()).or_default().push(name.clone());
            }
        }
        let certs = names.into_iter().filter_map(|(key, names)| {
            let certificate = self.read(&key)?.ok()?;
            let cert = Cert {
                names,
                chain: certificate.chain.clone(),
                key: certificate.key.clone(),
                not_after: certificate.not_after,
            };
            Some((key, Shared::new(cert)))
        });
        Served {
            certs: certs.collect(),
            diagnostics: self.diagnostics,
        }
    }
}
