//! What is remembered of a request from its head to the last byte of its response.
//!
//! When it is dropped it becomes counters and a line of the access log, whatever way the request
//! went: answered, refused, broken off or abandoned by its client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method, Version};

use crate::accesslog::{Line, Outcome, Try};
use crate::conn::Conn;
use crate::error::{Error, Reason};
use crate::forward;
use crate::metrics::{Observation, RouteMetrics};
use crate::upload::Progress;
use crate::worker::Worker;

/// The status that nginx logs when the client went away before there was one.
const CLIENT_CLOSED: u16 = 499;

/// What an HTTP/2 request has in place of a request line (RFC 9113, section 8.3.1).
const PSEUDO_FIELDS: [&str; 4] = [":method", ":scheme", ":authority", ":path"];

/// One request's record.
#[derive(Debug)]
pub(crate) struct Record {
    worker: Arc<Worker>,
    conn: Arc<Conn>,
    /// In the worker's microseconds.
    started: u64,
    method: Method,
    /// How much room its head takes of its connection's.
    head_room: usize,
    line: Option<Box<Line>>,
    head_bytes: usize,
    upload: Option<Arc<Progress>>,
    route: Option<Arc<RouteMetrics>>,
    attempt: Option<Attempt>,
    status: Option<u16>,
    reason: Option<Reason>,
    why: Option<Box<str>>,
    response_bytes: u64,
    is_whole: bool,
    cut: Option<Cut>,
}

/// The last endpoint that was tried; times are in the worker's microseconds.
#[derive(Debug)]
struct Attempt {
    endpoint: SocketAddr,
    began: u64,
    status: Option<u16>,
    /// When the head of its response had come.
    head: Option<u64>,
    /// When the last byte had.
    end: Option<u64>,
}

impl Attempt {
    fn header_seconds(&self) -> Option<f64> {
        self.head.map(|head| seconds(self.began, head))
    }

    fn response_seconds(&self, now: u64) -> f64 {
        seconds(self.began, self.end.unwrap_or(now))
    }

    fn logged(&self, now: u64, response_length: u64) -> Try {
        Try {
            endpoint: self.endpoint,
            status: self.status,
            header_seconds: self.header_seconds(),
            response_seconds: self.response_seconds(now),
            response_length,
        }
    }
}

/// Who did not let a response come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The endpoint broke off or fell silent.
    Upstream,
    /// The client went away, or did not take what it asked for.
    Client,
    /// The proxy was stopping and could wait no longer.
    Proxy,
}

impl Cut {
    /// Its name in the access log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Client => "client",
            Self::Proxy => "proxy",
        }
    }
}

impl Record {
    /// A request has begun.
    pub(crate) fn start(worker: &Arc<Worker>, conn: &Arc<Conn>, parts: &Parts) -> Box<Self> {
        worker.request_begins(&conn.activity);
        worker.counters().requests.fetch_add(1, Ordering::Relaxed);
        Box::new(Self {
            worker: Arc::clone(worker),
            conn: Arc::clone(conn),
            started: worker.now_micros(),
            method: parts.method.clone(),
            head_room: 0,
            line: worker.log.as_ref().map(|_| Line::of(parts)),
            head_bytes: head_bytes(parts),
            upload: None,
            route: None,
            attempt: None,
            status: None,
            reason: None,
            why: None,
            response_bytes: 0,
            is_whole: false,
            cut: None,
        })
    }

    /// Takes room for the head of an HTTP/2 request until it ends; on HTTP/1 there is but one.
    ///
    /// # Errors
    /// When it is too large, or the other requests of its connection have left none.
    pub(crate) fn take_room(&mut self, parts: &Parts) -> Result<(), Error> {
        if parts.version == Version::HTTP_2 {
            let fields = PSEUDO_FIELDS.len() + parts.headers.len();
            self.head_room = self.conn.take_room(self.head_bytes, fields)?;
        }
        Ok(())
    }

    /// The route that took it.
    pub(crate) fn route(&mut self, route: &Arc<RouteMetrics>) {
        self.route = Some(Arc::clone(route));
    }

    /// It has a body, which counts as far as it comes.
    pub(crate) fn uploads(&mut self, upload: Option<&Arc<Progress>>) {
        self.upload = upload.cloned();
    }

    fn request_bytes(&self) -> u64 {
        let body = self.upload.as_ref().map_or(0, |upload| upload.bytes());
        self.head_bytes as u64 + body
    }

    /// The head with which it is sent to endpoints.
    pub(crate) fn sent_as(&mut self, headers: &HeaderMap) {
        if let Some(line) = &mut self.line {
            line.request_id = forward::request_id(headers).cloned();
        }
    }

    /// The endpoint it is sent to, and from when.
    pub(crate) fn sent_to(&mut self, endpoint: SocketAddr, began: u64) {
        let earlier = self.attempt.replace(Attempt {
            endpoint,
            began,
            status: None,
            head: None,
            end: None,
        });
        if let (Some(earlier), Some(line)) = (earlier, &mut self.line) {
            line.earlier.push(earlier.logged(began, 0));
        }
    }

