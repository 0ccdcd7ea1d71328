//! Where the configuration comes from, and the one way in which it is put in place.
//!
//! A source yields deltas. Each is applied whole, compiled and swapped in with one pointer; what
//! cannot be compiled keeps its last good value and is named.

mod cache;
mod changes;
mod controller;
mod directory;
mod names;
mod root;
mod tree;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use portreeve_table::{Config, Delta, Hash, Rejected, Told};

pub(crate) use directory::SourceError;
pub(crate) use names::{Leads, Names, Resolver};

use tokio::sync::{Notify, watch};

use crate::acme::Acme;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::state::{Current, Generation};

use cache::Cache;
use controller::Controllers;
use directory::Directory;

/// Where the configuration comes from.
pub(crate) enum Source {
    /// A directory of manifests.
    Directory(Box<Directory>),
    /// Controllers, and what is kept for when there are none.
    Controllers(Box<Controllers>, Cache),
}

impl Source {
    /// Makes the source that the flags name; what ACME brings is read beside a directory.
    ///
    /// # Errors
    /// When there is a directory to be read and it cannot be; a controller may come later.
    pub(crate) fn open(options: &Options, acme: Option<&Acme>) -> Result<Self, SourceError> {
        let identity = options.identity.as_deref().unwrap_or(Path::new("."));
        match &options.manifests {
            Some(root) => {
                let directory = Directory::open(root, options, acme)?;
                Ok(Self::Directory(Box::new(directory)))
            }
            None => Ok(Self::Controllers(
                Box::new(Controllers::new(
                    options.controller.clone(),
                    identity,
                    options.node(),
                )),
                Cache::new(options.cache.clone()),
            )),
        }
    }

    /// Follows it for as long as the process lives.
    pub(crate) async fn run(self, sink: Arc<Sink>) {
        match self {
            Self::Directory(directory) => directory::run(*directory, sink).await,
            Self::Controllers(controllers, cache) => {
                controller::run(*controllers, cache, sink).await;
            }
        }
    }

    /// Where its configuration is kept for a restart.
    pub(crate) fn cache(&self) -> Cache {
        match self {
            Self::Directory(_) => Cache::default(),
            Self::Controllers(_, cache) => cache.clone(),
        }
    }
}

/// Takes deltas and puts them in place.
#[derive(Debug)]
pub(crate) struct Sink {
    current: Arc<Current>,
    metrics: Arc<Metrics>,
    /// Told when there is a new configuration.
    changed: Notify,
    /// The upstreams whose external names lead where no request may be sent.
    refused: watch::Sender<Vec<Told>>,
}

impl Sink {
    pub(crate) fn new(current: Arc<Current>, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            current,
            metrics,
            changed: Notify::new(),
            refused: watch::Sender::new(Vec::new()),
        })
    }

    /// The running configuration.
    fn config(&self) -> Config {
        self.current.load().config.clone()
    }

    /// Makes `config` the running configuration.
    ///
    /// Returns what cannot be compiled, as long as it is there; everything else is served.
    pub(crate) fn offer(&self, config: &Config) -> Vec<Rejected> {
        self.apply(Delta::between(&self.current.load().config.have(), config))
    }

    /// Applies a delta to the running configuration; the first makes it one, however empty.
    ///
    /// Returns what cannot be compiled, as long as it is there; everything else is served.
    pub(crate) fn apply(&self, delta: Delta) -> Vec<Rejected> {
        let before = self.current.load();
        if delta.is_empty() && before.number > 0 {
            return before.rejected.clone();
        }
        let config = before.config.clone().apply(delta);
        let names = Arc::clone(&before.names);
        let rejected = self.replace(&before, config, names);
        self.metrics.taken(rejected.is_empty());
        self.changed.notify_one();
        rejected
    }

    /// The running configuration's resources by name, as a controller is told of them.
    fn have(&self) -> BTreeMap<Box<str>, Hash> {
        let have = self.current.load().config.have().into_iter();
        have.map(|(key, hash)| (key.to_string().into(), Hash(hash)))
            .collect()
    }

    /// Lets external names lead to these addresses.
    fn resolved(&self, names: Names) {
        let before = self.current.load();
        self.replace(&before, before.config.clone(), Arc::new(names));
    }

    fn replace(&self, before: &Generation, config: Config, names: Arc<Names>) -> Vec<Rejected> {
        let generation = before.next(config, names, &self.metrics);
        let rejected = generation.rejected.clone();
        let refused = generation.refused();
        self.current.store(generation);
        self.refused.send_if_modified(|was| {
            let is_news = *was != refused;
            *was = refused;
            is_news
        });
        self.metrics.forget_gone();
        rejected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(hosts: &str) -> Config {
        serde_json::from_str(&format!(r#"{{"hosts": {{{hosts}}}}}"#)).unwrap()
    }

    #[test]
    fn what_is_wrong_is_named_as_long_as_it_is() {
        let metrics = Metrics::new(1);
        let sink = Sink::new(Arc::default(), Arc::clone(&metrics));
        let bad = r#""a.example": {"routes": [{"origin": {"namespace": "t", "name": "i"},
            "rule": "/(", "path": {"regex": {"pattern": "("}}, "action": "not-found"}]}"#;
        let other = r#""b.example": {"routes": []}"#;
        let both = format!("{bad}, {other}");
        for (step, hosts, count) in [
            ("it came", bad, 1),
            ("nothing changed", bad, 1),
            ("something else did", &both, 1),
            ("it went", other, 0),
        ] {
            let rejected = sink.offer(&config(hosts));
            assert_eq!(rejected.len(), count, "{step}: {rejected:?}");
            assert_eq!(metrics.was_taken_whole(), count == 0, "{step}");
        }
    }
}
