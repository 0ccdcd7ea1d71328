//! One forwarded request: where it goes, what the endpoint gets, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, COOKIE, SET_COOKIE, TRAILER, TRANSFER_ENCODING, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use portreeve_table::{Backend, Forward, Protocol, Timeouts};
use tokio::time::{Instant, timeout_at};

use crate::body::{Body, Streaming};
use crate::conn::Conn;
use crate::error::Error;
use crate::filters::Limits;
use crate::metrics::RouteMetrics;
use crate::record::Record;
use crate::request::{Incomer, Reply, wants_tunnel};
use crate::retry::Tries;
use crate::state::{Generation, Upstream};
use crate::target::Target;
use crate::upgrade::Wish;
use crate::upload::{Progress, RequestBody};
use crate::upstream::{
    Answer, Choice, Failure, Lease, PoolKey, Session, Terms, Transport, Visit, set_cookie,
};
use crate::worker::Worker;
use crate::{choice, forward, grpc, respond, upgrade};

/// The latency that a failure counts as, in microseconds: an endpoint that refuses at once must
/// not look fast.
const FAILED: u64 = 5_000_000;

/// What is known before an endpoint is chosen.
pub(crate) struct Call<'a> {
    pub(crate) worker: &'a Arc<Worker>,
    pub(crate) conn: &'a Arc<Conn>,
    pub(crate) generation: &'a Generation,
    pub(crate) matched: &'a portreeve_table::Matched<'a, Arc<RouteMetrics>>,
    pub(crate) forward: &'a Forward,
    pub(crate) target: &'a Target,
    pub(crate) limits: Limits,
}

/// Where a request goes, as far as that does not depend on the endpoint.
pub(crate) struct Destination<'a> {
    pub(crate) backend: &'a Backend,
    pub(crate) upstream: &'a Upstream,
    pub(crate) choice: Choice,
    pub(crate) session: Option<Session>,
    pub(crate) transport: Transport,
}

/// A request on its way to an endpoint, and what is to be remembered of the client's.
pub(crate) struct Outgoing<'a> {
    destination: Destination<'a>,
    /// The request, until it is written.
    request: Option<Request<RequestBody>>,
    progress: Option<Arc<Progress>>,
    /// When its caller gives it up, if that is gRPC and says so.
    deadline: Option<Instant>,
    takes_trailers: bool,
    user_agent: Option<HeaderValue>,
    /// The tunnel that the client asks for, when we open it.
    tunnel: Option<Wish>,
}

/// An endpoint's answer, with what it holds on to.
pub(crate) struct Delivered {
    response: Response<Incoming>,
    streaming: Streaming,
    session: Option<Session>,
}

