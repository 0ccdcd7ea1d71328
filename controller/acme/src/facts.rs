//! Single facts on which it depends whether a certificate can be had, for whoever wants to look before
//! a CA does. Nothing here is decided by them, and nothing is changed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::budget::{Limits, WEEK, counts};
use crate::held::Held;
use crate::record::Record;
use crate::renewal;
use crate::want::{Name, WantId};

#[cfg(test)]
mod tests;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an answer may be, in bytes: a key authorization has about a hundred.
const MOST: usize = 4096;
/// A path at which CAs ask, and that no challenge has: a token of theirs is longer.
const PROBE: &str = "/.well-known/acme-challenge/check";

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pointing {
    /// To us, with every address.
    Here,
    /// To us and to these others, whom a CA may ask as well.
    AlsoTo(Vec<IpAddr>),
    /// To others alone.
    Elsewhere(Vec<IpAddr>),
    /// Nowhere: it has no address.
    Nowhere,
}

/// Where a name leads that has these addresses, when `ours` are all that lead to proxies.
pub fn pointing(addresses: &[IpAddr], ours: &[IpAddr]) -> Pointing {
    let (here, others): (Vec<_>, Vec<_>) = addresses.iter().partition(|it| ours.contains(it));
    match (here.is_empty(), others.is_empty()) {
        (true, true) => Pointing::Nowhere,
        (false, true) => Pointing::Here,
        (false, false) => Pointing::AlsoTo(others),
        (true, false) => Pointing::Elsewhere(others),
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// Nobody answers.
    #[error("no answer in {} s", PATIENCE.as_secs())]
    Silent,
    /// There is no connection.
    #[error("no connection: {0}")]
    Connect(#[from] io::Error),
    /// Whoever is there does not speak HTTP.
    #[error("no HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// The body is no answer to a challenge.
    #[error("an answer that is too long, or that breaks off")]
    Body,
    /// The name cannot stand in a request.
    #[error("{0} cannot be asked for")]
    Name(Name),
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, of at most 4096 bytes.
    pub body: Bytes,
}

/// Asks for the path of a challenge that there is not, as a CA would ask, and says with which status
/// that was answered: 404 by a proxy of ours that has no route for the name, anything by one that has.
///
/// # Errors
/// When nobody answers, or not over HTTP.
pub async fn reach(address: SocketAddr, name: &Name) -> Result<u16, Unreachable> {
    let asked = timeout(PATIENCE, ask(address, name, PROBE)).await;
    Ok(asked.map_err(|_| Unreachable::Silent)??.status)
}

/// Asks for a path of a name at an address, as a CA asks for the answer to HTTP-01 (RFC 8555, section
/// 8.3). It waits for as long as it is polled, and follows no redirect.
///
/// # Errors
/// When there is no answer over HTTP, or one that no challenge has.
pub async fn ask(address: SocketAddr, name: &Name, path: &str) -> Result<Answer, Unreachable> {
    let (answer, _connection) = send(address, name, path).await?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    let body = body.map_err(|_| Unreachable::Body)?.to_bytes();
    Ok(Answer { status, body })
}

/// The same, up to the head of the answer; its body comes for as long as the connection is held.
pub(crate) async fn send(
    address: SocketAddr,
    name: &Name,
    path: &str,
) -> Result<(Response<Incoming>, JoinSet<hyper::Result<()>>), Unreachable> {
    let host = match name {
        Name::Ip(IpAddr::V6(address)) => format!("[{address}]"),
        name => name.to_string(),
    };
    let request = Request::get(path).header(http::header::HOST, host);
    let request = request.body(Empty::<Bytes>::new());
    let request = request.map_err(|_| Unreachable::Name(name.clone()))?;
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let mut running = JoinSet::new();
    running.spawn(connection);
    Ok((sender.send_request(request).await?, running))
}

/// One CAA record (RFC 8659).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caa {
    /// Whether who does not know the tag must not issue.
    pub is_critical: bool,
    /// What it is about: `issue`, `issuewild`, `iodef` and others.
    pub tag: Box<str>,
    /// What it says.
    pub value: Box<str>,
}

/// Tags that say nothing of names without a wildcard.
const OTHER_TAGS: [&str; 6] = [
    "issuewild",
    "iodef",
    "contactemail",
    "contactphone",
    "issuemail",
    "issuevmc",
];

/// Whether the CA that is called `domain` in such records, such as `letsencrypt.org`, may issue for a
/// name without a wildcard: `records` are those of the name, or of the nearest parent that has any.
/// Parameters, such as those of RFC 8657, are not looked at.
pub fn caa_allows(records: &[Caa], domain: &str) -> bool {
    let is = |record: &Caa, tag: &str| record.tag.eq_ignore_ascii_case(tag);
    let is_known = |record: &Caa| is(record, "issue") || OTHER_TAGS.iter().any(|it| is(record, it));
    if records.iter().any(|it| it.is_critical && !is_known(it)) {
        return false;
    }
    let mut issue = records.iter().filter(|it| is(it, "issue")).peekable();
    let is_it = |record: &Caa| {
        let named = record.value.split(';').next().unwrap_or_default();
        named.trim().eq_ignore_ascii_case(domain)
    };
    issue.peek().is_none() || issue.any(is_it)
}

/// What is left of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// How many certificates for these names may still be had.
    pub certificates: usize,
    /// When there is one more, unless none was had.
    pub more_at: Option<Timestamp>,
}

/// What is left of certificates for the names of `record` in a week.
pub fn left(record: &Record, limits: &Limits, now: Timestamp) -> Left {
    let issued = record.issued.iter().filter(|at| counts(now, **at, WEEK));
    Left {
        certificates: limits.per_names.saturating_sub(issued.clone().count()),
        more_at: issued.min().map(|first| renewal::later(*first, WEEK)),
    }
}

/// When a certificate is to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// From when on and until when the CA wants it, as far as it was asked and said so.
    pub window: Option<(Timestamp, Timestamp)>,
    /// When it is done.
    pub due: Timestamp,
}

/// When the certificate that is there for `id` is to be renewed.
pub fn renewal(id: &WantId, held: &Held, record: &Record) -> Renewal {
    let asked = record.asked.as_ref();
    let asked = asked.filter(|asked| asked.fingerprint == held.fingerprint);
    Renewal {
        window: asked.and_then(|asked| asked.window),
        due: renewal::due(id, held, asked),
    }
}
