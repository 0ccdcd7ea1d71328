//! One claim with its settings to one route: what is checked, and where requests go.
//!
//! What cannot be built as asked becomes a route that answers 503 and says why; it is never left
//! out and never weaker than asked.

use portreeve_table::{
    Action, Conditions, Filter, Forward, Location, PathMatch, Redirect, Route, UpstreamKey,
    legible, shorten,
};

use crate::annotations::Settings;
use crate::backend::{retry, timeouts};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::{Claims, PathClaim};
use crate::options::Profile;
use crate::path::rewrites;
use crate::service::resolve;
use crate::snapshot::Snapshot;

/// ingress-nginx's `proxy-body-size`.
const DEFAULT_BODY: u64 = 1 << 20;

/// Makes the routes of one Ingress on one host.
pub(crate) struct Routes<'a> {
    pub snapshot: &'a Snapshot,
    pub claims: &'a Claims,
    /// Whether some Ingress wants TLS for the host.
    pub host_has_tls: bool,
    pub diagnostics: &'a mut Vec<Diagnostic>,
}

/// A route of an Ingress that only answers.
pub(crate) fn answer(claims: &Claims, rule: &str, path: PathMatch, action: Action) -> Route {
    let nginx = claims.profile == Profile::Nginx;
    Route {
        origin: claims.key.origin(),
        rule: rule.into(),
        instead_of: None,
        path,
        conditions: Conditions::default(),
        filters: nginx.then_some(Filter::HideServer).into_iter().collect(),
        action,
    }
}

/// A redirect to a place with a status.
pub(crate) fn redirect(status: u16, to: Location) -> Action {
    Action::Redirect(Redirect { status, to })
}

/// 503, for a reason that logs show.
pub(crate) fn unavailable(reason: impl Into<String>) -> Action {
    Action::Unavailable {
        reason: legible(reason).into(),
    }
}

impl Routes<'_> {
    /// The route for a path.
    pub(crate) fn build(&mut self, claim: &PathClaim, path: PathMatch) -> Route {
        let action = self.action(claim, &path);
        let mut route = answer(self.claims, &claim.path, path, action);
        if matches!(route.action, Action::Forward(_)) {
            route
                .filters
                .extend(filters(&self.claims.settings, self.host_has_tls));
            route.filters.sort_by_key(Filter::order);
        } else {
            route.instead_of = self.written(claim);
        }
        route
    }

    /// The Service port that a path names, if there is one.
    fn written(&self, claim: &PathClaim) -> Option<UpstreamKey> {
        let service = claim.backend.as_ref().ok()?;
        let by_service = self.claims.settings.upstream.by_service == Some(true);
        resolve(
            self.snapshot,
            &self.claims.key.namespace,
            service,
            by_service,
        )
        .ok()
    }

    fn action(&mut self, claim: &PathClaim, path: &PathMatch) -> Action {
        let settings = &self.claims.settings;
        if let Some(reason) = &self.claims.closed {
            return unavailable(reason.clone());
        }
        if let Some(action) = moved(settings) {
            return action;
        }
        let rewrite = settings
            .rewrite
            .clone()
            .filter(|_| rewrites(self.claims, claim));
        if let Some(target) = &rewrite {
            self.check_groups(claim, path, target.highest_group());
        }
        if let Some(url) = rewrite.clone().filter(|target| target.is_url()) {
            return redirect(302, Location::Template(url));
        }
        let fallback = self.fallback();
        let backend = match &claim.backend {
            Ok(service) => self.backend(claim, service, path, fallback.is_some()),
            Err(bad) => Err(bad.why().into()),
        };
        let (backend, fallback) = match (backend, fallback) {
            (Ok(backend), fallback) => (backend, fallback),
            (Err(_), Some(fallback)) => (fallback, None),
            (Err(reason), None) => return unavailable(reason),
        };
        Action::Forward(Box::new(Forward {
            backends: vec![backend],
            fallback,
            rewrite,
            host: settings.upstream_vhost.clone(),
            timeouts: timeouts(&settings.upstream),
            retry: retry(&settings.upstream),
        }))
    }

    fn check_groups(&mut self, claim: &PathClaim, path: &PathMatch, highest: u8) {
        let groups = match path {
            PathMatch::Regex(regex) => regex.check().map_or(0, |shape| shape.groups),
            _ => 0,
        };
        if usize::from(highest) > groups {
            let path = shorten(&claim.path);
            let message = format!(
                "rewrite-target refers to ${highest}, and the groups of {path:?} are {groups}; \
                 what is missing is empty."
            );
            let hint = match groups {
                0 => format!(
                    "{}(/|$)(.*), with pathType: ImplementationSpecific",
                    path.trim_end_matches('/')
                ),
                _ => "a path with as many groups, or a target with fewer".into(),
            };
            self.find(
                Code::RewriteGroupMissing,
                claim.place.path_field(),
                message,
                &hint,
            );
        }
    }

    pub(crate) fn find(
        &mut self,
        code: Code,
        field: String,
        message: impl Into<String>,
        hint: &str,
    ) {
        let found = Diagnostic::new(code, self.claims.object(), message);
        self.diagnostics.push(found.field(field).hint(hint));
    }
}

