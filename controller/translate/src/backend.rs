//! Where the requests of a route go: Service, protocol, policy, affinity, patience.

use portreeve_table::{
    Affinity, Backend, Cookie, Millis, PathMatch, Policy, Retry, Timeouts, shorten,
};

use crate::annotations::{AffinitySettings, BackendProtocol, UpstreamSettings, is_attribute};
use crate::code::Code;
use crate::ingress::{PathClaim, PortRef, ServiceRef};
use crate::route::Routes;
use crate::service::{Unresolved, resolve};

/// ingress-nginx's `session-cookie-name`.
const DEFAULT_COOKIE: &str = "INGRESSCOOKIE";

impl Routes<'_> {
    /// The backend of a path, or why there is none.
    pub(crate) fn backend(
        &mut self,
        claim: &PathClaim,
        service: &ServiceRef,
        path: &PathMatch,
        has_fallback: bool,
    ) -> Result<Backend, Box<str>> {
        let settings = &self.claims.settings.upstream;
        let protocol = match settings.protocol {
            Some(BackendProtocol::FastCgi) => return Err(self.no_fastcgi(claim, has_fallback)),
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

    fn no_fastcgi(&mut self, claim: &PathClaim, has_fallback: bool) -> Box<str> {
        let message = match has_fallback {
            true => "FastCGI is not spoken, so the default backend answers.",
            false => "FastCGI is not spoken, so the route answers 503.",
        };
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
        let name = format!("{}/{}", self.claims.key.namespace, shorten(&service.name));
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
    pub(crate) fn fallback(&mut self) -> Option<Backend> {
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
        let (default_path, why) = match path {
            PathMatch::Regex(_) => ("/", Some("is a regular expression")),
            PathMatch::Exact(path) | PathMatch::Prefix(path) => match is_attribute(path.as_str()) {
                true => (path.as_str(), None),
                false => ("/", Some("holds what ends the attribute of a cookie")),
            },
        };
        if let (Some(why), None) = (why, &settings.path) {
            let rule = shorten(&claim.path);
            let message = format!("{rule:?} {why}, so the affinity cookie's path is /.");
            let hint = "the annotation session-cookie-path";
            self.find(
                Code::CookiePathNeeded,
                claim.place.path_field(),
                message,
                hint,
            );
        }
        Some(Affinity {
            mode: settings.mode.unwrap_or_default(),
            change_on_failure: settings.change_on_failure == Some(true),
            cookie: cookie(settings, default_path),
        })
    }
}

/// How long requests wait.
pub(crate) fn timeouts(settings: &UpstreamSettings) -> Timeouts {
    let or = |seconds: Option<u32>, default| seconds.map_or(default, Millis::from_secs);
    let default = Timeouts::default();
    Timeouts {
        connect: or(settings.connect_timeout, default.connect),
        send: or(settings.send_timeout, default.send),
        read: or(settings.read_timeout, default.read),
    }
}

/// Which failures are tried again.
pub(crate) fn retry(settings: &UpstreamSettings) -> Retry {
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
        PortRef::Name(name) => format!("{:?}", shorten(name)),
        PortRef::First => "at all".into(),
    }
}

fn cookie(settings: &AffinitySettings, default_path: &str) -> Cookie {
    let name = settings.name.clone();
    let path = settings.path.clone();
    Cookie {
        name: name.unwrap_or_else(|| DEFAULT_COOKIE.into()),
        path: path.unwrap_or_else(|| default_path.into()),
        domain: settings.domain.clone(),
        same_site: settings.same_site.clone(),
        conditional_same_site_none: settings.conditional_same_site_none == Some(true),
        expires: settings.expires,
        max_age: settings.max_age,
        secure: settings.secure == Some(true),
    }
}
