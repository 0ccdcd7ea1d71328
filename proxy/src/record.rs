//! What is remembered of a request from its head to the last byte of its response.
//!
//! When it is dropped it becomes counters and a line of the access log, whatever way the request
//! went: answered, refused, broken off or abandoned by its client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http::request::Parts;
use http::{Method, Request};

use crate::accesslog::{self, Line, Outcome};
use crate::conn::Conn;
use crate::error::{Error, Reason};
use crate::metrics::{Observation, RouteMetrics};
use crate::upload::Progress;
use crate::worker::Worker;

/// The status that nginx logs when the client went away before there was one.
const CLIENT_CLOSED: u16 = 499;

/// One request's record.
#[derive(Debug)]
pub(crate) struct Record {
    worker: Arc<Worker>,
    conn: Arc<Conn>,
    started: Instant,
    method: Method,
    line: Option<Box<Line>>,
    request_id: Box<str>,
    upload: Option<Arc<Progress>>,
    route: Option<Arc<RouteMetrics>>,
    upstream: Option<SocketAddr>,
    upstream_status: Option<u16>,
    header_seconds: Option<f64>,
    status: Option<u16>,
    reason: Option<Reason>,
    why: Option<Box<str>>,
    response_bytes: u64,
}

impl Record {
    /// A request has begun.
    pub(crate) fn start(worker: &Arc<Worker>, conn: &Arc<Conn>, parts: &Parts) -> Box<Self> {
        conn.activity.request_begins();
        let counters = worker.counters();
        counters.requests.fetch_add(1, Ordering::Relaxed);
        counters.busy.fetch_add(1, Ordering::Relaxed);
        Box::new(Self {
            worker: Arc::clone(worker),
            conn: Arc::clone(conn),
            started: Instant::now(),
            method: parts.method.clone(),
            line: worker.log.as_ref().map(|_| Line::of(parts)),
            request_id: "".into(),
            upload: None,
            route: None,
            upstream: None,
            upstream_status: None,
            header_seconds: None,
            status: None,
            reason: None,
            why: None,
            response_bytes: 0,
        })
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
        self.upload.as_ref().map_or(0, |upload| upload.bytes())
    }

    /// The endpoint it was sent to, and under which name.
    pub(crate) fn sent_to<B>(&mut self, endpoint: SocketAddr, request: Option<&Request<B>>) {
        self.upstream = Some(endpoint);
        if let Some(request) = request.filter(|_| self.line.is_some()) {
            self.request_id = accesslog::request_id(request.headers()).into();
        }
    }

    /// The endpoint's response has begun.
    pub(crate) fn answered(&mut self, status: u16) {
        self.upstream_status = Some(status);
        self.header_seconds = Some(self.started.elapsed().as_secs_f64());
    }

    /// It failed.
    pub(crate) fn failed(&mut self, error: &Error) {
        self.reason = Some(error.reason());
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

    fn count(&self, status: u16, seconds: f64) {
        if let Some(reason) = self.reason {
            self.worker.counters().refuse(reason);
        }
        if let Some(route) = &self.route {
            let seen = Observation {
                method: &self.method,
                status,
                request_seconds: seconds,
                header_seconds: self.header_seconds,
                request_bytes: self.request_bytes(),
                response_bytes: self.response_bytes,
            };
            route.observe(self.worker.index, &seen);
        }
    }

    fn log(&self, status: u16, seconds: f64) {
        let (Some(log), Some(line)) = (&self.worker.log, &self.line) else {
            return;
        };
        let outcome = Outcome {
            remote: self.conn.peer,
            request_id: &self.request_id,
            status,
            bytes_sent: self.response_bytes,
            request_length: self.request_bytes(),
            request_seconds: seconds,
            route: self.route.as_ref().map(|route| &route.labels),
            upstream: self.upstream,
            upstream_status: self.upstream_status,
            upstream_seconds: self.header_seconds,
            reason: self.reason.map(Reason::name),
            why: self.why.as_deref(),
        };
        let dropped = log.write(line, &outcome);
        self.worker
            .counters()
            .log_dropped
            .fetch_add(dropped, Ordering::Relaxed);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.conn.activity.request_ends();
        self.worker.counters().busy.fetch_sub(1, Ordering::Relaxed);
        let seconds = self.started.elapsed().as_secs_f64();
        let status = self.status.unwrap_or(CLIENT_CLOSED);
        self.count(status, seconds);
        self.log(status, seconds);
    }
}
