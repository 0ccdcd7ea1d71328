//! One route: which requests it takes, what is done to them and where they go.
//!
//! Routes are general enough for the Gateway API: a path, conditions, filters in a fixed order
//! and weighted backends. An Ingress fills only some of it.
//! A route that could not be built as asked says so in its action and answers 503; it is never
//! left out and never weaker than asked.

use std::fmt;
use std::time::Duration;

use http::{HeaderName, Method};
use serde::{Deserialize, Serialize};

use crate::filter::Filter;
use crate::key::UpstreamKey;
use crate::path::NormalPath;
use crate::policy::{Affinity, Policy};
use crate::redirect::Redirect;
use crate::regex::PathRegex;
use crate::rewrite::Template;
use crate::text::Text;

/// One route of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The Ingress that asked for it.
    pub origin: Origin,
    /// The path as its author wrote it; the label of metrics and logs.
    pub rule: Box<str>,
    /// The Service port that its author wrote, when no request is sent there; a label as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<UpstreamKey>,
    /// Which paths it takes.
    pub path: PathMatch,
    /// What else must hold.
    #[serde(default, skip_serializing_if = "Conditions::is_empty")]
    pub conditions: Conditions,
    /// What is checked or changed first, in the order of the enum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// What happens then.
    pub action: Action,
}

/// The object that a route came from: namespace and name of an Ingress.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Which paths a route takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathMatch {
    /// This path and no other, byte for byte.
    Exact(NormalPath),
    /// This path and everything below it, element by element; a trailing slash of the rule does
    /// not matter, but makes it the longer of two.
    Prefix(NormalPath),
    /// Paths whose beginning matches.
    Regex(PathRegex),
}

/// Conditions beside host and path; all must hold.
///
/// A field that is not known is a condition that is not known: without it the route would take
/// more than it was meant to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// One of these methods; empty takes all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Text<Method>>,
    /// Each of these header fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(Text<HeaderName>, ValueMatch)>,
    /// Each of these query parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(Box<str>, ValueMatch)>,
}

impl Conditions {
    /// Whether every request meets them.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a header field or a query parameter must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueMatch {
    /// Present, with any value.
    Present,
    /// Exactly this.
    Exact(Box<str>),
}

/// What happens to a request that a route took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Send it to a backend.
    Forward(Box<Forward>),
    /// Send the client elsewhere.
    Redirect(Redirect),
    /// 404: the path belongs to this host but nothing stands behind it.
    NotFound,
    /// 503: what was asked for could not be built.
    Unavailable {
        /// Why, for the access log and for `/config`.
        reason: Box<str>,
    },
    /// An action that this version does not know; served as [`Action::Unavailable`].
    #[serde(untagged)]
    Unknown(serde_json::Value),
}

/// How a request is forwarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Where to; one is drawn by weight.
    pub backends: Vec<Backend>,
    /// Where to when the drawn backend has no endpoint at all (`default-backend`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Backend>,
    /// What the path becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Template>,
    /// What the `Host` field becomes; otherwise the client's is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<str>>,
    /// How long to wait for what.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Which failures may be tried again.
    #[serde(default)]
    pub retry: Retry,
}

/// One destination of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// The Service port.
    pub upstream: UpstreamKey,
    /// Its share of the route's requests relative to its siblings.
    pub weight: u32,
    /// The protocol to speak; the upstream's own when none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// How an endpoint is chosen.
    #[serde(default)]
    pub policy: Policy,
    /// Whether clients stay with their endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
}

/// The protocol spoken to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// HTTP/2 with prior knowledge; gRPC.
    H2c,
    /// HTTP/2 over TLS; gRPC over TLS.
    H2,
    /// HTTP/1.1, over TLS when the client's request came over TLS.
    Auto,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u32);

impl Millis {
    /// Whole seconds; at most about 49 days.
    pub const fn from_secs(seconds: u32) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The same as a [`Duration`].
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0 as u64)
    }
}

/// How long a forwarded request waits: each is for one gap, none for the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeouts {
    /// Until a connection stands, TLS included.
    pub connect: Millis,
    /// Between two writes of the request.
    pub send: Millis,
    /// Between two reads of the response; also how long a tunnel may be silent.
    pub read: Millis,
}

impl Default for Timeouts {
    /// ingress-nginx's: 5, 60 and 60 seconds.
    fn default() -> Self {
        Self {
            connect: Millis::from_secs(5),
            send: Millis::from_secs(60),
            read: Millis::from_secs(60),
        }
    }
}

/// Which failures may be tried again on another endpoint, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// The failures.
    pub on: Vec<RetryOn>,
    /// Tries in total, the first included; 0 sets no limit but the number of endpoints.
    pub tries: u32,
    /// Whether POST, LOCK and PATCH may be sent twice.
    pub non_idempotent: bool,
}

impl Default for Retry {
    /// ingress-nginx's: `error timeout`, three tries.
    fn default() -> Self {
        Self {
            on: vec![RetryOn::Error, RetryOn::Timeout],
            tries: 3,
            non_idempotent: false,
        }
    }
}

/// A failure that may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// The connection failed or broke before a response.
    Error,
    /// No connection, or no response, in time.
    Timeout,
    /// The response was not HTTP.
    InvalidHeader,
    /// A response with this status.
    #[serde(untagged)]
    Status(u16),
}
