//! The names of resources: structured, so that two different things can never share one.
//!
//! A key is never built by joining strings that a tenant wrote; its text form is only for people
//! and for the wire, and is unambiguous because Kubernetes names hold neither `/` nor `:`.

use std::fmt;
use std::str::FromStr;

use crate::host::HostPattern;
use crate::text::serde_as_text;

/// Why a text is not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct KeyError {
    text: String,
    expected: &'static str,
}

impl KeyError {
    fn new(text: &str, expected: &'static str) -> Self {
        Self {
            text: text.into(),
            expected,
        }
    }
}

/// How an upstream reaches its Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// Each endpoint by its own address, balanced by the proxy.
    Endpoints,
    /// The Service's cluster IP, balanced by the cluster (`service-upstream`).
    ClusterIp,
}

/// One port of one Service: `shop/web:80`, or `shop/web:80@cluster-ip`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamKey {
    /// Namespace of the Service.
    pub namespace: Box<str>,
    /// Name of the Service.
    pub service: Box<str>,
    /// The Service's port, which is not always the endpoints'.
    pub port: u16,
    /// How it is reached.
    pub via: Via,
}

serde_as_text!(UpstreamKey);

impl fmt::Display for UpstreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.namespace, self.service, self.port)?;
        match self.via {
            Via::Endpoints => Ok(()),
            Via::ClusterIp => f.write_str("@cluster-ip"),
        }
    }
}

impl FromStr for UpstreamKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError::new(text, "an upstream such as namespace/service:80");
        let (key, via) = match text.strip_suffix("@cluster-ip") {
            Some(key) => (key, Via::ClusterIp),
            None => (text, Via::Endpoints),
        };
        let (namespace, rest) = key.split_once('/').ok_or_else(error)?;
        let (service, port) = rest.split_once(':').ok_or_else(error)?;
        Ok(Self {
            namespace: namespace.into(),
            service: service.into(),
            port: port.parse().map_err(|_| error())?,
            via,
        })
    }
}

/// One TLS Secret: `shop/tls`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertKey {
    /// Namespace of the Secret.
    pub namespace: Box<str>,
    /// Name of the Secret.
    pub secret: Box<str>,
}

serde_as_text!(CertKey);

impl fmt::Display for CertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.secret)
    }
}

impl FromStr for CertKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (namespace, secret) = text
            .split_once('/')
            .ok_or_else(|| KeyError::new(text, "a Secret such as namespace/name"))?;
        Ok(Self {
            namespace: namespace.into(),
            secret: secret.into(),
        })
    }
}

/// The token of an ACME challenge (RFC 8555, section 8.3; RFC 8737, section 3): base64url letters
/// only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(Box<str>);

serde_as_text!(Token);

impl Token {
    /// The token as it stands in the path of an HTTP-01 challenge.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Token {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if (1..=128).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.into()))
        } else {
            Err(KeyError::new(text, "a token of 1 to 128 base64url letters"))
        }
    }
}

/// The name of any resource: `host/a.example`, `upstream/shop/web:80`, `cert/shop/tls`, `challenge/x`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKey {
    /// A virtual host.
    Host(HostPattern),
    /// A Service port with its endpoints.
    Upstream(UpstreamKey),
    /// A certificate.
    Cert(CertKey),
    /// An ACME challenge.
    Challenge(Token),
}

serde_as_text!(ResourceKey);

impl ResourceKey {
    /// What kind of resource it names: what stands before the first slash.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Host(_) => "host",
            Self::Upstream(_) => "upstream",
            Self::Cert(_) => "cert",
            Self::Challenge(_) => "challenge",
        }
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(key) => write!(f, "host/{key}"),
            Self::Upstream(key) => write!(f, "upstream/{key}"),
            Self::Cert(key) => write!(f, "cert/{key}"),
            Self::Challenge(key) => write!(f, "challenge/{key}"),
        }
    }
}

impl FromStr for ResourceKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError::new(text, "a resource such as host/shop.example");
        let (kind, name) = text.split_once('/').ok_or_else(error)?;
        match kind {
            "host" => name.parse().map(Self::Host).map_err(|_| error()),
            "upstream" => name.parse().map(Self::Upstream),
            "cert" => name.parse().map(Self::Cert),
            "challenge" => name.parse().map(Self::Challenge),
            _ => Err(error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read_back_from_its_text() {
        for text in [
            "host/*",
            "host/*.shop.example",
            "upstream/shop/web:80",
            "upstream/shop/web:80@cluster-ip",
            "cert/shop/tls",
            "challenge/abc-_9",
        ] {
            let key: ResourceKey = text.parse().unwrap();
            assert_eq!(key.to_string(), text);
            assert_eq!(Some(key.kind()), text.split('/').next());
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in [
            "",
            "host",
            "host/a b",
            "upstream/shop/web",
            "upstream/shop/web:x",
            "upstream/shop/web:70000",
            "cert/tls",
            "challenge/../x",
            "pod/a",
        ] {
            assert!(text.parse::<ResourceKey>().is_err(), "{text}");
        }
    }
}
