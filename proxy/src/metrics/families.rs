//! Every metric family by name: the one list that drives the exposition and its documentation.

/// What kind of family it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only ever goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations by size.
    Histogram,
}

impl Kind {
    /// Its name in the exposition format.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric family.
#[derive(Debug)]
pub(crate) struct Family {
    /// Its name.
    pub(crate) name: &'static str,
    /// What kind it is.
    pub(crate) kind: Kind,
    /// What it says, in one sentence.
    pub(crate) help: &'static str,
    /// Its labels, in order.
    pub(crate) labels: &'static [&'static str],
}

/// The labels of everything that is counted by route, as ingress-nginx has them.
const ROUTE: &[&str] = &[
    "namespace",
    "ingress",
    "service",
    "canary",
    "host",
    "path",
    "method",
    "status",
];

macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub(crate) const $constant: Family = Family {
                name: $name,
                kind: Kind::$kind,
                help: $help,
                labels: $labels,
            };
        )*

        /// Every family, in the order in which they are shown.
        pub(crate) const FAMILIES: &[Family] = &[$($constant,)*];
    };
}

families! {
    REQUESTS = Counter "nginx_ingress_controller_requests" ROUTE,
        "Requests that were answered, by Ingress, Service and status.";
    REQUEST_SECONDS = Histogram "nginx_ingress_controller_request_duration_seconds" ROUTE,
        "From a request's head to the last byte of its response.";
    HEADER_SECONDS = Histogram "nginx_ingress_controller_header_duration_seconds" ROUTE,
        "From the beginning of the last try of an endpoint to the head of its response.";
    RESPONSE_SECONDS = Histogram "nginx_ingress_controller_response_duration_seconds" ROUTE,
        "From the beginning of the last try of an endpoint to the last byte of its response.";
    REQUEST_BYTES = Histogram "nginx_ingress_controller_request_size" ROUTE,
        "The length of a request, its head and its body as far as that was read, in bytes.";
    RESPONSE_BYTES = Histogram "nginx_ingress_controller_response_size" ROUTE,
        "The length of a response's body, in bytes.";
    CONNECTIONS = Gauge "nginx_ingress_controller_nginx_process_connections" &["state"],
        "Client connections now: all that are open (active), with a request in flight (writing), and without (waiting).";
    CONNECTIONS_TOTAL = Counter "nginx_ingress_controller_nginx_process_connections_total" &["state"],
        "Client connections that were accepted.";
    REQUESTS_TOTAL = Counter "nginx_ingress_controller_nginx_process_requests_total" &[],
        "Requests whose head was read.";
    CONFIG_SUCCESS = Gauge "nginx_ingress_controller_config_last_reload_successful" &[],
        "1 when the last configuration was taken whole, 0 when part of it was rejected.";
    CONFIG_TIMESTAMP = Gauge "nginx_ingress_controller_config_last_reload_successful_timestamp_seconds" &[],
        "When the running configuration was put in place, in seconds since 1970.";
    CERT_EXPIRY = Gauge "nginx_ingress_controller_ssl_expire_time_seconds" &["host", "namespace", "secret_name"],
        "When a certificate expires, in seconds since 1970, for each name that it is served for.";
    ACME_EXPIRY = Gauge "portreeve_acme_expire_time_seconds" &["secret"],
        "When a certificate that is kept by ACME expires, in seconds since 1970, labelled with its Secret.";
    ACME_RENEWAL = Gauge "portreeve_acme_renewal_time_seconds" &["secret"],
        "When it is to be renewed, in seconds since 1970, labelled with its Secret.";
    ACME_ATTEMPT = Gauge "portreeve_acme_attempt_time_seconds" &["secret"],
        "When a CA was last asked for it, in seconds since 1970, labelled with its Secret.";
    ACME_FAILING = Gauge "portreeve_acme_failing" &["secret"],
        "How often in a row it could not be had, 0 where all is well, labelled with its Secret.";
    ACME_ORDERS = Counter "portreeve_acme_orders_total" &[],
        "Orders that were made.";
    ACME_ISSUED = Counter "portreeve_acme_certificates_total" &[],
        "Certificates that were issued.";
    ACME_FAILURES = Counter "portreeve_acme_failures_total" &["reason"],
        "Times that a certificate could not be had, by the reason that the line about it names.";
    BUILD = Gauge "nginx_ingress_controller_build_info" &["version"],
        "1, labelled with the version.";
    GENERATION = Gauge "portreeve_config_generation" &[],
        "The number of the running configuration, 0 before there is one.";
    CONFIG_AGE = Gauge "portreeve_config_age_seconds" &[],
        "How long the running configuration has been in place.";
    CONTROLLER_CONNECTED = Gauge "portreeve_controller_connected" &[],
        "1 while a controller keeps the configuration up to date.";
    CONFIG_STALE = Gauge "portreeve_config_stale" &[],
        "1 while what is served was kept from before, because no controller keeps it up to date.";
    CONFIG_RESOURCES = Gauge "portreeve_config_resources" &["kind"],
        "Resources of the running configuration by kind: host, upstream, cert, challenge.";
    ENDPOINTS = Gauge "portreeve_upstream_endpoints" &["namespace", "service", "port", "state"],
        "Endpoints of an upstream by state: ready, draining.";
    IN_FLIGHT = Gauge "portreeve_upstream_requests_in_flight" &["namespace", "service", "port"],
        "Requests that endpoints of an upstream are serving.";
    REFUSALS = Counter "portreeve_refusals_total" &["reason"],
        "Requests that the proxy answered itself with an error, by reason.";
    HANDSHAKES_FAILED = Counter "portreeve_tls_handshakes_failed_total" &[],
        "TLS handshakes with clients that failed.";
    LOG_DROPPED = Counter "portreeve_access_log_dropped_total" &[],
        "Access log lines that were dropped because their reader was too slow.";
    READY = Gauge "portreeve_ready" &[],
        "1 while the proxy is ready for requests.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_each_says_a_sentence() {
        let mut names: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAMILIES.len());
        assert!(FAMILIES.iter().all(|family| family.help.ends_with('.')));
    }
}
