//! External names, followed by DNS: where a Service of type ExternalName leads now.
//!
//! A name is asked for again when its answer has expired, and waits for no other. A server that
//! does not answer takes nothing away; one that says there is no such name does.
//! What an answer says is checked before anything is connected to it: a name may not lead to
//! what its author could not have written as an endpoint. Connections are made to the addresses
//! that were checked, and never by name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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
use portreeve_table::{Endpoint, External, Forbidden, Stage};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::Sink;
use portreeve_process::say;

/// The shortest and the longest time that an answer is believed.
const TTL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// After how long a name without an answer is asked for again, or somebody to ask is looked for.
const AGAIN: Duration = Duration::from_secs(1);

/// Where names lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(BTreeMap<Box<str>, Vec<IpAddr>>);

impl Names {
    /// Where an external name leads now: nowhere before it was resolved.
    pub(crate) fn leads(&self, external: &External) -> Leads {
        let literal = external.name.parse::<IpAddr>().ok();
        let resolved = self.0.get(&external.name).into_iter().flatten().copied();
        let addresses = literal.into_iter().chain(resolved);
        let mut leads = Leads::default();
        for address in addresses.map(|ip| SocketAddr::new(ip, external.port)) {
            match external.targets.check(address) {
                Ok(()) => leads.endpoints.push(Endpoint {
                    address,
                    weight: 1,
                    stage: Stage::Ready,
                }),
                Err(why) => leads.refused = Some(why),
            }
        }
        leads
    }
}

/// Where an external name leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leads {
    /// What requests may be sent to.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Why it leads to something that they may not be sent to, if it does.
    pub(crate) refused: Option<Forbidden>,
}

/// Asks for names, again and again.
pub(crate) struct Resolver {
    server: Option<SocketAddr>,
}

/// What is known of one name.
#[derive(Default)]
struct Known {
    /// Where it leads; `None` before the first answer.
    addresses: Option<Vec<IpAddr>>,
    /// When it is to be asked for again; `None` while it is being asked for.
    until: Option<Instant>,
}

/// What a server said of a name.
type Answer = Result<LookupIp, NetError>;

/// What is known and what is being asked.
struct Following {
    resolver: Resolver,
    /// Who is asked, once there was a name to ask for.
    dns: Option<TokioResolver>,
    /// When somebody to ask is looked for again; `None` while nobody is missed.
    look: Option<Instant>,
    known: BTreeMap<Box<str>, Known>,
    asking: JoinSet<Answer>,
    asked: HashMap<Id, Box<str>>,
}

impl Resolver {
    /// One that asks `server`, or the system's servers.
    pub(crate) fn new(server: Option<SocketAddr>) -> Self {
        Self { server }
    }

    /// Follows the names of the running configuration for as long as the process lives.
    pub(crate) async fn follow(self, sink: Arc<Sink>) {
        let mut following = Following {
            resolver: self,
            dns: None,
            look: None,
            known: BTreeMap::new(),
            asking: JoinSet::new(),
            asked: HashMap::new(),
        };
        loop {
            following.want(wanted(&sink));
            let names = following.names();
            if *sink.current.load().names != names {
                sink.resolved(names);
            }
            tokio::select! {
                () = sink.changed.notified() => {}
                () = due(&following.known, following.look) => {}
                Some(answer) = following.asking.join_next_with_id() => following.hear(answer),
            }
        }
    }

    /// What is known after an answer. Without one, what was known stays.
    fn learn(answer: Answer, last: Option<Vec<IpAddr>>) -> Known {
        match answer {
            Ok(answer) => {
                let mut addresses: Vec<_> = answer.iter().collect();
                addresses.sort_unstable();
                addresses.dedup();
                Known {
                    addresses: Some(addresses),
                    until: Some(Instant::from_std(answer.valid_until())),
                }
            }
            Err(error) => Known {
                addresses: if error.is_no_records_found() {
                    Some(Vec::new())
                } else {
                    last
                },
                until: Some(Instant::now() + AGAIN),
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

impl Following {
    /// Forgets what is not wanted, and asks for what is wanted and not known, or not any more.
    fn want(&mut self, wanted: BTreeSet<Box<str>>) {
        self.known.retain(|name, _| wanted.contains(name));
        if wanted.is_empty() {
            self.look = None;
        } else {
            self.find_dns();
        }
        let Some(dns) = &self.dns else {
            return;
        };
        let now = Instant::now();
        for name in wanted {
            let known = self.known.entry(name.clone()).or_insert_with(|| Known {
                addresses: None,
                until: Some(now),
            });
            if known.until.is_some_and(|until| until <= now) {
                known.until = None;
                let dns = dns.clone();
                // With a dot behind it, a name is not looked for below the system's own domains.
                let query = format!("{name}.");
                let task = self.asking.spawn(async move { dns.lookup_ip(query).await });
                self.asked.insert(task.id(), name);
            }
        }
    }

    /// Finds out whom to ask, and tries again later when that is not known.
    fn find_dns(&mut self) {
        let now = Instant::now();
        if self.dns.is_some() || self.look.is_some_and(|look| now < look) {
            return;
        }
        match self.resolver.dns() {
            Ok(dns) => (self.dns, self.look) = (Some(dns), None),
            Err(error) => {
                if self.look.replace(now + AGAIN).is_none() {
                    say(format_args!("external names cannot be resolved: {error}"));
                }
            }
        }
    }

    /// Notes an answer.
    fn hear(&mut self, answer: Result<(Id, Answer), JoinError>) {
        let (id, answer) = match answer {
            Ok((id, answer)) => (id, Some(answer)),
            Err(error) => (error.id(), None),
        };
        let name = self.asked.remove(&id);
        let Some(known) = name.and_then(|name| self.known.get_mut(&name)) else {
            return;
        };
        let last = known.addresses.take();
        *known = match answer {
            Some(answer) => Resolver::learn(answer, last),
            None => Known {
                addresses: last,
                until: Some(Instant::now() + AGAIN),
            },
        };
    }

    /// Where the names lead, as far as that is known.
    fn names(&self) -> Names {
        let known = self.known.iter();
        let names =
            known.filter_map(|(name, known)| Some((name.clone(), known.addresses.clone()?)));
        Names(names.collect())
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

/// Waits until there is something to ask, or somebody to ask is looked for; for ever when neither.
async fn due(known: &BTreeMap<Box<str>, Known>, look: Option<Instant>) {
    let expire = known.values().filter_map(|known| known.until);
    match expire.chain(look).min() {
        Some(first) => sleep_until(first).await,
        None => std::future::pending().await,
    }
}
