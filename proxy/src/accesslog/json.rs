//! Lines that are JSON objects.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use http::{HeaderValue, Version};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::line::{Tries, tries};
use super::{Line, Outcome, Try};

/// Declares the fields of a line, the nginx variables that say the same, and their texts, once.
macro_rules! fields {
    ($($name:ident: $kind:ty, $variable:literal, $doc:literal;)*) => {
        #[derive(Serialize)]
        struct JsonLine<'a> {
            $($name: $kind,)*
        }

        /// Every field with its variable, if it has one, and what it says, in order.
        #[cfg(test)]
        pub(crate) const FIELDS: &[(&str, &str, &str)] =
            &[$((stringify!($name), $variable, $doc),)*];
    };
}

// The keys that ingress-nginx documents, and the Ingress, the upstream and the reason.
fields! {
    time: Shown<Timestamp>, "$time_local", "When the request had ended.";
    remote_addr: IpAddr, "$remote_addr", "The client's address.";
    remote_user: Option<Cow<'a, str>>, "$remote_user", "The user that the request's `Authorization` names, if that is basic; nobody has checked it.";
    x_forwarded_for: Option<Cow<'a, str>>, "", "The request's `X-Forwarded-For`, as it came.";
    request_id: Option<&'a str>, "$req_id", "The `X-Request-ID` that the endpoint got; without an endpoint the client's own, or a new one.";
    bytes_sent: u64, "$body_bytes_sent", "The length of the response's body, as far as it was handed on, without the framing of chunks.";
    request_time: f64, "$request_time", "Seconds from the request's head to the end of its response.";
    status: u16, "$status", "The response's status; 499 when the client went away before there was one, 444 when what it sent was not answered.";
    vhost: Option<Cow<'a, str>>, "", "The host that was asked.";
    request_proto: Option<Shown<Proto>>, "$request", "The version of HTTP.";
    path: Option<&'a str>, "$request", "The path as it came, without the query.";
    request_query: Option<&'a str>, "$request", "The query.";
    request_length: u64, "$request_length", "The length of the request, its head and its body, as far as it was read, without the framing of chunks; 0 of what never became a request. The length of an HTTP/1 head is that of its request line and its fields, each with one space behind its colon. Of an HTTP/2 head it is that of the names and values of all fields before they are compressed.";
    method: Option<&'a str>, "$request", "The method.";
    http_referrer: Option<Cow<'a, str>>, "$http_referer", "The request's `Referer`.";
    http_user_agent: Option<Cow<'a, str>>, "$http_user_agent", "The request's `User-Agent`.";
    namespace: Option<&'a str>, "$proxy_upstream_name", "The namespace of the Ingress.";
    ingress_name: Option<&'a str>, "", "The Ingress that took the request.";
    service_name: Option<&'a str>, "$proxy_upstream_name", "The Service that it names.";
    service_port: Option<u16>, "$proxy_upstream_name", "The Service's port.";
    upstream_addr: Each<'a, SocketAddr>, "$upstream_addr", "The endpoints that were tried.";
    upstream_response_length: Each<'a, u64>, "$upstream_response_length", "How much of the body of each one's response was handed on, without the framing of chunks.";
    upstream_status: Each<'a, Option<u16>>, "$upstream_status", "Each one's response's status; 504 when it took too long, 502 when it failed in another way, and nothing when the client gave up or broke the rules before there was one.";
    upstream_header_time: Each<'a, Option<f64>>, "", "Seconds from the beginning of each try to the head of the endpoint's response.";
    upstream_response_time: Each<'a, f64>, "$upstream_response_time", "Seconds from the beginning of each try to the last byte of the endpoint's response, or to the failure.";
    cut: Option<&'a str>, "", "Who did not let a response that had begun come to its end: `upstream`, `client`, or `proxy` when it was stopping.";
    reason: Option<&'a str>, "", "Why the proxy answered itself, by the name that it is counted under.";
    why: Option<&'a str>, "", "The same in words.";
}

/// Written as it is shown.
struct Shown<T>(T);

/// A version by its name.
struct Proto(Version);

impl Display for Proto {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// One value of each try, first to last.
struct Each<'a, T> {
    tries: Tries<'a>,
    of: fn(&Try) -> T,
}

impl<T: Serialize> Serialize for Each<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.tries.clone().map(self.of))
    }
}

fn each<'a, T>(tries: &Tries<'a>, of: fn(&Try) -> T) -> Each<'a, T> {
    Each {
        tries: tries.clone(),
        of,
    }
}

fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

pub(super) fn write(out: &mut Vec<u8>, line: Option<&Line>, seen: &Outcome<'_>) {
    let field = |of: fn(&Line) -> Option<&HeaderValue>| line.and_then(of).map(text);
    let uri = line.map(|line| &line.uri);
    let user = line.and_then(|line| line.user.as_deref());
    let host = || uri.and_then(|uri| uri.host()).map(Cow::Borrowed);
    let service = seen.service();
    let tries = tries(line, seen);
    let line = JsonLine {
        time: Shown(Timestamp::try_from(SystemTime::now()).unwrap_or_default()),
        remote_addr: seen.remote.ip(),
        remote_user: user.map(String::from_utf8_lossy),
        x_forwarded_for: field(|line| line.forwarded_for.as_ref()),
        request_id: seen.request_id.to_str().ok(),
        bytes_sent: seen.bytes_sent,
        request_time: seen.request_seconds,
        status: seen.status,
        vhost: field(|line| line.host.as_ref()).or_else(host),
        request_proto: line.map(|line| Shown(Proto(line.version))),
        path: uri.map(|uri| uri.path()),
        request_query: uri.and_then(|uri| uri.query()),
        request_length: seen.request_length,
        method: line.map(|line| line.method.as_str()),
        http_referrer: field(|line| line.referer.as_ref()),
        http_user_agent: field(|line| line.user_agent.as_ref()),
        namespace: seen.route.map(|route| &*route.namespace),
        ingress_name: seen.route.map(|route| &*route.ingress),
        service_name: service.map(|route| &*route.service),
        service_port: service.map(|route| route.port),
        upstream_addr: each(&tries, |at| at.endpoint),
        upstream_response_length: each(&tries, |at| at.response_length),
        upstream_status: each(&tries, |at| at.status),
        upstream_header_time: each(&tries, |at| at.header_seconds),
        upstream_response_time: each(&tries, |at| at.response_seconds),
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
    use super::super::tests::{labels, line, outcome, tried};
    use super::*;
    use serde_json::json;

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
        assert_eq!(value["request_proto"], "HTTP/1.1");
    }

    #[test]
    fn each_try_has_its_place() {
        let labels = labels();
        let mut line = line(b"x");
        line.earlier = vec![tried("10.0.0.2:80", Some(502)), tried("10.0.0.3:80", None)];
        let mut out = Vec::new();
        write(&mut out, Some(&line), &outcome(&labels));
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        for (key, expected) in [
            (
                "upstream_addr",
                json!(["10.0.0.2:80", "10.0.0.3:80", "10.0.0.1:80"]),
            ),
            ("upstream_response_length", json!([0, 0, 12])),
            ("upstream_status", json!([502, null, 200])),
            ("upstream_header_time", json!([null, null, 0.1])),
            ("upstream_response_time", json!([0.2, 0.2, 0.2])),
        ] {
            assert_eq!(value[key], expected, "{key}");
        }
    }
}
