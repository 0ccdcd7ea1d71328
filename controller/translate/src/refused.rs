//! What is said of an Ingress whose Service leads where no request may be sent.
//!
//! It is said of the Service or its EndpointSlice too: whoever wrote the Ingress need not see these.

use std::collections::BTreeMap;

use portreeve_table::{Shared, Upstream, UpstreamKey};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::{Claims, PathClaim};
use crate::service::resolve;
use crate::snapshot::Snapshot;

/// The findings, by Ingress and path.
pub(crate) fn diagnostics(
    snapshot: &Snapshot,
    claims: &[&Claims],
    upstreams: &BTreeMap<UpstreamKey, Shared<Upstream>>,
) -> Vec<Diagnostic> {
    let refused = upstreams.iter();
    let refused = refused.filter(|(_, upstream)| upstream.refused.is_some());
    let refused: BTreeMap<_, _> = refused.collect();
    // Nearly always.
    if refused.is_empty() {
        return Vec::new();
    }
    let of_claims = |claims: &Claims| -> Vec<_> {
        let rules = claims.rules.iter().flat_map(|rule| &rule.paths);
        let paths = rules.chain(&claims.default_backend);
        let by_service = claims.settings.upstream.by_service == Some(true);
        let found = paths.filter_map(|path| {
            let service = path.backend.as_ref().ok()?;
            let key = resolve(snapshot, &claims.key.namespace, service, by_service).ok()?;
            let upstream = refused.get(&key)?;
            diagnostic(claims, path, &service.name, upstream)
        });
        found.collect()
    };
    claims.iter().copied().flat_map(of_claims).collect()
}

fn diagnostic(
    claims: &Claims,
    path: &PathClaim,
    service: &str,
    upstream: &Upstream,
) -> Option<Diagnostic> {
    let to = upstream.refused.as_deref()?;
    let has_fallback = claims.settings.default_backend.is_some();
    let effect = match (upstream.endpoints.is_empty(), has_fallback) {
        (false, _) => "so it is left out",
        (true, false) => "so the route answers 503",
        (true, true) => "so the default backend answers",
    };
    let message = format!("Service {service} leads to {to}; no request is sent there, {effect}.");
    let found = Diagnostic::new(Code::TargetForbidden, claims.object(), message);
    let hint = "a Service that leads to Pods; an administrator may allow it with --allow-target";
    Some(found.field(path.place.backend_field()).hint(hint))
}
