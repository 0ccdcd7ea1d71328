//! Everything that keeps a request from being answered by an upstream.
//!
//! `respond.rs` is the only place that turns one of these into a response.

use http::StatusCode;
use portreeve_table::PathError;

/// Why a request was not answered by an upstream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The head can be read in two ways.
    #[error("bad request: {0}")]
    BadRequest(#[from] BadRequest),
    /// CONNECT and TRACE are never forwarded.
    #[error("the method is not forwarded")]
    Method,
    /// Longer than any server should have to read.
    #[error("the target is too long")]
    TargetTooLong,
    /// More fields than any client needs.
    #[error("the head has too many fields")]
    TooManyFields,
    /// More in all than a request over HTTP/2 may have.
    #[error("the head is too large")]
    HeadTooLarge,
    /// More than a connection's requests may have at once.
    #[error("the heads of the connection's requests are too large together")]
    HeadsTooLarge,
    /// Anything but `chunked`.
    #[error("the transfer coding is not known")]
    TransferCoding,
    /// Anything but `100-continue`.
    #[error("the expectation cannot be met")]
    Expectation,
    /// No host, or no path of the host.
    #[error("no route")]
    NoRoute,
    /// The client's address is not allowed.
    #[error("the client's address is not allowed")]
    Forbidden,
    /// The body is larger than the route takes.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The body did not come in time.
    #[error("the body did not come in time")]
    BodyTimeout,
    /// The client went away or broke its own framing.
    #[error("the body was cut short or malformed")]
    BodyBroken,
    /// The route cannot be built as asked.
    #[error("the route is closed: {0}")]
    Unavailable(Box<str>),
    /// There is nobody to send it to.
    #[error("no endpoint")]
    NoEndpoint,
    /// There is nobody to send it to but where nothing may be sent.
    #[error("the Service leads where no request may be sent")]
    TargetForbidden,
    /// No connection.
    #[error("connecting failed: {0}")]
    Connect(std::io::Error),
    /// No connection in time.
    #[error("connecting took too long")]
    ConnectTimeout,
    /// The upstream broke off or did not speak HTTP.
    #[error("the upstream failed: {0}")]
    Upstream(hyper::Error),
    /// The upstream's response could be read in two ways.
    #[error("the upstream's response is framed in two ways")]
    UpstreamFraming,
    /// No response in time.
    #[error("the upstream took too long")]
    UpstreamTimeout,
    /// The upstream's answer to an upgrade does not fit the question.
    #[error("the upstream switched protocols unasked")]
    Upgrade,
    /// A rewritten path is no path.
    #[error("the rewritten path is not one: {0}")]
    Rewrite(PathError),
}

/// Which rule a request's head breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRequest {
    /// RFC 9112, section 3.2.
    #[error("there is no Host")]
    NoHost,
    /// More than one, or one that differs from the target's.
    #[error("there are two hosts")]
    TwoHosts,
    /// Not a name or address with an optional port.
    #[error("the Host is not a host")]
    Host,
    /// `*` belongs to OPTIONS.
    #[error("the target is not a path")]
    Asterisk,
    /// A path that servers read differently.
    #[error("{0}")]
    Path(PathError),
}

