//! Where requests may be sent, whatever the author of a Service says.
//!
//! An address that means this machine, its link or nobody in particular would let that author reach
//! what only the proxy may reach; so would the API server and our own listeners. An administrator
//! may allow more, and forbid more. The API server itself refuses little of this: in EndpointSlices
//! some ranges, and in external names nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::filter::canonical;
use crate::shorten;

/// Why requests may not be sent somewhere.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    thiserror::Error,
)]
#[serde(rename_all = "kebab-case")]
pub enum Forbidden {
    /// 127.0.0.0/8 and ::1: this machine.
    #[error("an address of this machine")]
    Loopback,
    /// 169.254.0.0/16 and fe80::/10: this link, and what clouds tell their machines.
    #[error("a link-local address, where clouds tell their machines secrets")]
    LinkLocal,
    /// Where some clouds tell their machines what is theirs, elsewhere than on the link.
    #[error("an address where a cloud tells its machines secrets")]
    Metadata,
    /// 0.0.0.0/8 and ::, which Linux takes for this machine.
    #[error("an address that means no machine or this one")]
    Unspecified,
    /// 224.0.0.0/4, ff00::/8 and 255.255.255.255.
    #[error("an address of many machines")]
    Multicast,
    /// What the control plane is told by.
    #[error("the Kubernetes API server")]
    ApiServer,
    /// A listener of a controller or of a proxy that is not for clients.
    #[error("a listener of the ingress controller itself")]
    Own,
    /// An administrator said so.
    #[error("an address that the administrator forbids")]
    Listed,
}

/// Some addresses, on one port or on all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetRange {
    range: IpNet,
    port: Option<u16>,
}

/// Which text is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no target; write ADDRESS, ADDRESS/LENGTH or either with :PORT, such as 10.0.0.0/8, 10.0.0.1:443 or [fd00::/8]:443"
)]
pub struct TargetRangeError(Box<str>);

impl TargetRange {
    /// One address on every port.
    pub fn host(address: IpAddr) -> Self {
        Self {
            range: address.to_canonical().into(),
            port: None,
        }
    }

    fn takes(&self, to: SocketAddr) -> bool {
        self.range.contains(&to.ip()) && self.port.is_none_or(|port| port == to.port())
    }
}

impl From<SocketAddr> for TargetRange {
    fn from(address: SocketAddr) -> Self {
        Self {
            port: Some(address.port()),
            ..Self::host(address.ip())
        }
    }
}

impl FromStr for TargetRange {
    type Err = TargetRangeError;

    fn from_str(text: &str) -> Result<Self, TargetRangeError> {
        let (range, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (range, rest) = rest.split_once(']').unwrap_or((rest, "]"));
                (range, (!rest.is_empty()).then_some(rest.strip_prefix(':')))
            }
            // More than one colon is in an IPv6 address.
            None => match text.split_once(':') {
                Some((range, port)) if !port.contains(':') => (range, Some(Some(port))),
                _ => (text, None),
            },
        };
        let error = || TargetRangeError(shorten(text).into());
        let range = range.parse().or_else(|_| range.parse().map(IpAddr::into));
        let range = range.ok().and_then(canonical).ok_or_else(error)?;
        let port = match port {
            None => None,
            Some(port) => Some(port.and_then(|it| it.parse().ok()).ok_or_else(error)?),
        };
        Ok(Self { range, port })
    }
}

impl fmt::Display for TargetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.range, self.port) {
            (range, None) => write!(f, "{range}"),
            (IpNet::V4(range), Some(port)) => write!(f, "{range}:{port}"),
            (IpNet::V6(range), Some(port)) => write!(f, "[{range}]:{port}"),
        }
    }
}

impl Serialize for TargetRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TargetRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where requests may be sent and where not: what is allowed goes before everything, then what is
/// forbidden here, then what is forbidden everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Targets {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    allow: BTreeSet<TargetRange>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    deny: BTreeMap<TargetRange, Forbidden>,
}

impl Targets {
    /// Everything that is usual and this machine too: for manifests that its own operator wrote.
    pub fn local() -> Self {
        let mut targets = Self::default();
        for address in [
            Ipv4Addr::LOCALHOST.into(),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        ] {
            let length = if address.is_ipv4() { 8 } else { 128 };
            let range = IpNet::new(address, length).map(|range| range.trunc());
            let port = None;
            targets
                .allow
                .extend(range.map(|range| TargetRange { range, port }));
        }
        targets
    }

    /// Whether nothing is said beside what is forbidden everywhere.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Allows this, whatever forbids it.
    pub fn allow(&mut self, target: TargetRange) {
        self.allow.insert(target);
    }

    /// Forbids this. What is forbidden already keeps its reason.
    pub fn deny(&mut self, target: TargetRange, why: Forbidden) {
        self.deny.entry(target).or_insert(why);
    }

    /// Whether requests may be sent there.
    ///
    /// # Errors
    /// When they may not, with the reason.
    pub fn check(&self, to: SocketAddr) -> Result<(), Forbidden> {
        let to = SocketAddr::new(to.ip().to_canonical(), to.port());
        if self.allow.iter().any(|target| target.takes(to)) {
            return Ok(());
        }
        // A translator between the families leads to the address that it holds.
        let inner = translated(to.ip()).map(|ip| SocketAddr::new(ip, to.port()));
        for to in [Some(to), inner].into_iter().flatten() {
            let denied = self.deny.iter().find(|(target, _)| target.takes(to));
            if let Some(why) = denied.map(|(_, why)| *why).or_else(|| everywhere(to.ip())) {
                return Err(why);
            }
        }
        Ok(())
    }
}

