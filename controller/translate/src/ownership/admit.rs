//! Claims without what their namespace may not use.

use std::sync::Arc;

use portreeve_table::HostPattern;

use crate::diagnostic::Diagnostic;
use crate::ingress::Claims;

use super::Ownership;

impl Ownership<'_> {
    /// What is left of claims, in their order; what is not, is said.
    pub(crate) fn admit(
        &self,
        claims: &[Arc<Claims>],
        found: &mut Vec<Diagnostic>,
    ) -> Vec<Arc<Claims>> {
        let left = |claims: &Arc<Claims>| {
            let refused = self.refused(claims);
            let is_whole = refused.is_empty();
            found.extend(refused);
            match is_whole {
                true => Arc::clone(claims),
                false => Arc::new(self.rest(claims)),
            }
        };
        match self {
            Self::Any => claims.to_vec(),
            Self::First(_) | Self::Listed(_) => claims.iter().map(left).collect(),
        }
    }

    /// What is to be said of all that an Ingress claims and may not use.
    fn refused(&self, claims: &Claims) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut check = |host: &HostPattern, field: &dyn Fn() -> String, effect: &str| {
            let refusal = self.refusal(&claims.key.namespace, host);
            let refused =
                refusal.map(|refusal| refusal.diagnostic(claims.object(), field(), effect));
            let is_refused = refused.is_some();
            found.extend(refused);
            is_refused
        };
        for rule in &claims.rules {
            let field = || format!("spec.rules[{}].host", rule.place);
            check(&rule.host, &field, "the rule is not served");
        }
        if let Some(default) = claims.catch_all() {
            let field = || default.place.field();
            check(&HostPattern::Any, &field, "the default backend is not used");
        }
        let aliases = claims.settings.aliases.as_slice();
        let alias_field = || claims.annotation_field("server-alias");
        let first = claims.hosts().next().filter(|_| !aliases.is_empty());
        let is_lost = |first| check(first, &alias_field, "none of its other names is served");
        if !first.is_some_and(is_lost) {
            for alias in aliases {
                check(alias, &alias_field, "the name is not served");
            }
        }
        for tls in &claims.tls {
            for listed in &tls.hosts {
                let field = || format!("spec.tls[{}].hosts[{}]", tls.place, listed.place);
                check(&listed.host, &field, "the certificate is not served for it");
            }
        }
        found
    }

    /// What an Ingress claims and may use.
    fn rest(&self, claims: &Claims) -> Claims {
        let mut rest = claims.clone();
        let may = |host: &HostPattern| self.allows(&claims.key, host);
        rest.rules.retain(|rule| may(&rule.host));
        if claims.catch_all().is_some() && !may(&HostPattern::Any) {
            rest.default_backend = None;
        }
        // They stand for the first host, and for no other in its place.
        match claims.hosts().next().is_none_or(may) {
            true => rest.settings.aliases.retain(may),
            false => rest.settings.aliases.clear(),
        }
        for tls in &mut rest.tls {
            for listed in &mut tls.hosts {
                listed.is_refused = !may(&listed.host);
            }
        }
        // What is for all hosts of an Ingress that has none left is for nothing.
        let is_bare = rest.rules.is_empty() && rest.catch_all().is_none();
        rest.tls.retain(|tls| !(tls.for_all && is_bare));
        rest
    }
}
