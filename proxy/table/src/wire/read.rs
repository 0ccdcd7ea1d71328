//! What a proxy makes of what it is sent.
//!
//! A resource that cannot be read keeps its last value and is named; a route that cannot be read
//! is closed, because its last value might be weaker than what it says now.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Part, Sent, Told};
use crate::config::{Host, Shared};
use crate::delta::{Delta, Resource};
use crate::key::ResourceKey;
use crate::path::NormalPath;
use crate::route::{Action, Conditions, Origin, PathMatch, Route};

impl Part<'_> {
    /// Adds what it says to `delta`; returns what could not be read, or not as it was meant.
    pub fn read(&self, delta: &mut Delta) -> Vec<Told> {
        // A kind that is not known cannot be here, so it need not go.
        let gone = self.remove.iter().filter_map(|key| key.parse().ok());
        delta.remove.extend(gone);
        let told = self.upsert.iter().flat_map(|(name, sent)| {
            let found = match name.parse() {
                Err(error) => vec![Unread::whole(format!("{error}; update this proxy"))],
                Ok(key) => sent.read(key, delta),
            };
            found.into_iter().map(|Unread { origin, error }| Told {
                key: name.clone(),
                origin,
                error,
            })
        });
        told.collect()
    }
}

/// What of a resource could not be read.
struct Unread {
    /// Whose route it is, when the others could be.
    origin: Option<Origin>,
    error: String,
}

impl Unread {
    fn whole(error: impl ToString) -> Self {
        Self {
            origin: None,
            error: error.to_string(),
        }
    }
}

impl Sent<'_> {
    /// Adds it to `delta`, unless nothing of it can be read; returns what could not be.
    fn read(&self, key: ResourceKey, delta: &mut Delta) -> Vec<Unread> {
        let read = match &key {
            ResourceKey::Host(_) => self.host().map(|(host, unread)| {
                let host = Shared::with_hash(host, self.hash.0);
                (Resource::Host(host), unread)
            }),
            ResourceKey::Upstream(_) => self.whole(Resource::Upstream),
            ResourceKey::Cert(_) => self.whole(Resource::Cert),
            ResourceKey::Challenge(_) => self.whole(Resource::Challenge),
        };
        match read {
            Ok((resource, unread)) => {
                delta.upsert.insert(key, resource);
                unread
            }
            Err(error) => vec![Unread::whole(error)],
        }
    }

    /// A resource that is read whole or not at all.
    fn whole<'s, T: Deserialize<'s>>(
        &'s self,
        resource: fn(Shared<T>) -> Resource,
    ) -> Result<(Resource, Vec<Unread>), serde_json::Error> {
        let value = serde_json::from_str(self.value.get())?;
        let value = Shared::with_hash(value, self.hash.0);
        Ok((resource(value), Vec::new()))
    }

    /// A host, each of whose routes is closed when it cannot be read; and which are.
    fn host(&self) -> Result<(Host, Vec<Unread>), serde_json::Error> {
        let text = self.value.get();
        if let Ok(mut host) = serde_json::from_str::<Host>(text) {
            // Most hosts have few routes, and there are many hosts.
            host.routes.shrink_to_fit();
            return Ok((host, Vec::new()));
        }
        let Routes { routes } = serde_json::from_str(text)?;
        let mut unread = Vec::new();
        let routes = routes.into_iter().map(|route| {
            serde_json::from_str(route.get()).unwrap_or_else(|error| {
                let closed = closed(route);
                let error = format!("a route cannot be read and is closed: {error}");
                let origin = Some(closed.origin.clone()).filter(|origin| !origin.name.is_empty());
                unread.push(Unread { origin, error });
                closed
            })
        });
        let routes = routes.collect();
        Ok((Host { routes }, unread))
    }
}

/// A host whose routes are not read yet.
#[derive(Deserialize)]
struct Routes<'l> {
    #[serde(borrow)]
    routes: Vec<&'l RawValue>,
}

/// A route that cannot be read as it was meant answers 503 on its path, and where not even that
/// can be read, on every path that no longer one takes.
fn closed(route: &RawValue) -> Route {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Legible<'l> {
        #[serde(borrow)]
        origin: Option<&'l RawValue>,
        rule: Option<Box<str>>,
        #[serde(borrow)]
        path: Option<&'l RawValue>,
    }
    let legible: Legible<'_> = serde_json::from_str(route.get()).unwrap_or_default();
    let origin = legible.origin.map(RawValue::get);
    let origin = origin.and_then(|text| serde_json::from_str(text).ok());
    let path = legible.path.map(RawValue::get);
    let path = path.and_then(|text| serde_json::from_str(text).ok());
    Route {
        origin: origin.unwrap_or_else(|| Origin {
            namespace: "".into(),
            name: "".into(),
        }),
        rule: legible.rule.unwrap_or_else(|| "/".into()),
        path: path.unwrap_or_else(|| PathMatch::Prefix(NormalPath::root())),
        conditions: Conditions::default(),
        filters: Vec::new(),
        instead_of: None,
        action: Action::Unavailable {
            reason: "this proxy is older than its controller and cannot read the route; update it"
                .into(),
        },
    }
}
