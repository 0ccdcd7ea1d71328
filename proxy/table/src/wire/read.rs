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
        let told = self.upsert.iter().filter_map(|(name, sent)| {
            let told = |error| Told {
                key: name.clone(),
                error,
            };
            match name.parse() {
                Err(error) => Some(told(format!("{error}; update this proxy"))),
                Ok(key) => sent.read(key, delta).err().map(told),
            }
        });
        told.collect()
    }
}

impl Sent<'_> {
    fn read(&self, key: ResourceKey, delta: &mut Delta) -> Result<(), String> {
        let (resource, found) = match &key {
            ResourceKey::Host(_) => {
                let (host, found) = self.host()?;
                (Resource::Host(self.shared(host)), found)
            }
            ResourceKey::Upstream(_) => (Resource::Upstream(self.value()?), None),
            ResourceKey::Cert(_) => (Resource::Cert(self.value()?), None),
            ResourceKey::Challenge(_) => (Resource::Challenge(self.value()?), None),
        };
        delta.upsert.insert(key, resource);
        found.map_or(Ok(()), Err)
    }

    fn shared<T>(&self, value: T) -> Shared<T> {
        Shared::with_hash(value, self.hash.0)
    }

    fn value<'s, T: Deserialize<'s>>(&'s self) -> Result<Shared<T>, String> {
        let value = serde_json::from_str(self.value.get());
        value
            .map(|value| self.shared(value))
            .map_err(|e| e.to_string())
    }

    /// A host, each of whose routes is closed when it cannot be read; and why, when one is.
    fn host(&self) -> Result<(Host, Option<String>), String> {
        let text = self.value.get();
        if let Ok(host) = serde_json::from_str(text) {
            return Ok((host, None));
        }
        let Routes { routes } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut found = None;
        let routes = routes.into_iter().map(|route| {
            serde_json::from_str(route.get()).unwrap_or_else(|error| {
                found.get_or_insert_with(|| {
                    format!("a route cannot be read and is closed: {error}")
                });
                closed(route)
            })
        });
        let routes = routes.collect();
        Ok((Host { routes }, found))
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
