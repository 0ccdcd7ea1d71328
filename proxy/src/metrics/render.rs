//! What a scrape gets: every family of the list, from where it is counted.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use portreeve_table::Stage;

use super::exposition::{Exposition, Samples};
use super::families::{self, FAMILIES};
use super::{Contact, Histogram, RouteMetrics, Series, WorkerMetrics};
use crate::admin::State;
use crate::error::Reason;
use crate::state::Generation;

/// The whole exposition.
pub(crate) fn render(state: &State) -> String {
    let mut out = Exposition::default();
    let generation = state.current.load();
    routes(&mut out, state);
    process(&mut out, state);
    configuration(&mut out, state, &generation);
    upstreams(&mut out, &generation);
    state.metrics.acme.render(&mut out);
    debug_assert!(FAMILIES.iter().all(|family| out.has(family)));
    out.finish()
}

fn routes(out: &mut Exposition, state: &State) {
    let routes: Vec<_> = state
        .metrics
        .routes()
        .into_iter()
        .map(|r| (r.series(), r))
        .collect();
    let each = |write: &mut dyn FnMut(&[&str], &Series)| {
        for (series, route) in &routes {
            for series in series {
                labelled(route, series, write);
            }
        }
    };
    out.family(&families::REQUESTS, |samples| {
        each(&mut |labels, series| samples.value(labels, series.requests));
    });
    let histograms: [(_, Pick); 5] = [
        (&families::REQUEST_SECONDS, |series| &series.request_seconds),
        (&families::HEADER_SECONDS, |series| &series.header_seconds),
        (&families::RESPONSE_SECONDS, |series| {
            &series.response_seconds
        }),
        (&families::REQUEST_BYTES, |series| &series.request_bytes),
        (&families::RESPONSE_BYTES, |series| &series.response_bytes),
    ];
    for (family, histogram) in histograms {
        out.family(family, |samples| {
            each(&mut |labels, series| samples.histogram(labels, histogram(series)));
        });
    }
}

/// One of a series' histograms.
type Pick = fn(&Series) -> &Histogram;

fn labelled(route: &RouteMetrics, series: &Series, write: &mut dyn FnMut(&[&str], &Series)) {
    let labels = &route.labels;
    let status = series.status.to_string();
    let values = [
        &*labels.namespace,
        &labels.ingress,
        &labels.service,
        "",
        &labels.host,
        &labels.path,
        series.method.as_str(),
        &status,
    ];
    write(&values, series);
}

fn process(out: &mut Exposition, state: &State) {
    let workers = &state.metrics.per_worker;
    let sum = |count: &dyn Fn(&WorkerMetrics) -> i64| workers.iter().map(count).sum::<i64>();
    let open = sum(&|worker| worker.open.load(Ordering::Relaxed));
    let busy = sum(&|worker| worker.busy.load(Ordering::Relaxed)).min(open);
    out.family(&families::CONNECTIONS, |samples| {
        samples.value(&["active"], open);
        samples.value(&["writing"], busy);
        samples.value(&["waiting"], open - busy);
    });
    let total = |count: &dyn Fn(&WorkerMetrics) -> u64| workers.iter().map(count).sum::<u64>();
    out.family(&families::CONNECTIONS_TOTAL, |samples| {
        let accepted = total(&|worker| worker.accepted.load(Ordering::Relaxed));
        samples.value(&["accepted"], accepted);
    });
    out.family(&families::REQUESTS_TOTAL, |samples| {
        samples.value(
            &[],
            total(&|worker| worker.requests.load(Ordering::Relaxed)),
        );
    });
    out.family(&families::REFUSALS, |samples| {
        for reason in Reason::ALL {
            samples.value(&[reason.name()], total(&|worker| worker.refused(*reason)));
        }
    });
    out.family(&families::HANDSHAKES_FAILED, |samples| {
        samples.value(&[], total(&|w| w.handshakes_failed.load(Ordering::Relaxed)));
    });
    out.family(&families::LOG_DROPPED, |samples| {
        samples.value(
            &[],
            total(&|worker| worker.log_dropped.load(Ordering::Relaxed)),
        );
    });
    out.family(&families::BUILD, |samples| {
        samples.value(&[env!("CARGO_PKG_VERSION")], 1)
    });
}

fn configuration(out: &mut Exposition, state: &State, generation: &Generation) {
    let config = &generation.config;
    out.family(&families::READY, |samples| {
        samples.value(&[], u8::from(state.is_ready()))
    });
    out.family(&families::CONFIG_SUCCESS, |samples| {
        samples.value(&[], u8::from(state.metrics.was_taken_whole()));
    });
    out.family(&families::CONFIG_TIMESTAMP, |samples| {
        let since = generation
            .since
            .and_then(|since| since.duration_since(SystemTime::UNIX_EPOCH).ok());
        samples.value(&[], since.map_or(0.0, |since| since.as_secs_f64()));
    });
    out.family(&families::GENERATION, |samples| {
        samples.value(&[], generation.number)
    });
    out.family(&families::CONFIG_AGE, |samples| {
        let age = generation.since.and_then(|since| since.elapsed().ok());
        samples.value(&[], age.map_or(0.0, |age| age.as_secs_f64()));
    });
    let contact = state.metrics.contact.get();
    out.family(&families::CONTROLLER_CONNECTED, |samples| {
        samples.value(&[], u8::from(contact == Contact::Fresh));
    });
    out.family(&families::CONFIG_STALE, |samples| {
        let is_stale = matches!(contact, Contact::Awaited | Contact::Lost);
        samples.value(&[], u8::from(is_stale && generation.number > 0));
    });
    out.family(&families::CONFIG_RESOURCES, |samples| {
        samples.value(&["host"], config.hosts.len());
        samples.value(&["upstream"], config.upstreams.len());
        samples.value(&["cert"], config.certs.len());
        samples.value(&["challenge"], config.challenges.len());
    });
    out.family(&families::CERT_EXPIRY, |samples| {
        certificates(samples, generation)
    });
}

fn certificates(samples: &mut Samples<'_>, generation: &Generation) {
    for (key, cert) in &generation.config.certs {
        for name in &cert.names {
            let name = name.to_string();
            samples.value(&[&name, &key.namespace, &key.secret], cert.not_after);
        }
    }
}

fn upstreams(out: &mut Exposition, generation: &Generation) {
    let mut upstreams: Vec<_> = generation.upstreams.iter().collect();
    upstreams.sort_by_key(|(key, _)| *key);
    out.family(&families::ENDPOINTS, |samples| {
        for (key, upstream) in &upstreams {
            let endpoints = upstream.endpoints.endpoints();
            for (stage, name) in [(Stage::Ready, "ready"), (Stage::Draining, "draining")] {
                let count = endpoints
                    .iter()
                    .filter(|endpoint| endpoint.stage == stage)
                    .count();
                let port = key.port.to_string();
                samples.value(&[&key.namespace, &key.service, &port, name], count);
            }
        }
    });
    out.family(&families::IN_FLIGHT, |samples| {
        for (key, upstream) in &upstreams {
            let endpoints = upstream.endpoints.endpoints().iter();
            let in_flight: u64 = endpoints.map(|e| u64::from(e.state.in_flight())).sum();
            samples.value(
                &[&key.namespace, &key.service, &key.port.to_string()],
                in_flight,
            );
        }
    });
}
