//! What an affinity cookie says: 64 bits, written as sixteen hexadecimal digits.
//!
//! A cookie comes from the client, so it is read as bytes, and whatever this proxy would not have
//! written is no session.

use std::fmt;
use std::net::SocketAddr;

use portreeve_table::Secret;

/// A session: a key that is hashed over the endpoints, or the name of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Session(u64);

impl Session {
    pub(crate) fn new(key: u64) -> Self {
        Self(key)
    }

    /// The name of the endpoint at `address`: the same on every replica and after every restart.
    ///
    /// It is a one-way hash, so the cookie does not show how a cluster is laid out. Somebody who
    /// hashes every private address can still find it, and then knows a pod's address: that opens
    /// no door, and a secret that all replicas share would be one more to keep.
    pub(crate) fn of_endpoint(address: SocketAddr) -> Self {
        let name = Secret::new(format!("portreeve session {address}"));
        Self(parse(name.fingerprint().as_bytes()).unwrap_or_default())
    }

    pub(crate) fn key(self) -> u64 {
        self.0
    }

    /// The session in a request's `Cookie` fields, under this name; the first when there are many.
    pub(crate) fn read<'a>(name: &str, fields: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let pairs = fields
            .into_iter()
            .flat_map(|field| field.split(|b| *b == b';'));
        let mut values = pairs.filter_map(|pair| value_of(name.as_bytes(), pair));
        values.find_map(parse).map(Self)
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The value in `name=value` or `name="value"`.
fn value_of<'a>(name: &[u8], pair: &'a [u8]) -> Option<&'a [u8]> {
    let value = pair.trim_ascii().strip_prefix(name)?.strip_prefix(b"=")?;
    let unquoted = value
        .strip_prefix(b"\"")
        .and_then(|v| v.strip_suffix(b"\""));
    Some(unquoted.unwrap_or(value))
}

/// Sixteen lower-case hexadecimal digits.
fn parse(digits: &[u8]) -> Option<u64> {
    if digits.len() != 16 {
        return None;
    }
    digits.iter().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(fields: &[&str]) -> Option<u64> {
        let fields = fields.iter().map(|field| field.as_bytes());
        Session::read("SRV", fields).map(Session::key)
    }

    #[test]
    fn the_first_that_can_be_read_counts() {
        for (fields, expected) in [
            (&["SRV=00000000000000ff"][..], Some(255)),
            (&["a=b; SRV=00000000000000ff; c=d"], Some(255)),
            (&["a=b", "SRV=00000000000000ff"], Some(255)),
            (&["a=b;SRV=\"00000000000000ff\""], Some(255)),
            (
                &["SRV=; SRV=0000000000000001; SRV=0000000000000002"],
                Some(1),
            ),
            (&[], None),
            (&["", ";;;", "="], None),
            (&["srv=00000000000000ff"], None), // names are case-sensitive
            (&["XSRV=00000000000000ff"], None),
            (&["SRV =00000000000000ff"], None),
            (&["SRV=00000000000000FF"], None), // not as we write it
            (&["SRV=00000000000000f"], None),
            (&["SRV=00000000000000fff"], None),
            (&["SRV=\"00000000000000ff"], None),
            (&["SRV=+0000000000000ff"], None),
            (&["SRV=1724.3|0cc175b9c0f1b6a8"], None), // ingress-nginx's
        ] {
            assert_eq!(read(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn the_name_of_an_endpoint_never_changes_and_shows_no_address() {
        let name = |address: &str| Session::of_endpoint(address.parse().unwrap()).to_string();
        assert_eq!(name("10.0.0.1:8080"), "a04b578e291dfa47");
        assert_ne!(name("10.0.0.1:8080"), name("10.0.0.1:8081"));
        assert_ne!(name("10.0.0.1:80"), name("[::ffff:10.0.0.1]:80"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(key: u64, before in "[a-z=;\" ]{0,12}", after in "[a-z=;\" ]{0,12}") {
            let field = format!("{before};SRV={};{after}", Session::new(key));
            prop_assert_eq!(read(&[&field]), Some(key));
        }

        #[test]
        fn hostile_bytes_do_no_harm(fields in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4)) {
            Session::read("SRV", fields.iter().map(Vec::as_slice));
            Session::read("", fields.iter().map(Vec::as_slice));
        }
    }
}
