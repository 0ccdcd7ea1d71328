//! The life of a request: read this first.
//!
//! One plain function, top to bottom. Every way out is a response; every error becomes one in
//! `respond.rs`. A request sees one generation of the configuration from its first to its last
//! step, and nothing of it is buffered.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use http::header::{CONNECTION, SERVER};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use hyper::upgrade::OnUpgrade;
use portreeve_table::{Action, Filter, Redirect};

use crate::body::{Body, Streaming};
use crate::conn::Conn;
use crate::error::{BadRequest, Error};
use crate::metrics::RouteMetrics;
use crate::record::Record;
use crate::state::Generation;
use crate::target::Target;
use crate::worker::Worker;
use crate::{challenge, dispatch, early, filters, forward, respond};

pub(crate) type Matched<'t> = portreeve_table::Matched<'t, Arc<RouteMetrics>>;

/// A response, and what streams behind it.
pub(crate) struct Reply {
    pub(crate) response: Response<Body>,
    pub(crate) streaming: Option<Streaming>,
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Self {
        Self {
            response,
            streaming: None,
        }
    }
}

/// A client's request, taken apart.
pub(crate) struct Incomer {
    pub(crate) parts: Parts,
    pub(crate) body: Incoming,
    /// The client's half of a tunnel, when it asks for one.
    pub(crate) upgrade: Option<OnUpgrade>,
}

/// Answers one request.
pub(crate) async fn handle(
    worker: Arc<Worker>,
    conn: Arc<Conn>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let upgrade = request.extensions().get::<OnUpgrade>().is_some();
    let upgrade = upgrade.then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let mut record = Record::start(&worker, &conn, &parts);
    let is_grpc = respond::is_grpc(&parts.headers);
    let version = parts.version;
    let is_h1 = version < Version::HTTP_2;
    let has_body = is_h1 && !body.is_end_stream();
    if has_body {
        // Until somebody reads it to its end, closing must wait for what is still coming.
        conn.activity.leave_unread();
    }
    let generation = early::generation(&worker, &parts).await;
    let incomer = Incomer {
        parts,
        body,
        upgrade: upgrade.filter(|_| is_h1),
    };
    let answered = serve(&worker, &conn, &generation, incomer, &mut record).await;
    let mut is_last = false;
    let mut reply = answered.unwrap_or_else(|error| {
        record.failed(&error);
        is_last = error.is_ambiguous();
        respond::error(&error, is_grpc).into()
    });
    // What is left of a body that nobody wants must not be taken for the next request.
    is_last |= has_body && reply.streaming.is_none();
    is_last |= worker.drain.is_leaving();
    if is_last {
        close(&mut reply.response, version);
    }
    finish(&mut reply.response, version);
    record.status(reply.response.status().as_u16());
    reply.response.body_mut().carry(record, reply.streaming);
    Ok(reply.response)
}

async fn serve(
    worker: &Arc<Worker>,
    conn: &Arc<Conn>,
    generation: &Generation,
    request: Incomer,
    record: &mut Record,
) -> Result<Reply, Error> {
    let target = Target::read(&request.parts)?; // 400, 405, 414, 417, 431, 501
    record.take_room(&request.parts)?; // 431
    if request.parts.uri.path() == "*" {
        return asterisk(&request.parts).map(Reply::from);
    }
    if let Some(response) = challenge::answer(generation, &target, &request.parts) {
        return Ok(response.into());
    }
    let Some(matched) = find(generation, &target, &request.parts)? else {
        return nobody(generation, &target, &request.parts).map(Reply::from); // 404
    };
    record.route(matched.bound);
    let limits = match filters::on_request(matched.route, &request.parts, &target, conn)? {
        ControlFlow::Break(response) => return Ok(response.into()), // redirect
        ControlFlow::Continue(limits) => limits,                    // or 403, 413
    };
    let hides_server = matched.route.filters.contains(&Filter::HideServer);
    let mut reply = match &matched.route.action {
        Action::Redirect(redirect) => {
            redirected(redirect, &matched, &target, &request.parts, conn).into()
        }
        Action::NotFound => return Err(Error::NoRoute),
        Action::Unavailable { reason } => return Err(Error::Unavailable(reason.clone())),
        Action::Unknown(_) => return Err(Error::Unavailable("unknown action".into())),
        Action::Forward(to) => {
            let call = dispatch::Call {
                worker,
                conn,
                generation,
                matched: &matched,
                forward: to,
                target: &target,
                limits,
            };
            let mut outgoing = call.prepare(request, record)?; // 503
            let delivered = call.send(&mut outgoing, record).await?; // 502, 503, 504
            call.reply(outgoing, delivered)?
        }
    };
    if hides_server {
        reply.response.headers_mut().remove(SERVER);
        reply.response.extensions_mut().insert(NoServer);
    }
    Ok(reply)
}

