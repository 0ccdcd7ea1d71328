//! Lines in ingress-nginx's default format, byte for byte.

use std::io::Write;
use std::time::SystemTime;

use http::{HeaderValue, Uri};
use jiff::{Timestamp, tz::TimeZone};

use super::{Line, Outcome};

/// ingress-nginx's `upstreaminfo`.
pub(super) fn write(out: &mut Vec<u8>, line: Option<&Line>, seen: &Outcome<'_>) {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let field = |of: fn(&Line) -> Option<&HeaderValue>| {
        or_dash(line.and_then(of).map(|value| escape(value.as_bytes())))
    };
    let upstream_name = seen.route.filter(|route| !route.service.is_empty());
    let upstream_name = upstream_name.map(|r| format!("{}-{}-{}", r.namespace, r.service, r.port));
    let time = Timestamp::try_from(SystemTime::now())
        .unwrap_or_default()
        .to_zoned(TimeZone::UTC);
    let _ = writeln!(
        out,
        "{} - - [{}] \"{}\" {} {} \"{}\" \"{}\" {} {:.3} [{}] [] {} {} {} {} {}",
        seen.remote.ip(),
        time.strftime("%d/%b/%Y:%H:%M:%S %z"),
        line.map(request).unwrap_or_default(),
        seen.status,
        seen.bytes_sent,
        field(|line| line.referer.as_ref()),
        field(|line| line.user_agent.as_ref()),
        seen.request_length,
        seen.request_seconds,
        upstream_name.unwrap_or_default(),
        or_dash(seen.upstream.map(|address| address.to_string())),
        or_dash(seen.upstream.map(|_| seen.bytes_sent.to_string())),
        or_dash(seen.response_seconds.map(|seconds| format!("{seconds:.3}"))),
        or_dash(seen.upstream_status.map(|status| status.to_string())),
        escape(seen.request_id.as_bytes()),
    );
}

fn request(line: &Line) -> String {
    let target = escape(target(&line.uri).as_bytes());
    format!("{} {target} {:?}", line.method, line.version)
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

/// nginx's own escaping: what could end the field or the line becomes `\xXX`.
fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f.. => text.push_str(&format!("\\x{byte:02X}")),
            _ => text.push(char::from(*byte)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::{labels, line, outcome};
    use super::*;

    #[test]
    fn the_nginx_format_is_ingress_nginxs() {
        let labels = labels();
        let mut out = Vec::new();
        write(&mut out, Some(&line(b"curl\"\xff")), &outcome(&labels));
        let text = String::from_utf8(out).unwrap();
        let (before, after) = text.split_once('[').unwrap();
        assert_eq!(before, "192.0.2.1 - - ");
        let (_, after) = after.split_once("] ").unwrap();
        assert_eq!(
            after,
            "\"GET /a?b=1 HTTP/1.1\" 200 12 \"-\" \"curl\\x22\\xFF\" 3 0.250 [shop-front-80] [] 10.0.0.1:80 12 0.200 200 abc\n"
        );
    }

    #[test]
    fn what_never_became_a_request_has_none() {
        let mut out = Vec::new();
        let client = "192.0.2.1:5".parse().unwrap();
        write(
            &mut out,
            None,
            &Outcome::refused(
                client,
                HeaderValue::from_static("abc"),
                400,
                "malformed",
                None,
            ),
        );
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.ends_with("] \"\" 400 0 \"-\" \"-\" 0 0.000 [] [] - - - - abc\n"),
            "{text}"
        );
    }
}
