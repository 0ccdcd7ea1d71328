//! `Retry-After` (RFC 9110, section 10.2.3): in seconds, or as a date.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, HeaderName, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// No CA silences us for longer: the longest windows of CAs' limits are a week.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long the CA asks to be left alone, as far as it can be read; a week at most.
///
/// A date is taken from the answer's own `Date`, because the CA's clock need not be ours.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let now = date(headers, &DATE).unwrap_or_else(Timestamp::now);
            let until = date(headers, &RETRY_AFTER)?;
            Duration::try_from(until.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let text = headers.get(name)?.to_str().ok()?;
    DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(HeaderName, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(name, value.parse().unwrap());
        }
        retry_after(&headers)
    }

    #[test]
    fn seconds_and_dates_are_read() {
        assert_eq!(
            of(&[(RETRY_AFTER, " 120 ")]),
            Some(Duration::from_secs(120))
        );
        let date = (DATE, "Fri, 31 Dec 1999 23:59:00 GMT");
        let until = (RETRY_AFTER, "Sat, 01 Jan 2000 00:00:30 GMT");
        assert_eq!(of(&[date.clone(), until]), Some(Duration::from_secs(90)));
        let past = (RETRY_AFTER, "Fri, 31 Dec 1999 00:00:00 GMT");
        assert_eq!(of(&[date, past]), Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_read_says_nothing_and_nobody_is_silenced_for_ever() {
        assert_eq!(of(&[]), None);
        for wrong in ["", "soon", "-1", "1.5"] {
            assert_eq!(of(&[(RETRY_AFTER, wrong)]), None, "{wrong}");
        }
        let long = u64::MAX.to_string();
        assert_eq!(of(&[(RETRY_AFTER, &long)]), Some(LONGEST));
    }
}