/// Marks a response whose `Server` field stays away.
#[derive(Clone, Copy)]
struct NoServer;

/// The route that takes a request.
pub(crate) fn find<'t>(
    generation: &'t Generation,
    target: &Target,
    parts: &Parts,
) -> Result<Option<Matched<'t>>, Error> {
    let asked = portreeve_table::Target {
        host: &target.host,
        path: target.path(&parts.uri),
        query: parts.uri.query(),
        method: &parts.method,
        headers: &parts.headers,
    };
    let found = generation.table.route(&asked);
    found.map_err(|error| BadRequest::Path(error).into())
}

/// `OPTIONS *` asks the proxy itself (RFC 9110, section 9.3.7).
fn asterisk(parts: &Parts) -> Result<Response<Body>, Error> {
    match parts.method {
        Method::OPTIONS => Ok(respond::empty(StatusCode::OK)),
        _ => Err(BadRequest::Asterisk.into()),
    }
}

/// Load balancers of cloud providers ask port 80 for `/healthz` under no particular name.
fn nobody(
    generation: &Generation,
    target: &Target,
    parts: &Parts,
) -> Result<Response<Body>, Error> {
    let is_probe = matches!(parts.uri.path(), "/healthz" | "/ping");
    if is_probe && generation.number > 0 && !generation.table.has_host(&target.host) {
        return Ok(respond::page(StatusCode::OK));
    }
    Err(Error::NoRoute)
}

fn redirected(
    redirect: &Redirect,
    matched: &Matched<'_>,
    target: &Target,
    parts: &Parts,
    conn: &Conn,
) -> Response<Body> {
    let groups = matched.groups(target.path(&parts.uri));
    let groups: Vec<_> = groups.iter().map(String::as_str).collect();
    let url = filters::url(parts, target, conn);
    respond::redirect(redirect.status, &redirect.to.for_request(&url, &groups))
}

/// What every response gets, whoever made it.
fn finish(response: &mut Response<Body>, version: Version) {
    let has_server = response.headers().contains_key(SERVER);
    if !has_server && response.extensions_mut().remove::<NoServer>().is_none() {
        response.headers_mut().insert(SERVER, respond::SERVER_NAME);
    }
    if version == Version::HTTP_10 && response.body().size_hint().exact().is_none() {
        // Without chunks only the connection's end ends the body.
        close(response, version);
    }
}

/// Ends the client's connection after this response; tunnels and HTTP/2 end in their own ways.
fn close(response: &mut Response<Body>, version: Version) {
    match version {
        _ if response.status() == StatusCode::SWITCHING_PROTOCOLS => {}
        Version::HTTP_11 => {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        // It ends unless we promise to keep it, which hyper does for responses of HTTP/1.1.
        version if version <= Version::HTTP_10 => *response.version_mut() = version,
        _ => {}
    }
}

/// Whether a client asks for a tunnel that we open. One with a body does not: servers differ on
/// where that ends and the tunnel begins.
pub(crate) fn wants_tunnel(request: &Incomer) -> bool {
    let is_alone = request.upgrade.is_some() && request.body.is_end_stream();
    is_alone && forward::wants_websocket(&request.parts)
}
