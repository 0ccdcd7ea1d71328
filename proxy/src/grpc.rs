//! What gRPC says in fields that a proxy has to understand.

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderMap;
use portreeve_table::{Millis, Timeouts};

/// A route's timeouts for one call: nobody waits longer than the caller does.
pub(crate) fn waits<'a>(headers: &HeaderMap, route: &'a Timeouts) -> Cow<'a, Timeouts> {
    let timeout = timeout(headers).and_then(|timeout| u32::try_from(timeout.as_millis()).ok());
    match timeout.map(Millis).filter(|timeout| *timeout < route.read) {
        Some(read) => Cow::Owned(Timeouts {
            read,
            ..route.clone()
        }),
        None => Cow::Borrowed(route),
    }
}

/// How long the caller waits ("gRPC over HTTP/2", `Timeout`): at most eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let value: u64 = digits.parse().ok().filter(|_| is_number)?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_timeout_is_a_number_and_a_unit() {
        for (text, expected) in [
            ("1H", Some(3_600_000)),
            ("2M", Some(120_000)),
            ("3S", Some(3000)),
            ("99999999m", Some(99_999_999)),
            ("5000u", Some(5)),
            ("1n", Some(0)),
            ("", None),
            ("S", None),
            ("1", None),
            ("+1S", None),
            ("1s", None),
            ("123456789S", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", HeaderValue::from_static(text));
            let millis = timeout(&headers).map(|timeout| timeout.as_millis());
            assert_eq!(millis, expected, "{text:?}");
        }
    }
}
