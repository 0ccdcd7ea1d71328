//! Counters, kept where they are counted and added up when they are asked for.
//!
//! Each route has a slot for each worker, so that counting never touches memory that another
//! worker writes; a slot's lock is only ever contended by a scrape.
//! Handles are found when a table is compiled, never while a request is served.

mod certificates;
mod contact;
mod exposition;
mod families;
mod histogram;
mod render;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use portreeve_table::{Action, HostPattern, Route};

pub(crate) use certificates::Certificates;
pub(crate) use contact::{Contact, ContactCell};
#[cfg(test)]
pub(crate) use families::{FAMILIES, Kind};
pub(crate) use histogram::{Bounds, Histogram};
pub(crate) use render::render;

use crate::error::Reason;

/// All counters of the process.
#[derive(Debug)]
pub(crate) struct Metrics {
    workers: usize,
    routes: Mutex<BTreeMap<RouteLabels, Arc<RouteMetrics>>>,
    taken_whole: AtomicBool,
    /// Whether a controller keeps the configuration up to date.
    pub(crate) contact: ContactCell,
    /// How the certificates stand that ACME keeps.
    pub(crate) acme: Certificates,
    /// Connections and refusals by worker.
    pub(crate) per_worker: Box<[WorkerMetrics]>,
}

/// What tells one route's counters from another's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteLabels {
    /// Namespace of the Ingress.
    pub(crate) namespace: Box<str>,
    /// Name of the Ingress.
    pub(crate) ingress: Box<str>,
    /// Name of the Service; empty when the route has none.
    pub(crate) service: Box<str>,
    /// Port of the Service; 0 when the route has none.
    pub(crate) port: u16,
    /// The rule's host.
    pub(crate) host: Box<str>,
    /// The rule's path.
    pub(crate) path: Box<str>,
}

/// The counters of one route.
#[derive(Debug)]
pub(crate) struct RouteMetrics {
    /// What they are labelled with.
    pub(crate) labels: RouteLabels,
    by_worker: Box<[Mutex<Vec<Series>>]>,
}

/// The counters of one route for one method and status.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) method: Method,
    pub(crate) status: u16,
    pub(crate) requests: u64,
    pub(crate) request_seconds: Histogram,
    pub(crate) header_seconds: Histogram,
    pub(crate) response_seconds: Histogram,
    pub(crate) request_bytes: Histogram,
    pub(crate) response_bytes: Histogram,
}

/// What one request adds.
#[derive(Clone, Debug)]
pub(crate) struct Observation<'a> {
    pub(crate) method: &'a Method,
    pub(crate) status: u16,
    /// From the request's head to the response's last byte.
    pub(crate) request_seconds: f64,
    /// From the last try's beginning to the head of the endpoint's response, if there was one.
    pub(crate) header_seconds: Option<f64>,
    /// The same to the last byte of the response, or to the failure, if an endpoint was tried.
    pub(crate) response_seconds: Option<f64>,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
}

/// The counters of one worker.
#[derive(Debug)]
pub(crate) struct WorkerMetrics {
    /// Connections that were accepted.
    pub(crate) accepted: AtomicU64,
    /// Connections that are open.
    pub(crate) open: AtomicI64,
    /// Connections with a request in flight, or several; the others are `open` less these.
    pub(crate) busy: AtomicI64,
    /// Requests that were begun.
    pub(crate) requests: AtomicU64,
    /// TLS handshakes that failed.
    pub(crate) handshakes_failed: AtomicU64,
    /// Access log lines that were dropped because the reader was slow.
    pub(crate) log_dropped: AtomicU64,
    refused: Box<[AtomicU64]>,
}

impl WorkerMetrics {
    pub(crate) fn new() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            open: AtomicI64::new(0),
            busy: AtomicI64::new(0),
            requests: AtomicU64::new(0),
            handshakes_failed: AtomicU64::new(0),
            log_dropped: AtomicU64::new(0),
            refused: Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts lines of the access log that were dropped.
    pub(crate) fn lose_lines(&self, dropped: u64) {
        self.log_dropped.fetch_add(dropped, Ordering::Relaxed);
    }

    /// Counts an answer that the proxy made itself.
    pub(crate) fn refuse(&self, reason: Reason) {
        if let Some(counter) = self.refused.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often that happened.
    pub(crate) fn refused(&self, reason: Reason) -> u64 {
        let counter = self.refused.get(reason as usize);
        counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

impl Metrics {
    pub(crate) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            workers,
            routes: Mutex::default(),
            taken_whole: AtomicBool::new(false),
            contact: ContactCell::default(),
            acme: Certificates::default(),
            per_worker: (0..workers).map(|_| WorkerMetrics::new()).collect(),
        })
    }

