//! Kubernetes objects in, a proxy's configuration and diagnostics out.
//!
//! [`translate`] is a pure function: the controller, the admission webhook, the command line,
//! standalone mode and the tests call it and must all get the same answer.
//! This crate must never do IO, read a clock or the environment, or link a runtime; and it cannot
//! fail: whatever the objects say, what is right about them is served.

#![forbid(unsafe_code)]

mod acme;
pub mod annotations;
mod backend;
mod beginning;
mod bounds;
mod challenge;
mod class;
mod closed;
mod code;
mod content;
mod diagnostic;
mod endpoint;
mod external;
mod host;
mod ingress;
pub mod manifest;
mod memo;
mod merge;
mod names;
mod neighbours;
mod object;
mod options;
mod ownership;
mod parameters;
mod path;
mod refused;
mod reserved;
mod route;
mod secret;
pub mod service;
mod slices;
mod snapshot;
mod targets;
mod tls;

use portreeve_table::{Config, Targets};

pub use acme::{
    CertificateWanted, ChallengeChoice, ChallengeChoiceError, KeyType, KeyTypeError, OWNER_MARK,
};
pub use challenge::{CHALLENGE_FIELD, CHALLENGE_TYPE, WrittenChallenge};
pub use class::{Owner, owner};
pub use code::{CODES, Code, CodeEntry, Severity, docs as diagnostics_docs};
pub use content::{Content, Object};
pub use diagnostic::{Diagnostic, NOTE, cut};
pub use memo::Memo;
pub use neighbours::Neighbours;
pub use object::{Kind, ObjectKey, ObjectRef};
pub use options::{ByName, HostOwnership, HostOwnershipError, Options, Own, Profile, ProfileError};
pub use ownership::HOSTS;
pub use secret::SecretObject;
pub use snapshot::Snapshot;

use acme::Wanted;
use ingress::Claims;
use ownership::Ownership;
use tls::Certificates;

/// What the objects come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Translation {
    /// What proxies serve.
    pub config: Config,
    /// What is wrong with which object, sorted by object.
    pub diagnostics: Vec<Diagnostic>,
    /// The certificates that are wanted from an ACME authority, whether or not they are there
    /// already, sorted by Secret, each Secret once.
    pub wants: Vec<CertificateWanted>,
    /// Where requests may be sent and where not.
    pub targets: Targets,
}

/// Translates everything that is known into everything that is served.
pub fn translate(snapshot: &Snapshot, options: &Options) -> Translation {
    translate_again(&mut Memo::default(), snapshot, options)
}

/// The same, sooner, for whoever keeps a memo from one time to the next.
pub fn translate_again(memo: &mut Memo, snapshot: &Snapshot, options: &Options) -> Translation {
    let mut all = memo.claims(snapshot, options);
    // No two have the same age: names differ.
    all.sort_unstable_by(|a, b| a.age().cmp(&b.age()));
    let ownership = Ownership::of(all.iter().map(|claims| &**claims), snapshot, options);
    let mut diagnostics = ownership.diagnostics();
    let admitted = ownership.admit(&all, &mut diagnostics);
    let claims: Vec<&Claims> = admitted.iter().map(|claims| &**claims).collect();
    let with_tls = tls::hosts_with_tls(&claims);
    let mut merged = merge::merge(snapshot, &claims, &with_tls, &ownership);
    let wanted = Wanted::of(&all, &claims, &ownership, snapshot, options);
    let mut certificates = Certificates::new(snapshot, options, &wanted);
    certificates.claim(&names::add(&mut merged, &claims, &ownership));
    certificates.spare(merged.hosts.keys(), &ownership);
    let served = certificates.finish();
    diagnostics.extend(served.diagnostics);
    let challenges = challenge::challenges(snapshot, options, &mut diagnostics);
    diagnostics.extend(wanted.diagnostics);
    diagnostics.extend(
        claims
            .iter()
            .flat_map(|claims| claims.diagnostics.iter().cloned()),
    );
    diagnostics.extend(parameters::diagnostics(snapshot, options));
    let targets = targets::targets(snapshot, options);
    let routes = merged.hosts.values().flat_map(|host| &host.routes);
    let keys = routes.flat_map(route::upstreams);
    let upstreams = memo.upstreams(keys, snapshot, options, &targets, &mut diagnostics);
    diagnostics.append(&mut merged.diagnostics);
    diagnostics.extend(refused::diagnostics(snapshot, &claims, &upstreams));
    snapshot.name_sources(&mut diagnostics);
    diagnostics.sort();
    diagnostics.dedup();
    let config = Config {
        hosts: merged.hosts,
        upstreams,
        certs: served.certs,
        challenges,
    };
    Translation {
        config,
        diagnostics,
        wants: wanted.wants,
        targets,
    }
}
