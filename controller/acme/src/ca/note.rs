//! What an answer said beside what the CA's client gives on: when to ask again, where an order is,
//! which other chains there are.
//!
//! The client calls our own sender of requests within the task that calls the client, so the notes
//! are that task's.

use std::cell::RefCell;
use std::time::Duration;

use bytes::Bytes;
use http::header::{LINK, LOCATION};
use http::{HeaderMap, Response};

use super::retry_after::retry_after;

tokio::task_local! {
    static NOTES: RefCell<Notes>;
}

/// What the last answer of a call said, of those that are successes.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// What was asked, such as `POST https://ca.example/order/1`.
    pub(super) asked: String,
    /// `Retry-After`.
    pub(super) retry_after: Option<Duration>,
    /// `Location`.
    pub(super) location: Option<String>,
    /// The targets of `Link` with `rel="alternate"`.
    pub(super) alternates: Vec<String>,
    /// The answer itself.
    pub(super) body: Bytes,
}

/// Makes a call and gives what was noted of it.
pub(super) async fn noting<T>(call: impl Future<Output = T>) -> (T, Notes) {
    let noted = async {
        let result = call.await;
        (result, NOTES.with(RefCell::take))
    };
    NOTES.scope(RefCell::default(), noted).await
}

/// Notes an answer, instead of what was noted before. Outside of [`noting`] nothing is noted.
pub(super) fn note(asked: &str, response: &Response<Bytes>) {
    let headers = response.headers();
    let notes = Notes {
        asked: asked.to_owned(),
        retry_after: retry_after(headers),
        location: location(headers),
        alternates: alternates(headers),
        body: response.body().clone(),
    };
    // Nobody asked for notes when there is nowhere to put them.
    let _noted = NOTES.try_with(|held| held.replace(notes));
}

fn location(headers: &HeaderMap) -> Option<String> {
    headers.get(LOCATION)?.to_str().ok().map(str::to_owned)
}

/// `<https://ca.example/cert/1/1>;rel="alternate"` (RFC 8555, section 7.4.2, and RFC 8288).
fn alternates(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(LINK).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .filter_map(alternate)
        .collect()
}

fn alternate(link: &str) -> Option<String> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let mut parameters = parameters.split(';').map(str::trim);
    let alternate = parameters.any(|parameter| {
        let relation = parameter.strip_prefix("rel=").map(|r| r.trim_matches('"'));
        relation.is_some_and(|r| r.split(' ').any(|r| r.eq_ignore_ascii_case("alternate")))
    });
    alternate.then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternate_links_are_told_from_others() {
        let mut headers = HeaderMap::new();
        for link in [
            "<https://ca.example/directory>;rel=\"index\"",
            "<https://ca.example/1>;rel=\"alternate\", <https://ca.example/2>; title=x; rel=alternate",
            "<https://ca.example/3>; rel=\"up Alternate\"",
            "https://ca.example/4;rel=\"alternate\"",
        ] {
            headers.append(LINK, link.parse().unwrap());
        }
        let expected = [1, 2, 3].map(|n| format!("https://ca.example/{n}"));
        assert_eq!(alternates(&headers), expected);
    }

    #[tokio::test]
    async fn each_call_has_its_own_notes() {
        let answer = Response::builder().header(LOCATION, "/order/1");
        let answer = answer.body(Bytes::new()).unwrap();
        note("GET /lost", &answer);
        let ((), notes) = noting(async { note("POST /new", &answer) }).await;
        assert_eq!(notes.location.as_deref(), Some("/order/1"));
        assert_eq!(notes.asked, "POST /new");
        let ((), notes) = noting(async {}).await;
        assert_eq!(notes.location, None);
    }
}
