//! What the annotations of one Ingress say, as typed values. What the proxy does about it is
//! decided elsewhere: nothing here has an effect.

use portreeve_table::{
    AffinityMode, HashKey, HostPattern, Location, Policy, Protocol, Ranges, RetryOn, Template,
};

use crate::acme::{ChallengeChoice, KeyType};

/// What the annotations of one Ingress say. `None` and empty mean that nothing was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `rewrite-target`.
    pub rewrite: Option<Template>,
    /// `use-regex`.
    pub use_regex: Option<bool>,
    /// `app-root`.
    pub app_root: Option<Box<str>>,
    /// `server-alias`.
    pub aliases: Vec<HostPattern>,
    /// `from-to-www-redirect`.
    pub from_to_www: Option<bool>,
    /// `default-backend`.
    pub default_backend: Option<Box<str>>,
    /// `upstream-vhost`.
    pub upstream_vhost: Option<Box<str>>,
    /// The redirect annotations.
    pub redirect: RedirectSettings,
    /// The annotations about connections to backends.
    pub upstream: UpstreamSettings,
    /// The annotations about sessions.
    pub affinity: AffinitySettings,
    /// `whitelist-source-range`.
    pub allow: Option<Ranges>,
    /// `denylist-source-range`.
    pub deny: Option<Ranges>,
    /// The annotations about certificates by ACME.
    pub acme: AcmeSettings,
}

/// `acme` and its relatives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcmeSettings {
    /// `acme`.
    pub wanted: Option<bool>,
    /// `acme-profile`.
    pub profile: Option<Box<str>>,
    /// `acme-key-type`.
    pub key_type: Option<KeyType>,
    /// `acme-challenge`.
    pub challenge: Option<ChallengeChoice>,
}

/// `permanent-redirect`, `ssl-redirect` and their relatives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedirectSettings {
    /// `ssl-redirect`.
    pub ssl: Option<bool>,
    /// `force-ssl-redirect`.
    pub force_ssl: Option<bool>,
    /// `preserve-trailing-slash`.
    pub keep_trailing_slash: Option<bool>,
    /// `permanent-redirect`.
    pub permanent: Option<Location>,
    /// `permanent-redirect-code`.
    pub permanent_code: Option<u16>,
    /// `temporal-redirect`.
    pub temporal: Option<Location>,
    /// `temporal-redirect-code`.
    pub temporal_code: Option<u16>,
}

/// `backend-protocol`, `load-balance`, the timeouts and their relatives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// `backend-protocol`.
    pub protocol: Option<BackendProtocol>,
    /// `service-upstream`.
    pub by_service: Option<bool>,
    /// `load-balance`.
    pub load_balance: Option<Policy>,
    /// `upstream-hash-by`.
    pub hash_by: Option<HashKey>,
    /// `proxy-connect-timeout`, in seconds.
    pub connect_timeout: Option<u32>,
    /// `proxy-send-timeout`, in seconds.
    pub send_timeout: Option<u32>,
    /// `proxy-read-timeout`, in seconds.
    pub read_timeout: Option<u32>,
    /// `proxy-body-size`, in bytes; 0 sets no limit.
    pub body_size: Option<u64>,
    /// `proxy-next-upstream`.
    pub retry_on: Option<RetryConditions>,
    /// `proxy-next-upstream-tries`.
    pub tries: Option<u32>,
}

/// A protocol as an annotation names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendProtocol {
    /// One that the proxy speaks.
    Speak(Protocol),
    /// FastCGI, which it does not.
    FastCgi,
}

/// `proxy-next-upstream`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetryConditions {
    /// The failures.
    pub on: Vec<RetryOn>,
    /// Whether POST, LOCK and PATCH may be sent twice.
    pub non_idempotent: bool,
}

/// `affinity` and `session-cookie-*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AffinitySettings {
    /// `affinity: cookie`.
    pub by_cookie: bool,
    /// `affinity-mode`.
    pub mode: Option<AffinityMode>,
    /// `session-cookie-name`.
    pub name: Option<Box<str>>,
    /// `session-cookie-path`.
    pub path: Option<Box<str>>,
    /// `session-cookie-domain`.
    pub domain: Option<Box<str>>,
    /// `session-cookie-samesite`.
    pub same_site: Option<Box<str>>,
    /// `session-cookie-conditional-samesite-none`.
    pub conditional_same_site_none: Option<bool>,
    /// `session-cookie-expires`, in seconds.
    pub expires: Option<u32>,
    /// `session-cookie-max-age`, in seconds.
    pub max_age: Option<u32>,
    /// `session-cookie-secure`.
    pub secure: Option<bool>,
    /// `session-cookie-change-on-failure`.
    pub change_on_failure: Option<bool>,
}
