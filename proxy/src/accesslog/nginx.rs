//! Lines in ingress-nginx's default format, byte for byte.

use std::fmt::{self, Display, Formatter, Write as _, from_fn};
use std::io::Write;
use std::time::SystemTime;

use http::{HeaderValue, Version};
use jiff::{Timestamp, tz::TimeZone};

use super::line::{Tries, tries};
use super::{Line, Outcome, Try};

/// ingress-nginx's `upstreaminfo`.
#[cfg(test)]
pub(crate) const FORMAT: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status \
    $body_bytes_sent \"$http_referer\" \"$http_user_agent\" $request_length $request_time \
    [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr \
    $upstream_response_length $upstream_response_time $upstream_status $req_id";

pub(super) fn write(out: &mut Vec<u8>, line: Option<&Line>, seen: &Outcome<'_>) {
    let field = |of: fn(&Line) -> Option<&HeaderValue>| {
        or_dash(line.and_then(of).map(|value| Escaped(value.as_bytes())))
    };
    let tries = tries(line, seen);
    let time = Timestamp::try_from(SystemTime::now())
        .unwrap_or_default()
        .to_zoned(TimeZone::UTC);
    let _ = writeln!(
        out,
        "{} - {} [{}] \"{}\" {} {} \"{}\" \"{}\" {} {:.3} [{}] [] {} {} {} {} {}",
        seen.remote.ip(),
        or_dash(line.and_then(|line| line.user.as_deref()).map(Escaped)),
        time.strftime("%d/%b/%Y:%H:%M:%S %z"),
        from_fn(|f| line.map_or(Ok(()), |line| request(line, f))),
        seen.status,
        seen.bytes_sent,
        field(|line| line.referer.as_ref()),
        field(|line| line.user_agent.as_ref()),
        seen.request_length,
        seen.request_seconds,
        from_fn(|f| upstream_name(seen, f)),
        each(&tries, |at, f| at.endpoint.fmt(f)),
        each(&tries, |at, f| at.response_length.fmt(f)),
        each(&tries, |at, f| write!(f, "{:.3}", at.response_seconds)),
        each(&tries, |at, f| or_dash(at.status).fmt(f)),
        Escaped(seen.request_id.as_bytes()),
    );
}

/// The request line: HTTP/1's target as it came, which may be a whole URL, and HTTP/2's path.
fn request(line: &Line, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{} ", line.method)?;
    match line.uri.path_and_query() {
        Some(target) if line.version >= Version::HTTP_2 => {
            Escaped(target.as_str().as_bytes()).fmt(f)?
        }
        _ => write!(Escaping(f), "{}", line.uri)?,
    }
    write!(f, " {:?}", line.version)
}

fn upstream_name(seen: &Outcome<'_>, f: &mut Formatter<'_>) -> fmt::Result {
    match seen.service() {
        Some(route) => write!(f, "{}-{}-{}", route.namespace, route.service, route.port),
        None => Ok(()),
    }
}

fn or_dash(value: Option<impl Display>) -> impl Display {
    from_fn(move |f| match &value {
        Some(value) => value.fmt(f),
        None => f.write_str("-"),
    })
}

/// One value of each try, as nginx separates them.
fn each(tries: &Tries<'_>, show: fn(&Try, &mut Formatter<'_>) -> fmt::Result) -> impl Display {
    from_fn(move |f| {
        let mut tries = tries.clone();
        match tries.next() {
            Some(first) => show(first, f)?,
            None => f.write_str("-")?,
        }
        tries.try_for_each(|next| {
            f.write_str(", ")?;
            show(next, f)
        })
    })
}

/// Text with nginx's own escaping: what could end the field or the line becomes `\xXX`.
struct Escaped<'a>(&'a [u8]);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        let mut rest = self.0;
        while !rest.is_empty() {
            let length = rest.iter().take_while(|byte| is_plain(byte)).count();
            let (plain, other) = rest.split_at_checked(length).unwrap_or_default();
            f.write_str(str::from_utf8(plain).unwrap_or_default())?;
            rest = match other.split_first() {
                Some((byte, rest)) => {
                    write!(f, "\\x{byte:02X}")?;
                    rest
                }
                None => other,
            };
        }
        Ok(())
    }
}

/// Escapes what is written to it.
struct Escaping<'a, 'f>(&'a mut Formatter<'f>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        Escaped(text.as_bytes()).fmt(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{labels, line, outcome, tried};
    use super::*;

    fn written(line: Option<&Line>, seen: &Outcome<'_>) -> String {
        let mut out = Vec::new();
        write(&mut out, line, seen);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_nginx_format_is_ingress_nginxs() {
        let labels = labels();
        let mut line = line(b"curl\"\xff");
        line.user = Some(b"joe\n"[..].into());
        let text = written(Some(&line), &outcome(&labels));
        let (before, after) = text.split_once('[').unwrap();
        assert_eq!(before, "192.0.2.1 - joe\\x0A ");
        let (_, after) = after.split_once("] ").unwrap();
        assert_eq!(
            after,
            "\"GET /a?b=1 HTTP/1.1\" 200 12 \"-\" \"curl\\x22\\xFF\" 3 0.250 [shop-front-80] [] 10.0.0.1:80 12 0.200 200 abc\n"
        );
    }

    #[test]
    fn tries_stand_side_by_side() {
        let labels = labels();
        let mut line = line(b"x");
        line.earlier = vec![tried("10.0.0.2:80", Some(502)), tried("[::1]:80", None)];
        let text = written(Some(&line), &outcome(&labels));
        assert!(
            text.ends_with(
                " 10.0.0.2:80, [::1]:80, 10.0.0.1:80 0, 0, 12 0.200, 0.200, 0.200 502, -, 200 abc\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_target_is_escaped_whatever_its_form() {
        for (target, version, expected) in [
            (
                "http://a.example/\"x",
                Version::HTTP_11,
                "GET http://a.example/\\x22x HTTP/1.1",
            ),
            (
                "http://a.example/\"x",
                Version::HTTP_2,
                "GET /\\x22x HTTP/2.0",
            ),
            ("*", Version::HTTP_11, "GET * HTTP/1.1"),
        ] {
            let mut line = line(b"x");
            (line.uri, line.version) = (target.parse().unwrap(), version);
            let shown = from_fn(|f| request(&line, f)).to_string();
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn what_never_became_a_request_has_none() {
        let client = "192.0.2.1:5".parse().unwrap();
        let id = HeaderValue::from_static("abc");
        let refused = Outcome::refused(client, id, 400, "malformed", None);
        let text = written(None, &refused);
        assert!(
            text.ends_with("] \"\" 400 0 \"-\" \"-\" 0 0.000 [] [] - - - - abc\n"),
            "{text}"
        );
    }
}