    /// The counters of a route: the same as before when its labels are.
    pub(crate) fn route(&self, host: &HostPattern, route: &Route) -> Arc<RouteMetrics> {
        let labels = RouteLabels::of(host, route);
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = routes.entry(labels.clone()).or_insert_with(|| {
            let by_worker = (0..self.workers).map(|_| Mutex::default()).collect();
            Arc::new(RouteMetrics { labels, by_worker })
        });
        Arc::clone(metrics)
    }

    /// Forgets the counters of routes that are gone, so that their number stays bounded.
    pub(crate) fn forget_gone(&self) {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.retain(|_, metrics| Arc::strong_count(metrics) > 1);
    }

    /// A configuration was put in place, whole or without what could not be compiled.
    pub(crate) fn taken(&self, whole: bool) {
        self.taken_whole.store(whole, Ordering::Relaxed);
    }

    /// Whether the last configuration was taken whole.
    pub(crate) fn was_taken_whole(&self) -> bool {
        self.taken_whole.load(Ordering::Relaxed)
    }

    /// Every route's counters.
    pub(crate) fn routes(&self) -> Vec<Arc<RouteMetrics>> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.values().cloned().collect()
    }
}

impl RouteLabels {
    fn of(host: &HostPattern, route: &Route) -> Self {
        let upstream = match &route.action {
            Action::Forward(forward) => forward.backends.first().map(|b| &b.upstream),
            _ => route.instead_of.as_ref(),
        };
        Self {
            namespace: route.origin.namespace.clone(),
            ingress: route.origin.name.clone(),
            service: upstream.map(|key| key.service.clone()).unwrap_or_default(),
            port: upstream.map_or(0, |key| key.port),
            host: host.to_string().into(),
            path: route.rule.clone(),
        }
    }
}

impl RouteMetrics {
    /// Counts one request that `worker` has served.
    pub(crate) fn observe(&self, worker: usize, seen: &Observation<'_>) {
        let Some(slot) = self.by_worker.get(worker) else {
            return;
        };
        let mut all = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let method = known_method(seen.method);
        let same = |s: &Series| s.status == seen.status && s.method == method;
        match all.iter_mut().find(|series| same(series)) {
            Some(series) => series.observe(seen),
            None => {
                let mut series = Series::new(method, seen.status);
                series.observe(seen);
                all.push(series);
            }
        }
    }

    /// The counters of all workers together.
    pub(crate) fn series(&self) -> Vec<Series> {
        let mut sum: Vec<Series> = Vec::new();
        for slot in &self.by_worker {
            let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            for series in slot.iter() {
                let same = |s: &&mut Series| s.status == series.status && s.method == series.method;
                match sum.iter_mut().find(same) {
                    Some(total) => total.add(series),
                    None => sum.push(series.clone()),
                }
            }
        }
        sum
    }
}

/// A method that a client made up must not become a label.
fn known_method(method: &Method) -> Method {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::PATCH
        | Method::OPTIONS => method.clone(),
        _ => Method::from_bytes(b"OTHER").unwrap_or_default(),
    }
}

impl Series {
    fn new(method: Method, status: u16) -> Self {
        Self {
            method,
            status,
            requests: 0,
            request_seconds: Histogram::new(Bounds::Seconds),
            header_seconds: Histogram::new(Bounds::Seconds),
            response_seconds: Histogram::new(Bounds::Seconds),
            request_bytes: Histogram::new(Bounds::RequestBytes),
            response_bytes: Histogram::new(Bounds::ResponseBytes),
        }
    }

    fn observe(&mut self, seen: &Observation<'_>) {
        self.requests += 1;
        self.request_seconds.observe(seen.request_seconds);
        if let Some(header) = seen.header_seconds {
            self.header_seconds.observe(header);
        }
        if let Some(response) = seen.response_seconds {
            self.response_seconds.observe(response);
        }
        self.request_bytes.observe(seen.request_bytes as f64);
        self.response_bytes.observe(seen.response_bytes as f64);
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.request_seconds.add(&other.request_seconds);
        self.header_seconds.add(&other.header_seconds);
        self.response_seconds.add(&other.response_seconds);
        self.request_bytes.add(&other.request_bytes);
        self.response_bytes.add(&other.response_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_clients_make_up_are_counted_in_one_place() {
        let labels = RouteLabels {
            namespace: "t".into(),
            ingress: "i".into(),
            service: "s".into(),
            port: 80,
            host: "a.example".into(),
            path: "/".into(),
        };
        let route = RouteMetrics {
            labels,
            by_worker: [Mutex::default()].into(),
        };
        for method in ["PROPFIND", "FOO", "BAR", "FOO"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            route.observe(
                0,
                &Observation {
                    method: &method,
                    status: 200,
                    request_seconds: 0.0,
                    header_seconds: None,
                    response_seconds: None,
                    request_bytes: 0,
                    response_bytes: 0,
                },
            );
        }
        assert_eq!(route.by_worker[0].lock().unwrap().len(), 1);
        assert_eq!(route.series()[0].requests, 4);
    }
}
