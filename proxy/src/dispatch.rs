//! One forwarded request: where it goes, what the endpoint gets, and what comes back.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, COOKIE, SET_COOKIE, TRAILER, TRANSFER_ENCODING, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use portreeve_table::{Backend, Forward, Protocol};

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
use crate::upload::{Progress, RequestBody};
use crate::upstream::{
    Answer, Choice, Failure, Lease, PoolKey, Session, Transport, Visit, set_cookie,
};
use crate::worker::Worker;
use crate::{choice, forward, respond, upgrade};

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
    transport: Transport,
}

/// A request as an endpoint gets it, and what is to be remembered of the client's.
struct Outgoing {
    request: Request<RequestBody>,
    progress: Option<Arc<Progress>>,
    takes_trailers: bool,
    user_agent: Option<HeaderValue>,
}

/// An endpoint's answer, with what it holds on to.
struct Delivered {
    response: Response<Incoming>,
    streaming: Streaming,
    session: Option<Session>,
}

impl Call<'_> {
    /// Forwards the request and returns the endpoint's response.
    pub(crate) async fn run(
        &self,
        mut request: Incomer,
        record: &mut Record,
    ) -> Result<Reply, Error> {
        let destination = self.destination(&request.parts)?;
        let is_tunnel = wants_tunnel(&request) && !destination.transport.is_multiplexed();
        let client = request.upgrade.take().filter(|_| is_tunnel);
        let mut outgoing = self.outgoing(request, destination.transport, is_tunnel, record)?;
        let sent = std::mem::take(&mut outgoing.request);
        let progress = outgoing.progress.as_ref();
        let mut delivered = self.send(sent, progress, &destination, record).await?;
        if delivered.response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let client = client.ok_or(Error::Upgrade)?;
            let Delivered {
                response,
                streaming,
                ..
            } = delivered;
            return upgrade::tunnel(self.worker, self.conn, client, response, streaming)
                .map(Reply::from);
        }
        clean(&mut delivered.response, outgoing.takes_trailers);
        self.keep_session(
            &mut delivered,
            destination.backend,
            outgoing.user_agent.as_ref(),
        );
        Ok(Reply {
            response: delivered.response.map(Body::incoming),
            streaming: Some(delivered.streaming),
        })
    }

    /// Draws a backend; one without any endpoint makes way for the fallback.
    fn destination(&self, parts: &Parts) -> Result<Destination<'_>, Error> {
        let random = self.worker.random();
        let drawn = choice::draw(&self.forward.backends, random).ok_or(Error::NoEndpoint)?;
        let alive = |backend: &'_ Backend| {
            let upstream = self.generation.upstreams.get(&backend.upstream);
            upstream.filter(|upstream| !upstream.endpoints.is_empty())
        };
        let (backend, upstream) = [Some(drawn), self.forward.fallback.as_ref()]
            .into_iter()
            .flatten()
            .find_map(|backend| alive(backend).map(|upstream| (backend, upstream)))
            .ok_or(Error::NoEndpoint)?;
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

    /// The request as the endpoint gets it.
    fn outgoing(
        &self,
        request: Incomer,
        transport: Transport,
        is_tunnel: bool,
        record: &mut Record,
    ) -> Result<Outgoing, Error> {
        let (mut parts, body) = (request.parts, request.body);
        let takes_trailers = forward::accepts_trailers(&parts.headers);
        let user_agent = parts.headers.get(USER_AGENT).cloned();
        let rewritten = self.forward.rewrite.as_ref().map(|template| {
            let groups = self.matched.groups(self.target.path(&parts.uri));
            let groups: Vec<_> = groups.iter().map(String::as_str).collect();
            template.expand(&groups)
        });
        let identity = forward::Identity {
            conn: self.conn,
            request_id: self.worker.request_id(),
        };
        forward::headers(&mut parts, self.target, self.forward, transport, identity);
        forward::uri(&mut parts, self.target, rewritten.as_deref(), transport)?;
        forward::frame(&mut parts, &body.size_hint(), !body.is_end_stream());
        if is_tunnel {
            forward::ask_for_websocket(&mut parts.headers);
        }
        parts.extensions.clear();
        record.request_bytes(body.size_hint().lower());
        let timer = || self.worker.clock.timer();
        let client = &self.conn.activity;
        let (body, progress) = RequestBody::new(body, self.limits.body, timer, client);
        Ok(Outgoing {
            request: Request::from_parts(parts, body),
            progress,
            takes_trailers,
            user_agent,
        })
    }

    /// Tries endpoints until one answers or none may be tried.
    async fn send(
        &self,
        mut request: Request<RequestBody>,
        progress: Option<&Arc<Progress>>,
        destination: &Destination<'_>,
        record: &mut Record,
    ) -> Result<Delivered, Error> {
        let tries = Tries::start(
            destination,
            &self.forward.retry,
            &request,
            progress.is_some(),
        );
        let mut tries = tries.ok_or(Error::NoEndpoint)?;
        let waits = &self.forward.timeouts;
        loop {
            let endpoint = tries.endpoint().ok_or(Error::NoEndpoint)?;
            record.sent_to(endpoint.address, request.headers());
            let in_flight = endpoint.state.begin();
            let key = PoolKey {
                address: endpoint.address,
                transport: destination.transport,
            };
            let pool = &self.worker.pool;
            let sent = pool
                .send(
                    key,
                    request,
                    waits,
                    progress.map(Arc::as_ref),
                    tries.reuse(),
                )
                .await
                .and_then(unambiguous);
            request = match sent {
                Ok(answer) => {
                    let status = answer.response.status().as_u16();
                    let micros = record.answered(status);
                    endpoint.state.observe(micros, self.worker.now_micros());
                    match tries.after_answer(status) {
                        Some(again) => again,
                        None => {
                            let upload = progress.cloned();
                            return Ok(self.delivered(answer, in_flight, upload, tries.session()));
                        }
                    }
                }
                Err(failure) => match progress.and_then(|progress| progress.failure()) {
                    Some(clients_fault) => return Err(clients_fault),
                    None => {
                        endpoint.state.observe(FAILED, self.worker.now_micros());
                        tries.after_failure(*failure)?
                    }
                },
            };
        }
    }

    fn delivered(
        &self,
        answer: Answer,
        in_flight: crate::upstream::InFlight,
        upload: Option<Arc<Progress>>,
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
                patience: self.forward.timeouts.read.duration(),
                upload,
                is_awaited: false,
            },
            response: answer.response,
            session,
        }
    }

    /// Tells the client its session, when it has none or another.
    fn keep_session(
        &self,
        delivered: &mut Delivered,
        backend: &Backend,
        user_agent: Option<&HeaderValue>,
    ) {
        let (Some(session), Some(affinity)) = (delivered.session, &backend.affinity) else {
            return;
        };
        let visit = Visit {
            tls: self.conn.is_tls,
            unix_seconds: choice::unix_seconds(),
            user_agent: user_agent.and_then(|agent| agent.to_str().ok()),
        };
        if let Some(cookie) = set_cookie(&affinity.cookie, session, &visit) {
            delivered.response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
}

/// A response that ends in one place. hyper takes a coding before a length and never looks at
/// codings but the last; whoever reads the same bytes otherwise reads another response.
fn unambiguous(answer: Answer) -> Result<Answer, Box<Failure>> {
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
        Err(Failure::sent(Error::UpstreamFraming))
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
