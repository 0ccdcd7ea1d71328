//! Lines that are JSON objects.

use std::time::SystemTime;

use http::HeaderValue;
use jiff::Timestamp;
use serde::Serialize;

use super::{Line, Outcome};

/// The keys that ingress-nginx documents, and the Ingress, the upstream and the reason.
#[derive(Serialize)]
struct JsonLine<'a> {
    time: String,
    remote_addr: String,
    x_forwarded_for: Option<String>,
    request_id: &'a str,
    bytes_sent: u64,
    request_time: f64,
    status: u16,
    vhost: Option<String>,
    request_proto: String,
    path: &'a str,
    request_query: Option<&'a str>,
    request_length: u64,
    method: &'a str,
    http_referrer: Option<String>,
    http_user_agent: Option<String>,
    namespace: Option<&'a str>,
    ingress_name: Option<&'a str>,
    service_name: Option<&'a str>,
    service_port: Option<u16>,
    upstream_addr: Option<String>,
    upstream_status: Option<u16>,
    upstream_response_time: Option<f64>,
    reason: Option<&'a str>,
    why: Option<&'a str>,
}

pub(super) fn write(out: &mut Vec<u8>, line: &Line, seen: &Outcome<'_>) {
    let text = |value: &Option<HeaderValue>| {
        value
            .as_ref()
            .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
    };
    let line = JsonLine {
        time: Timestamp::try_from(SystemTime::now())
            .unwrap_or_default()
            .to_string(),
        remote_addr: seen.remote.ip().to_string(),
        x_forwarded_for: text(&line.forwarded_for),
        request_id: seen.request_id,
        bytes_sent: seen.bytes_sent,
        request_time: seen.request_seconds,
        status: seen.status,
        vhost: text(&line.host).or_else(|| line.uri.host().map(str::to_string)),
        request_proto: format!("{:?}", line.version),
        path: line.uri.path(),
        request_query: line.uri.query(),
        request_length: seen.request_length,
        method: line.method.as_str(),
        http_referrer: text(&line.referer),
        http_user_agent: text(&line.user_agent),
        namespace: seen.route.map(|route| &*route.namespace),
        ingress_name: seen.route.map(|route| &*route.ingress),
        service_name: seen.route.map(|route| &*route.service),
        service_port: seen.route.map(|route| route.port),
        upstream_addr: seen.upstream.map(|address| address.to_string()),
        upstream_status: seen.upstream_status,
        upstream_response_time: seen.upstream_seconds,
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
        write(&mut out, &line(b"a\"\t\xff"), &outcome(&labels));
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["path"], "/a");
        assert_eq!(value["ingress_name"], "web");
        assert_eq!(value["request_query"], "b=1");
    }
}