fn filters(settings: &Settings, host_has_tls: bool) -> Vec<Filter> {
    let body = settings.upstream.body_size.unwrap_or(DEFAULT_BODY);
    let body = (body > 0).then_some(Filter::MaxBody(body));
    body.into_iter()
        .chain(restrictions(settings, host_has_tls))
        .collect()
}

/// What settings ask of every request, whoever answers it.
fn restrictions(settings: &Settings, host_has_tls: bool) -> impl Iterator<Item = Filter> {
    let Settings {
        redirect,
        allow,
        deny,
        ..
    } = settings;
    let https = redirect.force_ssl == Some(true) || (host_has_tls && redirect.ssl != Some(false));
    let filters = [
        https.then_some(Filter::HttpsRedirect {
            status: 308,
            keep_trailing_slash: redirect.keep_trailing_slash == Some(true),
        }),
        deny.clone().map(Filter::Deny),
        allow.clone().map(Filter::Allow),
    ];
    filters.into_iter().flatten()
}

/// `temporal-redirect` and `permanent-redirect`: they come before every check.
pub(crate) fn moved(settings: &Settings) -> Option<Action> {
    let redirects = &settings.redirect;
    let temporal = redirects.temporal.clone();
    let temporal = temporal.map(|url| (redirects.temporal_code.unwrap_or(302), url));
    let permanent = redirects.permanent.clone();
    let permanent = permanent.map(|url| (redirects.permanent_code.unwrap_or(301), url));
    let (status, url) = temporal.or(permanent)?;
    Some(redirect(status, url))
}

/// Takes over into `route` what `claims` asks of all requests of a host that its rule without
/// paths claims, when another Ingress' backend answers them, or nobody.
pub(crate) fn restrict(route: &mut Route, claims: &Claims, host_has_tls: bool) {
    if let Some(reason) = &claims.closed {
        route.origin = claims.key.origin();
        route.action = unavailable(reason.clone());
    }
    if matches!(
        route.action,
        Action::Redirect(_) | Action::Unavailable { .. }
    ) {
        return;
    }
    for filter in restrictions(&claims.settings, host_has_tls) {
        let is_there = |known: &Filter| match filter {
            Filter::HttpsRedirect { .. } => matches!(known, Filter::HttpsRedirect { .. }),
            _ => *known == filter,
        };
        if !route.filters.iter().any(is_there) {
            route.filters.push(filter);
        }
    }
    route.filters.sort_by_key(Filter::order);
}

/// The Service ports that a route sends requests to.
pub(crate) fn upstreams(route: &Route) -> impl Iterator<Item = &UpstreamKey> {
    let forward = match &route.action {
        Action::Forward(forward) => Some(forward),
        _ => None,
    };
    let backends = forward
        .into_iter()
        .flat_map(|f| f.backends.iter().chain(&f.fallback));
    backends.map(|backend| &backend.upstream)
}
