//! Lines that are JSON objects.

use std::time::SystemTime;

use http::HeaderValue;
use jiff::Timestamp;
use serde::Serialize;

use super::{Line, Outcome};

/// Declares the fields of a line with their texts, once.
macro_rules! fields {
    ($($name:ident: $kind:ty, $doc:literal;)*) => {
        #[derive(Serialize)]
        struct JsonLine<'a> {
            $($name: $kind,)*
        }

        /// Every field and what it says, in order.
        #[cfg(test)]
        pub(crate) const FIELDS: &[(&str, &str)] = &[$((stringify!($name), $doc),)*];
    };
}

// The keys that ingress-nginx documents, and the Ingress, the upstream and the reason.
fields! {
    time: String, "When the request had ended.";
    remote_addr: String, "The client's address.";
    x_forwarded_for: Option<String>, "The request's `X-Forwarded-For`, as it came.";
    request_id: Option<&'a str>, "The `X-Request-ID` that the endpoint got; without an endpoint the client's own, or a new one.";
    bytes_sent: u64, "The length of the response's body, as far as it was handed on.";
    request_time: f64, "Seconds from the request's head to the end of its response.";
    status: u16, "The response's status; 499 when the client went away before there was one, 444 when what it sent was not answered.";
    vhost: Option<String>, "The host that was asked.";
    request_proto: Option<String>, "The version of HTTP.";
    path: Option<&'a str>, "The path as it came, without the query.";
    request_query: Option<&'a str>, "The query.";
    request_length: u64, "The length of the request, its head and its body, as far as it was read, without the framing of chunks; 0 of what never became a request. The length of an HTTP/1 head is that of its request line and its fields, each with one space behind its colon. Of an HTTP/2 head it is that of the names and values of all fields before they are compressed.";
    method: Option<&'a str>, "The method.";
    http_referrer: Option<String>, "The request's `Referer`.";
    http_user_agent: Option<String>, "The request's `User-Agent`.";
    namespace: Option<&'a str>, "The namespace of the Ingress.";
    ingress_name: Option<&'a str>, "The Ingress that took the request.";
    service_name: Option<&'a str>, "The Service that it names.";
    service_port: Option<u16>, "The Service's port.";
    upstream_addr: Option<String>, "The last endpoint that was tried.";
    upstream_status: Option<u16>, "Its response's status.";
    upstream_header_time: Option<f64>, "Seconds from the beginning of the last try to the head of the endpoint's response.";
    upstream_response_time: Option<f64>, "Seconds from the beginning of the last try to the last byte of the endpoint's response.";
    cut: Option<&'a str>, "Who did not let a response that had begun come to its end: `upstream`, `client`, or `proxy` when it was stopping.";
    reason: Option<&'a str>, "Why the proxy answered itself, by the name that it is counted under.";
    why: Option<&'a str>, "The same in words.";
}

pub(super) fn write(out: &mut Vec<u8>, line: Option<&Line>, seen: &Outcome<'_>) {
    let field = |of: fn(&Line) -> Option<&HeaderValue>| {
        let value = line.and_then(of);
        value.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
    };
    let uri = line.map(|line| &line.uri);
    let host = || uri.and_then(|uri| uri.host()).map(str::to_string);
    let line = JsonLine {
        time: Timestamp::try_from(SystemTime::now())
            .unwrap_or_default()
            .to_string(),
        remote_addr: seen.remote.ip().to_string(),
        x_forwarded_for: field(|line| line.forwarded_for.as_ref()),
        request_id: seen.request_id.to_str().ok(),
        bytes_sent: seen.bytes_sent,
        request_time: seen.request_seconds,
        status: seen.status,
        vhost: field(|line| line.host.as_ref()).or_else(host),
        request_proto: line.map(|line| format!("{:?}", line.version)),
        path: uri.map(|uri| uri.path()),
        request_query: uri.and_then(|uri| uri.query()),
        request_length: seen.request_length,
        method: line.map(|line| line.method.as_str()),
        http_referrer: field(|line| line.referer.as_ref()),
        http_user_agent: field(|line| line.user_agent.as_ref()),
        namespace: seen.route.map(|route| &*route.namespace),
        ingress_name: seen.route.map(|route| &*route.ingress),
        service_name: seen.route.map(|route| &*route.service),
        service_port: seen.route.map(|route| route.port),
        upstream_addr: seen.upstream.map(|address| address.to_string()),
        upstream_status: seen.upstream_status,
        upstream_header_time: seen.header_seconds,
        upstream_response_time: seen.response_seconds,
        cut: seen.cut,
        reason: seen.reason,
        why: seen.why,
    };
    if serde_json::to_writer(&mut *out, &line).is_ok() {
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{labels, line, outcome};
    use super::*;

    #[test]
    fn a_json_line_is_one_object_whatever_the_client_sends() {
        let labels = labels();
        let mut out = Vec::new();
        write(&mut out, Some(&line(b"a\"\t\xff")), &outcome(&labels));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["path"], "/a");
        assert_eq!(value["ingress_name"], "web");
        assert_eq!(value["request_query"], "b=1");
    }
}