/// What is forbidden everywhere.
fn everywhere(address: IpAddr) -> Option<Forbidden> {
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    let is_nobodys = match address {
        IpAddr::V4(v4) => v4.octets().first() == Some(&0),
        IpAddr::V6(v6) => v6.is_unspecified(),
    };
    let rows = [
        (address.is_loopback(), Forbidden::Loopback),
        (is_link_local, Forbidden::LinkLocal),
        (METADATA.contains(&address), Forbidden::Metadata),
        (is_nobodys, Forbidden::Unspecified),
        (address.is_multicast() || is_broadcast, Forbidden::Multicast),
    ];
    rows.into_iter()
        .find(|(is_so, _)| *is_so)
        .map(|(_, why)| why)
}

/// Azure, Alibaba Cloud, Oracle Cloud, AWS and Google Cloud, where it is not 169.254.169.254.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// The IPv4 address in one of 64:ff9b::/96 (RFC 6052).
fn translated(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else {
        return None;
    };
    let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = v6.segments() else {
        return None;
    };
    let bits = u32::from(high) << 16 | u32::from(low);
    Some(Ipv4Addr::from_bits(bits).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(allow: &[&str], deny: &[&str]) -> Targets {
        let mut targets = Targets::default();
        for text in allow {
            targets.allow(text.parse().unwrap());
        }
        for text in deny {
            targets.deny(text.parse().unwrap(), Forbidden::Listed);
        }
        targets
    }

    fn check(targets: &Targets, to: &str) -> Option<Forbidden> {
        targets.check(to.parse().unwrap()).err()
    }

    #[test]
    fn what_is_ours_or_nobodys_is_no_target() {
        use Forbidden::{LinkLocal, Loopback, Metadata, Multicast, Unspecified};
        for (to, why) in [
            ("10.0.0.1:80", None),
            ("[2001:db8::1]:80", None),
            ("127.0.0.1:80", Some(Loopback)),
            ("127.255.0.9:80", Some(Loopback)),
            ("[::1]:80", Some(Loopback)),
            ("[::ffff:127.0.0.1]:80", Some(Loopback)),
            ("[64:ff9b::7f00:1]:80", Some(Loopback)),
            ("169.254.169.254:80", Some(LinkLocal)),
            ("[::ffff:169.254.1.1]:80", Some(LinkLocal)),
            ("[64:ff9b::a9fe:a9fe]:80", Some(LinkLocal)),
            ("[fe80::1]:80", Some(LinkLocal)),
            ("168.63.129.16:80", Some(Metadata)),
            ("[fd00:ec2::254]:80", Some(Metadata)),
            ("0.0.0.0:80", Some(Unspecified)),
            ("0.1.2.3:80", Some(Unspecified)),
            ("[::]:80", Some(Unspecified)),
            ("224.0.0.1:80", Some(Multicast)),
            ("[ff02::1]:80", Some(Multicast)),
            ("255.255.255.255:80", Some(Multicast)),
        ] {
            assert_eq!(check(&Targets::default(), to), why, "{to}");
        }
    }

    #[test]
    fn an_administrator_forbids_more_and_allows_whatever_is_forbidden() {
        let targets = targets(
            &["127.0.0.1:8080", "10.1.0.0/16", "fe80::1"],
            &["10.0.0.0/8", "192.0.2.1:443", "[2001:db8::/32]:443"],
        );
        for (to, why) in [
            ("127.0.0.1:8080", None),
            ("[::ffff:127.0.0.1]:8080", None),
            ("127.0.0.1:8081", Some(Forbidden::Loopback)),
            ("[fe80::1]:1", None),
            ("10.1.2.3:80", None),
            ("10.2.2.3:80", Some(Forbidden::Listed)),
            ("[64:ff9b::a02:203]:80", Some(Forbidden::Listed)),
            ("192.0.2.1:443", Some(Forbidden::Listed)),
            ("192.0.2.1:80", None),
            ("[2001:db8::7]:443", Some(Forbidden::Listed)),
            ("[2001:db8::7]:80", None),
        ] {
            assert_eq!(check(&targets, to), why, "{to}");
        }
        let local = Targets::local();
        for to in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80"] {
            assert_eq!(check(&local, to), None, "{to}");
        }
        assert_eq!(check(&local, "[fe80::1]:80"), Some(Forbidden::LinkLocal));
    }

    #[test]
    fn a_target_is_written_as_it_is_read() {
        for (text, written) in [
            ("10.0.0.1", "10.0.0.1/32"),
            ("10.0.0.1:443", "10.0.0.1/32:443"),
            ("10.1.2.3/8:443", "10.0.0.0/8:443"),
            ("fd00::/8", "fd00::/8"),
            ("[fd00::]", "fd00::/128"),
            ("[fd00::1/8]:443", "[fd00::/8]:443"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ] {
            let target: TargetRange = text.parse().unwrap();
            assert_eq!(target.to_string(), written);
            assert_eq!(written.parse(), Ok(target));
        }
        for text in [
            "",
            "x",
            "10.0.0.1:",
            "10.0.0.1:x",
            "10.0.0.0/33",
            "[fd00::",
            "[fd00::]443",
        ] {
            assert!(text.parse::<TargetRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_is_lost_on_the_wire_and_what_is_usual_is_nothing() {
        let targets = targets(&["127.0.0.1"], &["10.0.0.0/8:443"]);
        let text = serde_json::to_string(&targets).unwrap();
        assert_eq!(serde_json::from_str::<Targets>(&text).unwrap(), targets);
        assert!(!targets.is_usual() && Targets::default().is_usual());
        assert_eq!(serde_json::to_string(&Targets::default()).unwrap(), "{}");
    }
}