impl<'a> Call<'a> {
    /// Decides where the request goes, and what the endpoint gets.
    ///
    /// # Errors
    /// When there is nobody to send it to, or a rewrite made no path of its path.
    pub(crate) fn prepare(
        &self,
        mut request: Incomer,
        record: &mut Record,
    ) -> Result<Outgoing<'a>, Error> {
        let destination = self.destination(&request.parts)?;
        let transport = destination.transport;
        let opens_tunnel = wants_tunnel(&request) && !transport.is_multiplexed();
        let tunnel = request.upgrade.take().filter(|_| opens_tunnel);
        let tunnel = tunnel.map(|client| Wish::new(client, &request.parts.headers));
        let takes_trailers = forward::accepts_trailers(&request.parts.headers);
        // Only a cookie's attributes depend on it.
        let affinity = destination.backend.affinity.as_ref();
        let user_agent = affinity.and_then(|_| request.parts.headers.get(USER_AGENT).cloned());
        let speaks_grpc = transport.is_multiplexed();
        let deadline = speaks_grpc.then(|| grpc::deadline(&request.parts.headers));
        let (request, progress) = self.rewrite(request, transport, opens_tunnel, record)?;
        Ok(Outgoing {
            deadline: deadline.flatten(),
            destination,
            request: Some(request),
            progress,
            takes_trailers,
            user_agent,
            tunnel,
        })
    }

    /// Tries endpoints until one answers, none may be tried, or nobody wants to know any more.
    ///
    /// # Errors
    /// With what went wrong at the last of them.
    pub(crate) async fn send(
        &self,
        outgoing: &mut Outgoing<'_>,
        record: &mut Record,
    ) -> Result<Delivered, Error> {
        let Some(deadline) = outgoing.deadline else {
            return self.try_all(outgoing, record).await;
        };
        // Few calls have one, and every request would carry a second copy of this future along.
        let trying = Box::pin(self.try_all(outgoing, record));
        let answered = timeout_at(deadline, trying).await;
        answered.unwrap_or(Err(Error::UpstreamTimeout))
    }

    async fn try_all(
        &self,
        outgoing: &mut Outgoing<'_>,
        record: &mut Record,
    ) -> Result<Delivered, Error> {
        let waits = &self.forward.timeouts;
        let destination = &outgoing.destination;
        let request = &mut outgoing.request;
        let progress = outgoing.progress.as_ref();
        let mut tries = Tries::start(
            destination,
            &self.forward.retry,
            request,
            progress.is_some(),
        )
        .ok_or(Error::NoEndpoint)?;
        loop {
            let endpoint = tries.endpoint().ok_or(Error::NoEndpoint)?;
            let in_flight = endpoint.state.begin();
            let key = PoolKey {
                address: endpoint.address,
                transport: destination.transport,
            };
            let terms = Terms {
                waits,
                progress: progress.map(Arc::as_ref),
                reuse: tries.reuse(),
            };
            let started = self.worker.now_micros();
            record.sent_to(endpoint.address, started);
            let sent = self.worker.pool.send(key, request, terms).await;
            match sent.and_then(unambiguous) {
                Ok(answer) => {
                    let status = answer.response.status().as_u16();
                    let now = self.worker.now_micros();
                    record.answered(status, now);
                    // Of a request with a body the client decides how long it takes.
                    if progress.is_none() {
                        endpoint.state.observe(now.saturating_sub(started), now);
                    }
                    if !tries.after_answer(status, request) {
                        let upload = progress.cloned();
                        let patience = patience(waits, outgoing.deadline);
                        let session = tries.session();
                        return Ok(delivered(answer, in_flight, upload, patience, session));
                    }
                }
                Err(failure) => {
                    if let Some(clients_fault) = progress.and_then(|progress| progress.failure()) {
                        return Err(clients_fault);
                    }
                    let now = self.worker.now_micros();
                    record.try_failed(&failure.error, now);
                    endpoint.state.observe(FAILED, now);
                    tries.after_failure(failure, request)?;
                }
            }
        }
    }

    /// The client's response to what an endpoint answered.
    ///
    /// # Errors
    /// When the endpoint switched to a protocol that nobody asked for.
    pub(crate) fn reply(
        &self,
        outgoing: Outgoing<'_>,
        delivered: Delivered,
    ) -> Result<Reply, Error> {
        let Delivered {
            mut response,
            streaming,
            session,
        } = delivered;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let wish = outgoing.tunnel.ok_or(Error::Upgrade)?;
            return upgrade::tunnel(self.worker, self.conn, wish, response, streaming)
                .map(Reply::from);
        }
        clean(&mut response, outgoing.takes_trailers);
        if let (Some(session), Some(affinity)) = (session, &outgoing.destination.backend.affinity) {
            let visit = Visit {
                tls: self.conn.is_tls,
                unix_seconds: choice::unix_seconds(),
                user_agent: outgoing
                    .user_agent
                    .as_ref()
                    .and_then(|agent| agent.to_str().ok()),
            };
            if let Some(cookie) = set_cookie(&affinity.cookie, session, &visit) {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
        }
        Ok(Reply {
            response: response.map(Body::incoming),
            streaming: Some(streaming),
        })
    }

    /// Why there is nobody to send a request to.
    fn nobody(&self, drawn: &Backend) -> Error {
        let upstream = self.generation.upstreams.get(&drawn.upstream);
        match upstream.is_some_and(|upstream| upstream.is_refused()) {
            true => Error::TargetForbidden,
            false => Error::NoEndpoint,
        }
    }

    /// Draws a backend; one without any endpoint makes way for the fallback.
    fn destination(&self, parts: &Parts) -> Result<Destination<'a>, Error> {
        let random = self.worker.random();
        let drawn = choice::draw(&self.forward.backends, random).ok_or(Error::NoEndpoint)?;
        let alive = |backend: &'a Backend| {
            let upstream = self.generation.upstreams.get(&backend.upstream);
            upstream.filter(|upstream| !upstream.endpoints.is_empty())
        };
        let (backend, upstream) = [Some(drawn), self.forward.fallback.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|backend| alive(backend).map(|upstream| (backend, upstream)))
            .ok_or_else(|| self.nobody(drawn))?;
        let protocol = backend
            .protocol
            .or(upstream.protocol)
            .unwrap_or(Protocol::Http);
        let cookies = parts
            .headers
            .get_all(COOKIE)
            .iter()
            .map(HeaderValue::as_bytes);
        let affinity = backend.affinity.as_ref();
        Ok(Destination {
            backend,
            upstream,
            transport: transport(protocol, self.conn.is_tls),
            choice: Choice {
                hash: choice::hash(&backend.policy, parts, self.target, self.conn),
                random: self.worker.random(),
                now_micros: self.worker.now_micros(),
            },
            session: affinity.and_then(|affinity| Session::read(&affinity.cookie.name, cookies)),
        })
    }

    /// The request as the endpoint gets it, and how far its body has come, if it has one.
    fn rewrite(
        &self,
        request: Incomer,
        transport: Transport,
        opens_tunnel: bool,
        record: &mut Record,
    ) -> Result<(Request<RequestBody>, Option<Arc<Progress>>), Error> {
        let (mut parts, body) = (request.parts, request.body);
        let rewritten = self.forward.rewrite.as_ref().map(|template| {
            let groups = self.matched.groups(self.target.path(&parts.uri));
            let groups: Vec<_> = groups.iter().map(String::as_str).collect();
            template.expand_path(&groups)
        });
        let worker = self.worker;
        forward::headers(
            &mut parts,
            self.target,
            self.forward,
            transport,
            self.conn,
            || worker.request_id(),
        );
        record.sent_as(&parts.headers);
        forward::uri(&mut parts, self.target, rewritten.as_deref(), transport)?;
        forward::frame(&mut parts, &body.size_hint(), !body.is_end_stream());
        if opens_tunnel {
            forward::ask_for_websocket(&mut parts.headers);
        }
        parts.extensions.clear();
        let timer = || worker.clock.timer();
        let client = &self.conn.activity;
        let (body, progress) = RequestBody::new(body, self.limits.body, timer, client);
        record.uploads(progress.as_ref());
        Ok((Request::from_parts(parts, body), progress))
    }
}

