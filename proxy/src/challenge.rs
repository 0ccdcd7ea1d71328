//! HTTP-01: the requests by which an ACME server asks whether a name is ours (RFC 8555, section 8.3).
//!
//! They are answered before any tenant's route could redirect or refuse them, and only for the host
//! of a live order; whatever else is below that path is routed like every other request.

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Response};
use portreeve_table::ChallengeKind;

use crate::body::Body;
use crate::state::Generation;
use crate::target::Target;

/// Where ACME servers look; the token follows.
pub(crate) const PATH: &str = "/.well-known/acme-challenge/";

/// The answer, where a request is a question.
///
/// The path counts as it was sent: no ACME server writes one that has another normal form.
pub(crate) fn answer(
    generation: &Generation,
    target: &Target,
    parts: &Parts,
) -> Option<Response<Body>> {
    if generation.config.challenges.is_empty()
        || !matches!(parts.method, Method::GET | Method::HEAD)
    {
        return None;
    }
    let token = parts.uri.path().strip_prefix(PATH)?;
    let challenge = generation.config.challenges.get(&token.parse().ok()?)?;
    let is_asked = challenge.kind == ChallengeKind::Http01 && challenge.host.is_host(&target.host);
    is_asked.then(|| {
        let mut response = Response::new(Body::full(challenge.key_authorization.to_string()));
        let bytes = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(CONTENT_TYPE, bytes);
        response
    })
}
