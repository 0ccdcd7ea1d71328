//! External names, followed by DNS: where a Service of type ExternalName leads now.
//!
//! A name is asked for again when its answer has expired. A server that does not answer takes
//! nothing away; one that says there is no such name does.
//! What an answer says is checked before anything is connected to it: a name may not lead to
//! what its author could not have written as an endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig,
};
use hickory_resolver::lookup_ip::LookupIp;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use portreeve_table::{Endpoint, External, Stage, may_be_endpoint};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Sink;
use crate::wiring::say;

/// The shortest and the longest time that an answer is believed.
const TTL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// After how long a name without an answer is asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// Where names lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(BTreeMap<Box<str>, Vec<IpAddr>>);

impl Names {
    /// What an external name's endpoints are now; none before it was resolved.
    pub(crate) fn endpoints(&self, external: &External) -> Vec<Endpoint> {
        let literal = external.name.parse::<IpAddr>().ok();
        let resolved = self.0.get(&external.name).into_iter().flatten().copied();
        let addresses = literal.into_iter().chain(resolved);
        addresses
            .map(|ip| Endpoint {
                address: SocketAddr::new(ip, external.port),
                weight: 1,
                stage: Stage::Ready,
            })
            .collect()
    }
}

/// Asks for names, again and again.
pub(crate) struct Resolver {
    server: Option<SocketAddr>,
    allow_loopback: bool,
}

/// What is known of one name.
struct Known {
    addresses: Vec<IpAddr>,
    until: Instant,
}

impl Resolver {
    /// One that asks `server`, or the system's servers.
    ///
    /// `allow_loopback` lets names lead to this machine: for manifests of the proxy's own operator.
    pub(crate) fn new(server: Option<SocketAddr>, allow_loopback: bool) -> Self {
        Self {
            server,
            allow_loopback,
        }
    }

    /// Follows the names of the running configuration for as long as the process lives.
    pub(crate) async fn follow(self, sink: Arc<Sink>) {
        let mut known = BTreeMap::new();
        let mut dns = None;
        loop {
            let wanted = wanted(&sink);
            if dns.is_none() && !wanted.is_empty() {
                let made = self.dns();
                dns = made
                    .inspect_err(|error| {
                        say(format_args!("external names cannot be resolved: {error}"))
                    })
                    .ok();
            }
            known.retain(|name, _| wanted.contains(name));
            if let Some(dns) = &dns {
                self.ask(dns, wanted, &mut known).await;
            }
            let names = known
                .iter()
                .map(|(name, known)| (name.clone(), known.addresses.clone()));
            let names = Names(names.collect());
            if *sink.current.load().names != names {
                sink.resolved(names);
            }
            tokio::select! {
                () = sink.changed.notified() => {}
                () = next(&known) => {}
            }
        }
    }

    /// Asks for the names whose answers have expired, all at once, and learns what they say.
    async fn ask(
        &self,
        dns: &TokioResolver,
        wanted: BTreeSet<Box<str>>,
        known: &mut BTreeMap<Box<str>, Known>,
    ) {
        let now = Instant::now();
        let mut asked = JoinSet::new();
        for name in wanted {
            if known.get(&name).is_none_or(|known| known.until <= now) {
                let dns = dns.clone();
                asked.spawn(async move {
                    // With a dot behind it, a name is not looked for below the system's own domains.
                    let answer = dns.lookup_ip(format!("{name}.")).await;
                    (name, answer)
                });
            }
        }
        for (name, answer) in asked.join_all().await {
            let last = known.remove(&name).map(|known| known.addresses);
            known.insert(name, self.learn(answer, last));
        }
    }

    /// What is known after an answer. Without one, what was known stays.
    fn learn(&self, answer: Result<LookupIp, NetError>, last: Option<Vec<IpAddr>>) -> Known {
        match answer {
            Ok(answer) => {
                let mut addresses: Vec<_> = answer
                    .iter()
                    .filter(|ip| may_be_endpoint(*ip, self.allow_loopback))
                    .collect();
                addresses.sort_unstable();
                addresses.dedup();
                Known {
                    addresses,
                    until: Instant::from_std(answer.valid_until()),
                }
            }
            Err(error) => Known {
                addresses: if error.is_no_records_found() {
                    Vec::new()
                } else {
                    last.unwrap_or_default()
                },
                until: Instant::now() + AGAIN,
            },
        }
    }

    fn dns(&self) -> Result<TokioResolver, NetError> {
        let mut builder = match self.server {
            None => TokioResolver::builder_tokio()?,
            Some(server) => {
                let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                connections.iter_mut().for_each(|c| c.port = server.port());
                let server = NameServerConfig::new(server.ip(), true, connections.into());
                let config = ResolverConfig::from_name_servers(vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        (options.positive_min_ttl, options.positive_max_ttl) = (Some(TTL.0), Some(TTL.1));
        (options.negative_min_ttl, options.negative_max_ttl) = (Some(TTL.0), Some(TTL.1));
        builder.build()
    }
}

/// The names that the running configuration wants resolved.
fn wanted(sink: &Sink) -> BTreeSet<Box<str>> {
    let generation = sink.current.load();
    let upstreams = generation.config.upstreams.values();
    let externals = upstreams.filter_map(|upstream| upstream.external.as_ref());
    let names = externals.map(|external| external.name.clone());
    names
        .filter(|name| name.parse::<IpAddr>().is_err())
        .collect()
}

/// Waits until the first answer expires; for ever when there is none.
async fn next(known: &BTreeMap<Box<str>, Known>) {
    match known.values().map(|known| known.until).min() {
        Some(first) => sleep_until(first).await,
        None => std::future::pending().await,
    }
}