/// How long an endpoint that has begun to answer may be silent.
fn patience(waits: &Timeouts, deadline: Option<Instant>) -> Duration {
    let left = deadline.map(|deadline| deadline.duration_since(Instant::now()));
    let read = waits.read.duration();
    left.map_or(read, |left| read.min(left))
}

fn delivered(
    answer: Answer,
    in_flight: crate::upstream::InFlight,
    upload: Option<Arc<Progress>>,
    patience: Duration,
    session: Option<Session>,
) -> Delivered {
    let headers = answer.response.headers();
    let is_stream = matches!(answer.lease, Lease::Stream(_));
    let has_ended = headers.contains_key("grpc-status");
    Delivered {
        streaming: Streaming {
            needs_trailers: is_stream && respond::is_grpc(headers) && !has_ended,
            lease: answer.lease,
            _in_flight: in_flight,
            timer: answer.timer,
            patience,
            upload,
            is_awaited: false,
        },
        response: answer.response,
        session,
    }
}

/// A response that ends in one place. hyper takes a coding before a length and never looks at
/// codings but the last; whoever reads the same bytes otherwise reads another response.
fn unambiguous(answer: Answer) -> Result<Answer, Failure> {
    let headers = answer.response.headers();
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_framed_once = match codings.next() {
        None => true,
        Some(coding) => {
            coding.as_bytes().eq_ignore_ascii_case(b"chunked")
                && codings.next().is_none()
                && !headers.contains_key(CONTENT_LENGTH)
        }
    };
    if is_framed_once {
        Ok(answer)
    } else {
        Err(Error::UpstreamFraming.into())
    }
}

/// Removes from a response what concerned only the endpoint's connection.
fn clean(response: &mut Response<Incoming>, takes_trailers: bool) {
    // What the endpoint spoke is between it and us (RFC 9110, section 2.5).
    *response.version_mut() = Version::HTTP_11;
    let trailers = response.headers().get(TRAILER).cloned();
    forward::strip_hop_by_hop(response.headers_mut());
    if response.status() == StatusCode::NOT_MODIFIED {
        // Without a body the length says nothing, and hyper would warn of it.
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    if takes_trailers {
        announce_trailers(response.headers_mut(), trailers);
    }
}

/// hyper sends trailers to an HTTP/1 client only when the head announces them.
fn announce_trailers(headers: &mut HeaderMap, announced: Option<HeaderValue>) {
    const GRPC: HeaderValue =
        HeaderValue::from_static("grpc-status, grpc-message, grpc-status-details-bin");
    let trailers = if respond::is_grpc(headers) {
        Some(GRPC)
    } else {
        announced
    };
    if let Some(trailers) = trailers {
        headers.insert(TRAILER, trailers);
    }
}

fn transport(protocol: Protocol, client_is_tls: bool) -> Transport {
    match protocol {
        Protocol::Http => Transport::Http,
        Protocol::Https => Transport::Https,
        Protocol::H2c => Transport::H2c,
        Protocol::H2 => Transport::H2,
        Protocol::Auto if client_is_tls => Transport::Https,
        Protocol::Auto => Transport::Http,
    }
}
