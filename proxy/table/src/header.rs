//! Header fields that concern one connection only and are never forwarded.

use http::HeaderName;

/// Whether a field is one of RFC 9110, section 7.6.1, or of their older relatives.
///
/// What a `Connection` field nominates is hop-by-hop as well; that is the proxy's to look up.
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}