impl Error {
    /// The status that a client gets.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::BodyBroken | Self::Rewrite(_) => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::TooManyFields | Self::HeadTooLarge | Self::HeadsTooLarge => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable(_) | Self::NoEndpoint | Self::TargetForbidden => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Connect(_) | Self::Upstream(_) | Self::UpstreamFraming | Self::Upgrade => {
                StatusCode::BAD_GATEWAY
            }
            Self::ConnectTimeout | Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The status that nginx logs of an endpoint that failed so; none when it is not to blame.
    pub(crate) fn of_endpoint(&self) -> Option<u16> {
        let is_endpoints = matches!(
            self,
            Self::Connect(_)
                | Self::ConnectTimeout
                | Self::Upstream(_)
                | Self::UpstreamFraming
                | Self::UpstreamTimeout
        );
        is_endpoints.then(|| self.status().as_u16())
    }

    /// Whether somebody else may read the request's head, or find its end, in another way.
    ///
    /// Then nothing that follows it on its connection can be trusted to be a request.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(
            self,
            Self::BadRequest(_) | Self::Method | Self::TransferCoding | Self::BodyBroken
        )
    }

    /// The name under which it is counted (`reason`) and logged.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::BadRequest(BadRequest::NoHost | BadRequest::TwoHosts | BadRequest::Host) => {
                Reason::Host
            }
            Self::BadRequest(_) | Self::Rewrite(_) => Reason::Path,
            Self::Method => Reason::Method,
            Self::TargetTooLong => Reason::TargetTooLong,
            Self::TooManyFields | Self::HeadTooLarge | Self::HeadsTooLarge => Reason::HeadTooLarge,
            Self::TransferCoding => Reason::TransferCoding,
            Self::Expectation => Reason::Expectation,
            Self::NoRoute => Reason::NoRoute,
            Self::Forbidden => Reason::Forbidden,
            Self::BodyTooLarge => Reason::BodyTooLarge,
            Self::BodyTimeout => Reason::BodyTimeout,
            Self::BodyBroken => Reason::BodyBroken,
            Self::Unavailable(_) => Reason::Unavailable,
            Self::NoEndpoint => Reason::NoEndpoint,
            Self::TargetForbidden => Reason::TargetForbidden,
            Self::Connect(_) => Reason::Connect,
            Self::ConnectTimeout => Reason::ConnectTimeout,
            Self::Upstream(_) | Self::UpstreamFraming => Reason::Upstream,
            Self::UpstreamTimeout => Reason::UpstreamTimeout,
            Self::Upgrade => Reason::Upgrade,
        }
    }
}

/// Declares [`Reason`] with its names and texts, once.
macro_rules! reasons {
    ($($variant:ident $name:literal $doc:literal)*) => {
        /// Why the proxy answered a request itself: the `reason` label of metrics and logs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Reason {
            $(#[doc = $doc] $variant,)*
        }

        impl Reason {
            /// Every reason, in order.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, for the documentation.
            #[cfg(test)]
            pub(crate) fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

reasons! {
    Host "host" "The request has no host, two, or one that is none: 400."
    Path "path" "Servers would read the path differently, or a rewrite made it so: 400."
    Method "method" "CONNECT and TRACE are not forwarded: 405."
    TargetTooLong "target_too_long" "The target is longer than 8 KiB: 414."
    HeadTooLarge "head_too_large" "The head is larger than 32 KiB, over HTTP/2 than 8 KiB as HPACK counts, or has more than 100 fields, or an HTTP/2 connection's requests in flight have more than 256 KiB of fields together: 431."
    Malformed "malformed" "What came is not HTTP: 400; or the connection ends, because it was another protocol, or HTTP/2 against its rules."
    TransferCoding "transfer_coding" "The transfer coding is not `chunked`: 501."
    Expectation "expectation" "The expectation is not `100-continue`: 417."
    NoRoute "no_route" "No host or no path takes the request: 404."
    Forbidden "forbidden" "The client's address is not allowed: 403."
    BodyTooLarge "body_too_large" "The body is larger than `proxy-body-size`: 413."
    BodyTimeout "body_timeout" "The client stopped sending its body: 408."
    BodyBroken "body_broken" "The client broke off or its framing is wrong: 400."
    Unavailable "unavailable" "The route could not be built as its Ingress asks: 503."
    NoEndpoint "no_endpoint" "The Service has no endpoint that takes requests: 503."
    TargetForbidden "target_forbidden" "The Service leads only where no request may be sent, such as this machine or the API server: 503."
    Connect "connect" "No connection to any endpoint: 502."
    ConnectTimeout "connect_timeout" "No connection within `proxy-connect-timeout`: 504."
    Upstream "upstream" "The endpoint broke off or did not speak HTTP: 502."
    UpstreamTimeout "upstream_timeout" "No answer within `proxy-read-timeout`, or a gRPC caller's own timeout: 504."
    Upgrade "upgrade" "The endpoint switched protocols unasked, or not as asked: 502."
    HeadTimeout "head_timeout" "The client began a request and did not end its head: 408."
    Overload "overload" "More connections than `--max-connections`: 503."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_name_and_a_sentence() {
        let mut names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Reason::ALL.len());
        assert!(Reason::ALL.iter().all(|reason| reason.doc().ends_with('.')));
    }
}
