//! Which addresses a tenant may have requests sent to.

use std::net::IpAddr;

/// Whether an address may be an endpoint: those that mean this machine, its link or nobody in
/// particular would let the author of a Service reach what only the proxy may reach.
///
/// The API server refuses the same in EndpointSlices. `allow_loopback` is for manifests that the
/// proxy's own operator wrote.
pub fn may_be_endpoint(address: IpAddr, allow_loopback: bool) -> bool {
    let address = address.to_canonical();
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    (!address.is_loopback() || allow_loopback)
        && !address.is_unspecified()
        && !address.is_multicast()
        && !link_local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_or_nobodys_is_no_endpoint() {
        for (address, expected) in [
            ("10.0.0.1", true),
            ("2001:db8::1", true),
            ("169.254.169.254", false),
            ("fe80::1", false),
            ("0.0.0.0", false),
            ("::", false),
            ("224.0.0.1", false),
            ("ff02::1", false),
            ("255.255.255.255", false),
            ("::ffff:169.254.1.1", false),
        ] {
            assert_eq!(
                may_be_endpoint(address.parse().unwrap(), false),
                expected,
                "{address}"
            );
        }
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let address = address.parse().unwrap();
            assert!(!may_be_endpoint(address, false) && may_be_endpoint(address, true));
        }
    }
}
