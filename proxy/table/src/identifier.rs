//! What a certificate is for, in the terms of ACME: a DNS name or an address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::host::HostPattern;
use crate::shorten::shorten;
use crate::text::serde_as_text;

/// A DNS name (RFC 8555, section 9.7.7) or an address (RFC 8738).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identifier {
    /// One name, in lower case and without a trailing dot; never a wildcard.
    Dns(Box<str>),
    /// One address.
    Ip(IpAddr),
}

serde_as_text!(Identifier);

/// Which text is neither a name nor an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither one DNS name nor an address")]
pub struct IdentifierError(String);

impl Identifier {
    /// Whether a request for this host (lower case, without port or trailing dot; an IPv6 address in
    /// brackets) is for it.
    pub fn is_host(&self, host: &str) -> bool {
        match self {
            Self::Dns(name) => **name == *host,
            Self::Ip(IpAddr::V4(address)) => host.parse() == Ok(*address),
            Self::Ip(IpAddr::V6(address)) => {
                let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
                literal.and_then(|literal| literal.parse().ok()) == Some(*address)
            }
        }
    }

    /// The server name of a handshake that asks about it: for an address, its name in the reverse
    /// mapping (RFC 8738, section 6).
    pub fn server_name(&self) -> String {
        match self {
            Self::Dns(name) => name.to_string(),
            Self::Ip(IpAddr::V4(address)) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            Self::Ip(IpAddr::V6(address)) => nibbles(*address) + "ip6.arpa",
        }
    }
}

/// RFC 3596, section 2.5.
fn nibbles(address: Ipv6Addr) -> String {
    let bytes = address.octets().into_iter().rev();
    let nibbles = bytes.flat_map(|byte| [byte & 15, byte >> 4]);
    nibbles.map(|nibble| format!("{nibble:x}.")).collect()
}

impl FromStr for Identifier {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        match HostPattern::parse(text) {
            Ok(HostPattern::Exact(name)) => Ok(Self::Dns(name)),
            _ => Err(IdentifierError(shorten(text).into())),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Identifier {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_or_an_address_is_read_back_from_its_text_and_nothing_else_is_read() {
        for text in ["shop.example", "192.0.2.1", "2001:db8::1"] {
            assert_eq!(read(text).to_string(), text);
        }
        assert_eq!(read("Shop.Example."), read("shop.example"));
        for text in [
            "",
            "*",
            "*.shop.example",
            "a b",
            "[2001:db8::1]",
            "192.0.2.1:80",
        ] {
            assert!(text.parse::<Identifier>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_request_is_for_its_own_name_or_address() {
        for (identifier, host, expected) in [
            ("shop.example", "shop.example", true),
            ("shop.example", "eu.shop.example", false),
            ("shop.example", "", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.10", false),
            ("2001:db8::1", "[2001:db8:0:0::1]", true),
            ("2001:db8::1", "2001:db8::1", false),
            ("2001:db8::1", "[2001:db8::2]", false),
        ] {
            assert_eq!(
                read(identifier).is_host(host),
                expected,
                "{identifier} {host}"
            );
        }
    }

    #[test]
    fn an_address_is_asked_about_by_its_name_in_the_reverse_mapping() {
        assert_eq!(read("shop.example").server_name(), "shop.example");
        assert_eq!(read("192.0.2.1").server_name(), "1.2.0.192.in-addr.arpa");
        let name = read("2001:db8::1").server_name();
        let expected = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(name, expected);
    }
}