    /// The endpoint failed.
    pub(crate) fn try_failed(&mut self, error: &Error, now: u64) {
        if let Some(attempt) = &mut self.attempt {
            attempt.status = error.of_endpoint();
            attempt.end = Some(now);
        }
    }

    /// The endpoint's response has begun.
    pub(crate) fn answered(&mut self, status: u16, now: u64) {
        if let Some(attempt) = &mut self.attempt {
            attempt.status = Some(status);
            attempt.head = Some(now);
        }
    }

    /// The endpoint's response has ended.
    pub(crate) fn received(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.end = Some(self.worker.now_micros());
        }
    }

    /// All of the response was handed on.
    pub(crate) fn ends_whole(&mut self) {
        self.is_whole = true;
    }

    /// The response breaks off.
    pub(crate) fn cut(&mut self, by: Cut) {
        self.cut = Some(by);
    }

    /// It failed.
    pub(crate) fn failed(&mut self, error: &Error) {
        self.reason = Some(error.reason());
        if let Some(attempt) = &mut self.attempt {
            // A caller's own time may be over while an endpoint still has some.
            attempt.status = attempt.status.or(error.of_endpoint());
        }
        if self.line.is_some() {
            self.why = Some(error.to_string().into());
        }
    }

    /// The status that the client gets.
    pub(crate) fn status(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Bytes of the response's body were handed on.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.response_bytes += bytes as u64;
    }

    /// Who cut the response short, if anybody did.
    fn who_cut(&self) -> Option<Cut> {
        // Of a response to HEAD nobody asks for the body.
        if self.is_whole || self.status.is_none() || self.method == Method::HEAD {
            return None;
        }
        let by = match self.worker.drain.is_cutting() {
            true => Cut::Proxy,
            false => Cut::Client,
        };
        self.cut.or(Some(by))
    }

    fn count(&self, ended: &Ended) {
        if let Some(reason) = self.reason {
            self.worker.counters().refuse(reason);
        }
        if let Some(route) = &self.route {
            let seen = Observation {
                method: &self.method,
                status: ended.status,
                request_seconds: ended.request_seconds,
                header_seconds: ended.header_seconds,
                response_seconds: ended.response_seconds,
                request_bytes: self.request_bytes(),
                response_bytes: self.response_bytes,
            };
            route.observe(self.worker.index, &seen);
        }
    }

    fn log(&self, ended: &Ended, now: u64) {
        let (Some(log), Some(line)) = (&self.worker.log, &self.line) else {
            return;
        };
        let id = line.request_id.clone();
        // An answer of our own is not the endpoint's.
        let length = self.reason.map_or(self.response_bytes, |_| 0);
        let attempt = self.attempt.as_ref();
        let outcome = Outcome {
            remote: self.conn.peer,
            request_id: id.unwrap_or_else(|| self.worker.request_id()),
            status: ended.status,
            bytes_sent: self.response_bytes,
            request_length: self.request_bytes(),
            request_seconds: ended.request_seconds,
            route: self.route.as_ref().map(|route| &route.labels),
            last: attempt.map(|attempt| attempt.logged(now, length)),
            cut: self.who_cut().map(Cut::name),
            reason: self.reason.map(Reason::name),
            why: self.why.as_deref(),
        };
        let dropped = log.write(Some(line), &outcome);
        self.worker.counters().lose_lines(dropped);
    }
}

/// What is known at the end; durations are in seconds.
struct Ended {
    status: u16,
    request_seconds: f64,
    header_seconds: Option<f64>,
    response_seconds: Option<f64>,
}

impl Ended {
    fn of(record: &Record, now: u64) -> Self {
        let attempt = record.attempt.as_ref();
        Self {
            status: record.status.unwrap_or(CLIENT_CLOSED),
            request_seconds: seconds(record.started, now),
            header_seconds: attempt.and_then(Attempt::header_seconds),
            response_seconds: attempt.map(|attempt| attempt.response_seconds(now)),
        }
    }
}

/// How long a head is: HTTP/1's as it is usually written, HTTP/2's before it is compressed.
fn head_bytes(parts: &Parts) -> usize {
    const LINE: usize = "  HTTP/1.1\r\n\r\n".len();
    const FIELD: usize = ": \r\n".len();
    let uri = &parts.uri;
    let scheme = uri.scheme_str().map_or(0, str::len);
    let authority = uri.authority().map_or(0, |host| host.as_str().len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let fields = parts.headers.iter();
    let fields: usize = fields
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    let around = match parts.version {
        Version::HTTP_2 => PSEUDO_FIELDS.iter().map(|name| name.len()).sum(),
        _ if scheme > 0 => LINE + FIELD * parts.headers.len() + "://".len(),
        _ => LINE + FIELD * parts.headers.len(),
    };
    parts.method.as_str().len() + scheme + authority + path + fields + around
}

fn seconds(from: u64, to: u64) -> f64 {
    Duration::from_micros(to.saturating_sub(from)).as_secs_f64()
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.head_room > 0 {
            self.conn.give_room(self.head_room);
        }
        self.worker.request_ends(&self.conn.activity);
        let now = self.worker.now_micros();
        let ended = Ended::of(self, now);
        self.count(&ended);
        self.log(&ended, now);
    }
}
