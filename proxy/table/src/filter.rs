//! What is checked or changed before a request is forwarded, with its parameters already parsed.
//!
//! The order of the enum is the order in which filters run, so nobody can put a check behind
//! the step that makes it useless.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize, Serializer};

use crate::shorten::shorten;

/// One step. The order of the variants is the order in which they run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// Answers 413 when the request's body is larger, in bytes; 0 sets no limit.
    MaxBody(u64),
    /// Sends plain requests to the same URL over TLS with this status, except ACME challenges.
    HttpsRedirect {
        /// The status, 300 to 308.
        status: u16,
        /// Whether a trailing slash of the path is kept.
        keep_trailing_slash: bool,
    },
    /// Answers 403 to clients in these ranges.
    Deny(Ranges),
    /// Answers 403 to clients in none of these ranges.
    Allow(Ranges),
    /// Removes the `Server` field from responses.
    HideServer,
    /// A filter that this version does not know: its route answers 503.
    #[serde(untagged)]
    Unknown(serde_json::Value),
}

impl Filter {
    /// The place of this filter among others.
    pub fn order(&self) -> u8 {
        match self {
            Self::MaxBody(_) => 0,
            Self::HttpsRedirect { .. } => 1,
            Self::Deny(_) => 2,
            Self::Allow(_) => 3,
            Self::HideServer => 4,
            Self::Unknown(_) => 5,
        }
    }
}

/// Ranges of addresses; an IPv4 range also holds the IPv6 form of its addresses (`::ffff:a.b.c.d`).
///
/// Every route of an Ingress has the same ones, so they are shared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<IpNet>")]
pub struct Ranges(#[serde(serialize_with = "slice")] Arc<[IpNet]>);

fn slice<S: Serializer>(ranges: &Arc<[IpNet]>, serializer: S) -> Result<S::Ok, S::Error> {
    ranges.serialize(serializer)
}

impl From<Vec<IpNet>> for Ranges {
    fn from(ranges: Vec<IpNet>) -> Self {
        Self(ranges.into())
    }
}

/// Which piece of a list is not a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address or a range; write for example 10.0.0.0/8 or 2001:db8::1")]
pub struct RangesError(pub String);

impl Ranges {
    /// How many they are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether `address` is in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(&address))
    }
}

impl FromStr for Ranges {
    type Err = RangesError;

    /// Addresses and ranges, separated by commas.
    fn from_str(text: &str) -> Result<Self, RangesError> {
        let range = |piece: &str| {
            let net = piece.parse::<IpNet>();
            let net = net.or_else(|_| piece.parse::<IpAddr>().map(IpNet::from));
            let net = net.ok().and_then(canonical);
            net.ok_or_else(|| RangesError(shorten(piece).into()))
        };
        let pieces = text.split(',').map(str::trim).filter(|p| !p.is_empty());
        let mut ranges: Vec<_> = pieces.map(range).collect::<Result<_, _>>()?;
        if ranges.is_empty() {
            return Err(RangesError(shorten(text).into()));
        }
        ranges.sort();
        ranges.dedup();
        Ok(ranges.into())
    }
}

/// Addresses are compared in their own family, so a range of `::ffff:0:0/96` becomes the IPv4 range
/// that it is. One that holds that and more would miss what it says it holds.
pub(crate) fn canonical(net: IpNet) -> Option<IpNet> {
    let IpNet::V6(v6) = net.trunc() else {
        return Some(net.trunc());
    };
    let mapped = v6.network().to_ipv4_mapped();
    match (mapped, v6.prefix_len()) {
        (Some(v4), length @ 96..) => Ipv4Net::new(v4, length - 96).ok().map(IpNet::V4),
        (_, 0) => Some(IpNet::V6(v6)),
        _ => (!v6.contains(&MAPPED)).then_some(IpNet::V6(v6)),
    }
}

/// The first of the IPv4 addresses as IPv6 writes them.
const MAPPED: Ipv6Addr = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_addresses_in_both_families() {
        let ranges: Ranges = "10.0.0.0/8, 192.0.2.7,2001:db8::/32".parse().unwrap();
        for (address, expected) in [
            ("10.255.0.1", true),
            ("::ffff:10.1.2.3", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(
                ranges.contains(address.parse().unwrap()),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn an_ipv4_range_may_be_written_as_ipv6() {
        for (range, address, expected) in [
            ("::ffff:127.0.0.1", "127.0.0.1", true),
            ("::ffff:127.0.0.1", "::ffff:127.0.0.1", true),
            ("::ffff:127.0.0.0/104", "127.255.0.1", true),
            ("::ffff:127.0.0.0/104", "128.0.0.1", false),
            ("::ffff:0:0/96", "203.0.113.7", true),
            ("::ffff:0:0/96", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
        ] {
            let ranges: Ranges = range.parse().unwrap();
            let found = ranges.contains(address.parse().unwrap());
            assert_eq!(found, expected, "{range} {address}");
        }
    }

    #[test]
    fn the_piece_that_is_no_range_is_named() {
        for (list, piece) in [
            ("::/64", "::/64"), // it would hold some IPv4 addresses only
            ("10.0.0.0/8,nope", "nope"),
            ("10.0.0.0/33", "10.0.0.0/33"),
            ("", ""),
        ] {
            assert_eq!(list.parse::<Ranges>(), Err(RangesError(piece.into())));
        }
    }
}
