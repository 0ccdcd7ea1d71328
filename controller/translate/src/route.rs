//! One claim with its settings to one route: what is checked, and where requests go.
//!
//! What cannot be built as asked becomes a route that answers 503 and says why; it is never left
//! out and never weaker than asked.

use portreeve_table::{
    Action, Affinity, Backend, Conditions, Cookie, Filter, Forward, Location, Millis, Origin,
    PathMatch, Policy, Redirect, Retry, Route, Timeouts, UpstreamKey,
};

use crate::annotations::{BackendProtocol, Settings, UpstreamSettings};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::ingress::{Claims, PathClaim, PortRef, ServiceRef};
use crate::options::Profile;
use crate::path::rewrites;
use crate::service::{Unresolved, resolve};
use crate::snapshot::Snapshot;

/// ingress-nginx's `proxy-body-size`.
const DEFAULT_BODY: u64 = 1 << 20;

/// ingress-nginx's names and codes where nothing is said.
const DEFAULT_COOKIE: &str = "INGRESSCOOKIE";

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

fn unavailable(reason: impl Into<Box<str>>) -> Action {
    Action::Unavailable {
        reason: reason.into(),
    }
}

impl Routes<'_> {
    /// The route for a path.
    pub(crate) fn build(&mut self, claim: &PathClaim, path: PathMatch) -> Route {
        let action = self.action(claim, &path);
        let mut route = answer(self.claims, &claim.path, path, action);
        if matches!(route.action, Action::Forward(_)) {
            route.filters.extend(self.filters());
            route.filters.sort_by_key(Filter::order);
        }
        route
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

    fn filters(&self) -> Vec<Filter> {
        let Settings {
            redirect,
            upstream,
            allow,
            deny,
            ..
        } = &self.claims.settings;
        let https =
            redirect.force_ssl == Some(true) || (self.host_has_tls && redirect.ssl != Some(false));
        let body = upstream.body_size.unwrap_or(DEFAULT_BODY);
        let filters = [
            (body > 0).then_some(Filter::MaxBody(body)),
            https.then_some(Filter::HttpsRedirect {
                status: 308,
                keep_trailing_slash: redirect.keep_trailing_slash == Some(true),
            }),
            deny.clone().map(Filter::Deny),
            allow.clone().map(Filter::Allow),
        ];
        filters.into_iter().flatten().collect()
    }

    fn backend(
        &mut self,
        claim: &PathClaim,
        service: &ServiceRef,
        path: &PathMatch,
        has_fallback: bool,
    ) -> Result<Backend, Box<str>> {
        let settings = &self.claims.settings.upstream;
        let protocol = match settings.protocol {
            Some(BackendProtocol::FastCgi) => return Err(self.no_fastcgi(claim)),
            Some(BackendProtocol::Speak(protocol)) => Some(protocol),
            None => None,
        };
        let by_service = settings.by_service == Some(true);
        let upstream = resolve(
            self.snapshot,
            &self.claims.key.namespace,
            service,
            by_service,
        );
        let upstream =
            upstream.map_err(|why| self.unresolved(claim, service, why, has_fallback))?;
        let hash = settings.hash_by.clone().map(Policy::Hash);
        Ok(Backend {
            upstream,
            weight: 1,
            protocol,
            policy: hash
                .or_else(|| settings.load_balance.clone())
                .unwrap_or_default(),
            affinity: self.affinity(claim, path),
        })
    }

    fn no_fastcgi(&mut self, claim: &PathClaim) -> Box<str> {
        let message = "FastCGI is not spoken, so the route answers 503.";
        let hint = "HTTP, with an HTTP server before the application";
        self.find(
            Code::BackendUnsupported,
            claim.place.backend_field(),
            message,
            hint,
        );
        "backend-protocol FCGI is not spoken".into()
    }

    fn unresolved(
        &mut self,
        claim: &PathClaim,
        service: &ServiceRef,
        why: Unresolved,
        has_fallback: bool,
    ) -> Box<str> {
        let name = format!("{}/{}", self.claims.key.namespace, service.name);
        let effect = match has_fallback {
            true => "The default backend answers",
            false => "The route answers 503",
        };
        let (code, reason, offered, hint) = match why {
            Unresolved::NoService => {
                let hint = "the name of a Service in the same namespace";
                (
                    Code::ServiceMissing,
                    format!("there is no Service {name}"),
                    None,
                    hint,
                )
            }
            Unresolved::NoPort { offered } => {
                let reason = format!("Service {name} has no port {}", port_text(&service.port));
                (
                    Code::PortMissing,
                    reason,
                    Some(offered),
                    "one of the Service's ports",
                )
            }
        };
        let offered = offered
            .map(|ports| format!("; it has {ports}"))
            .unwrap_or_default();
        let message = format!("{effect}: {reason}{offered}.");
        self.find(code, claim.place.backend_field(), message, hint);
        reason.into()
    }

    /// The Service of `default-backend`, on its first port.
    fn fallback(&mut self) -> Option<Backend> {
        let name = self.claims.settings.default_backend.clone()?;
        let service = ServiceRef {
            name,
            port: PortRef::First,
        };
        match resolve(self.snapshot, &self.claims.key.namespace, &service, false) {
            Ok(upstream) => Some(Backend {
                upstream,
                weight: 1,
                protocol: None,
                policy: Policy::default(),
                affinity: None,
            }),
            Err(_) => {
                let message = format!(
                    "The default backend is not used: \
                     there is no Service {} with a port in the same namespace.",
                    service.name
                );
                let hint = "the name of a Service in the same namespace";
                self.find(
                    Code::ServiceMissing,
                    self.claims.annotation_field("default-backend"),
                    message,
                    hint,
                );
                None
            }
        }
    }

    fn affinity(&mut self, claim: &PathClaim, path: &PathMatch) -> Option<Affinity> {
        let settings = &self.claims.settings.affinity;
        if !settings.by_cookie {
            return None;
        }
        let is_regex = matches!(path, PathMatch::Regex(_));
        let default_path = if is_regex {
            "/".into()
        } else {
            claim.path.clone()
        };
        let cookie = Cookie {
            name: settings
                .name
                .clone()
                .unwrap_or_else(|| DEFAULT_COOKIE.into()),
            path: settings.path.clone().unwrap_or(default_path),
            domain: settings.domain.clone(),
            same_site: settings.same_site.clone(),
            conditional_same_site_none: settings.conditional_same_site_none == Some(true),
            expires: settings.expires,
            max_age: settings.max_age,
            secure: settings.secure == Some(true),
        };
        let affinity = Affinity {
            mode: settings.mode.unwrap_or_default(),
            change_on_failure: settings.change_on_failure == Some(true),
            cookie,
        };
        if is_regex && settings.path.is_none() {
            let message = format!(
                "{:?} is a regular expression, so the affinity cookie's path is /.",
                claim.path
            );
            let hint = "the annotation session-cookie-path";
            self.find(
                Code::CookiePathNeeded,
                claim.place.path_field(),
                message,
                hint,
            );
        }
        Some(affinity)
    }

    fn check_groups(&mut self, claim: &PathClaim, path: &PathMatch, highest: u8) {
        let groups = match path {
            PathMatch::Regex(regex) => regex.compile().map_or(0, |regex| regex.group_count()),
            _ => 0,
        };
        if usize::from(highest) > groups {
            let path = &claim.path;
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

    fn find(&mut self, code: Code, field: String, message: impl Into<String>, hint: &str) {
        let found = Diagnostic::new(code, self.claims.object(), message);
        self.diagnostics.push(found.field(field).hint(hint));
    }
}

/// `temporal-redirect` and `permanent-redirect`: they come before every check.
fn moved(settings: &Settings) -> Option<Action> {
    let redirects = &settings.redirect;
    let temporal = redirects.temporal.clone();
    let temporal = temporal.map(|url| (redirects.temporal_code.unwrap_or(302), url));
    let permanent = redirects.permanent.clone();
    let permanent = permanent.map(|url| (redirects.permanent_code.unwrap_or(301), url));
    let (status, url) = temporal.or(permanent)?;
    Some(redirect(status, Location::Url(url)))
}

fn timeouts(settings: &UpstreamSettings) -> Timeouts {
    let or = |seconds: Option<u32>, default| seconds.map_or(default, Millis::from_secs);
    let default = Timeouts::default();
    Timeouts {
        connect: or(settings.connect_timeout, default.connect),
        send: or(settings.send_timeout, default.send),
        read: or(settings.read_timeout, default.read),
    }
}

fn retry(settings: &UpstreamSettings) -> Retry {
    let default = Retry::default();
    let (on, non_idempotent) = match settings.retry_on.clone() {
        Some(conditions) => (conditions.on, conditions.non_idempotent),
        None => (default.on, default.non_idempotent),
    };
    let tries = settings.tries.unwrap_or(default.tries);
    Retry {
        on,
        tries,
        non_idempotent,
    }
}

fn port_text(port: &PortRef) -> String {
    match port {
        PortRef::Number(number) => number.to_string(),
        PortRef::Name(name) => format!("{name:?}"),
        PortRef::First => "at all".into(),
    }
}

/// Takes over into `route` what `claims` asks of all its requests, when they are answered by
/// another Ingress' backend.
pub(crate) fn restrict(route: &mut Route, claims: &Claims) {
    let Settings { allow, deny, .. } = &claims.settings;
    if let Some(reason) = &claims.closed {
        route.action = unavailable(reason.clone());
    }
    route.filters.extend(deny.clone().map(Filter::Deny));
    route.filters.extend(allow.clone().map(Filter::Allow));
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

/// The Ingress that a route came from, in a message.
pub(crate) fn owner(route: &Route) -> &Origin {
    &route.origin
}
