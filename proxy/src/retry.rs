//! Which failures may be tried again, where, and how often.
//!
//! A request of which not a byte was written may go elsewhere. One that was written may be
//! repeated only when its route says so, its body is empty, and its method may be repeated or the
//! endpoint says that it did nothing with it; and never once its response has begun to be passed
//! on.

use http::{Method, Request};
use portreeve_table::{Retry, RetryOn};

use crate::dispatch::Destination;
use crate::error::Error;
use crate::upload::RequestBody;
use crate::upstream::{Endpoint, Failure, Reuse, Session};

/// The tries of one request.
pub(crate) struct Tries<'a> {
    destination: &'a Destination<'a>,
    retry: &'a Retry,
    /// A copy of the request, when it may be sent twice.
    spare: Option<Box<Request<()>>>,
    /// Whether even an endpoint that did something with it may get it again.
    is_repeatable: bool,
    tried: Vec<usize>,
    chosen: Chosen,
    reuse: Reuse,
}

/// An endpoint that was chosen.
struct Chosen {
    index: usize,
    start: Option<Session>,
}

impl<'a> Tries<'a> {
    /// Chooses the first endpoint; `None` when nobody takes requests.
    pub(crate) fn start(
        destination: &'a Destination<'a>,
        retry: &'a Retry,
        request: &Option<Request<RequestBody>>,
        has_body: bool,
    ) -> Option<Self> {
        let request = request.as_ref();
        let request = request.filter(|_| !has_body && !retry.on.is_empty());
        let is_idempotent = request.is_some_and(|request| is_idempotent(request.method()));
        let is_repeatable = retry.non_idempotent || is_idempotent;
        let may_be_refused = destination.transport.is_multiplexed();
        let spare = request.filter(|_| is_repeatable || may_be_refused);
        let spare = spare.map(|request| Box::new(head_of(request)));
        Some(Self {
            destination,
            retry,
            spare,
            is_repeatable,
            tried: Vec::new(),
            chosen: pick(destination, &[])?,
            reuse: Reuse::Allowed,
        })
    }

    /// Whose turn it is.
    pub(crate) fn endpoint(&self) -> Option<&'a Endpoint> {
        let endpoints = self.destination.upstream.endpoints.endpoints();
        endpoints.get(self.chosen.index)
    }

    /// Which connections may be used for this try.
    pub(crate) fn reuse(&self) -> Reuse {
        self.reuse
    }

    /// The session that the client is to be told.
    pub(crate) fn session(&self) -> Option<Session> {
        self.chosen.start
    }

    /// Whether to send again because a response with this status is not good enough; if so, the
    /// request is in its place.
    pub(crate) fn after_answer(
        &mut self,
        status: u16,
        request: &mut Option<Request<RequestBody>>,
    ) -> bool {
        if !self.retry.on.contains(&RetryOn::Status(status)) {
            return false;
        }
        self.is_repeatable && self.restore(request) && self.move_on()
    }

    /// Prepares another try after a failure; the request is in its place then.
    ///
    /// # Errors
    /// With the failure, when it is final.
    pub(crate) fn after_failure(
        &mut self,
        failure: Failure,
        request: &mut Option<Request<RequestBody>>,
    ) -> Result<(), Error> {
        let Failure {
            error,
            was_reused,
            was_refused,
        } = failure;
        let is_allowed = self.retry.on.contains(&kind(&error));
        let may_repeat = request.is_some() || was_refused || self.is_repeatable;
        if !is_allowed || !may_repeat || !self.restore(request) {
            return Err(error);
        }
        let is_stale = was_refused || was_reused && matches!(error, Error::Upstream(_));
        if is_stale && self.reuse == Reuse::Allowed {
            // It closed an idle connection as we wrote into it, or is leaving this one: it deserves
            // a fresh one.
            self.reuse = Reuse::Never;
            return Ok(());
        }
        if self.move_on() { Ok(()) } else { Err(error) }
    }

    /// Puts a copy of a request that was written back into its place, if there may be one.
    fn restore(&self, request: &mut Option<Request<RequestBody>>) -> bool {
        if request.is_none() {
            *request = self.spare.as_deref().map(whole);
        }
        request.is_some()
    }

    /// Chooses an endpoint that was not tried; says whether there is one, and a try left.
    fn move_on(&mut self) -> bool {
        self.tried.push(self.chosen.index);
        let used = u32::try_from(self.tried.len()).unwrap_or(u32::MAX);
        let has_tries = self.retry.tries == 0 || used < self.retry.tries;
        // Choosing takes a turn, which is somebody else's when there is no try left.
        match has_tries.then(|| pick(self.destination, &self.tried)) {
            Some(Some(chosen)) => {
                self.chosen = chosen;
                self.reuse = Reuse::Allowed;
                true
            }
            _ => false,
        }
    }
}

fn pick(destination: &Destination<'_>, tried: &[usize]) -> Option<Chosen> {
    let endpoints = &destination.upstream.endpoints;
    let choice = &destination.choice;
    match &destination.backend.affinity {
        None => endpoints
            .pick(&destination.backend.policy, choice, tried)
            .map(|index| Chosen { index, start: None }),
        Some(affinity) => endpoints
            .pick_session(affinity, destination.session, choice, tried)
            .map(|pinned| Chosen {
                index: pinned.endpoint,
                start: pinned.start,
            }),
    }
}

fn kind(error: &Error) -> RetryOn {
    match error {
        Error::ConnectTimeout | Error::UpstreamTimeout => RetryOn::Timeout,
        Error::Upstream(error) if error.is_parse() => RetryOn::InvalidHeader,
        Error::UpstreamFraming => RetryOn::InvalidHeader,
        _ => RetryOn::Error,
    }
}

/// RFC 9110, section 9.2.2, and ingress-nginx's own list: POST, LOCK and PATCH are not repeated.
fn is_idempotent(method: &Method) -> bool {
    !matches!(*method, Method::POST | Method::PATCH) && method.as_str() != "LOCK"
}

fn head_of(request: &Request<RequestBody>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    head
}

fn whole(head: &Request<()>) -> Request<RequestBody> {
    head.clone().map(|()| RequestBody::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_something_each_time_is_not_repeated() {
        for (method, expected) in [
            ("GET", true),
            ("PUT", true),
            ("DELETE", true),
            ("POST", false),
            ("PATCH", false),
            ("LOCK", false),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(is_idempotent(&method), expected, "{method}");
        }
    }
}
