//! Says in Events what proxies could not take, beside the Ingress that it belongs to.
//!
//! Only the controller that a proxy is connected to hears of it, whether it leads or not; so each
//! says what it hears, and two that hear the same make one Event, because an Event's name is made
//! from what it says. Nothing in it depends on which proxy it is or how many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portreeve_table::{Action, CertKey, Config, Origin, ResourceKey, Route, UpstreamKey};
use portreeve_translate::{Kind, ObjectKey, ObjectRef};
use tokio::sync::watch;

use super::fleet::{Fleet, Rejection};
use crate::events::{Board, Notice};
use crate::published::Latest;
use crate::status::Seen;

/// So many resources are told of in Events; all of them are in `/debug/fleet`.
const MANY: usize = 100;

/// What Events of rejections are made from.
pub(crate) struct Reporter {
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) latest: Latest,
    pub(crate) seen: watch::Receiver<Option<Arc<Seen>>>,
    pub(crate) board: Board,
}

impl Reporter {
    /// Posts what is rejected for as long as the process lives.
    pub(crate) async fn run(mut self) {
        let mut rejected = self.fleet.rejected_changes();
        loop {
            self.post();
            // Whose a resource is may change without what is rejected.
            let told = tokio::select! {
                told = rejected.changed() => told,
                told = self.latest.changed() => told,
                told = self.seen.changed() => told,
            };
            if told.is_err() {
                return;
            }
        }
    }

    fn post(&mut self) {
        let (latest, seen) = (
            self.latest.borrow_and_update().clone(),
            self.seen.borrow_and_update().clone(),
        );
        let rejected = self.fleet.rejected();
        let notices = match latest.filter(|_| !rejected.is_empty()) {
            Some(latest) => notices(&rejected, &latest.translation.config, seen.as_deref()),
            None => BTreeSet::new(),
        };
        self.board.post("proxies", notices);
    }
}

fn notices(
    rejected: &BTreeMap<ResourceKey, BTreeSet<Rejection>>,
    config: &Config,
    seen: Option<&Seen>,
) -> BTreeSet<Notice> {
    let mut notices = BTreeSet::new();
    for (key, found) in rejected.iter().take(MANY) {
        let objects = objects(key, config);
        for rejection in found {
            let own = rejection.origin.as_ref().map(ingress);
            let own = own.filter(|own| objects.contains(own));
            for object in own.iter().chain(objects.iter().filter(|_| own.is_none())) {
                notices.insert(notice(object, key, &rejection.error, seen));
            }
        }
    }
    notices
}

fn notice(object: &ObjectRef, key: &ResourceKey, error: &str, seen: Option<&Seen>) -> Notice {
    let note = format!(
        "A proxy could not take {key} as it was meant: {error}. What it cannot read as it was meant answers 503, and everything else is served. \
         See that proxies are not older than their controllers; /debug/fleet of the controllers names the proxy."
    );
    let is_it = |key: &ObjectKey| key.namespace == object.namespace && key.name == object.name;
    let ingresses = seen.filter(|_| object.kind == Kind::Ingress);
    let mut ingresses = ingresses.into_iter().flat_map(|seen| &seen.ingresses);
    let uid = ingresses.find(|now| is_it(&now.key)).map(|now| &*now.uid);
    Notice::warning(object.clone(), uid, "RejectedByProxy", "Serve", &note)
}

/// The objects that a resource is made for: Ingresses, and where there is none, its Secret.
fn objects(key: &ResourceKey, config: &Config) -> BTreeSet<ObjectRef> {
    let all = config.hosts.values().flat_map(|host| &host.routes);
    let origins: BTreeSet<&Origin> = match key {
        ResourceKey::Host(pattern) => {
            let routes = config.hosts.get(pattern).into_iter();
            let routes = routes.flat_map(|host| &host.routes);
            routes.map(|route| &route.origin).collect()
        }
        ResourceKey::Upstream(key) => {
            let users = all.filter(|route| leads_to(route, key));
            users.map(|route| &route.origin).collect()
        }
        ResourceKey::Cert(key) => return of_cert(key, config),
        ResourceKey::Challenge(_) => BTreeSet::new(),
    };
    origins.into_iter().map(ingress).collect()
}

fn leads_to(route: &Route, key: &UpstreamKey) -> bool {
    let Action::Forward(forward) = &route.action else {
        return false;
    };
    let mut backends = forward.backends.iter().chain(&forward.fallback);
    backends.any(|backend| backend.upstream == *key)
}

/// The Ingresses of a Secret's namespace with hosts that its certificate is served for.
fn of_cert(key: &CertKey, config: &Config) -> BTreeSet<ObjectRef> {
    let Some(cert) = config.certs.get(key) else {
        return BTreeSet::new();
    };
    let hosts = config.hosts.iter().filter(|(pattern, _)| {
        let name = pattern.to_string();
        let mut names = cert.names.iter();
        names.any(|served| served == *pattern || served.matches(&name))
    });
    let routes = hosts.flat_map(|(_, host)| &host.routes);
    let own = routes.filter(|route| route.origin.namespace == key.namespace);
    let mut objects: BTreeSet<_> = own.map(|route| ingress(&route.origin)).collect();
    if objects.is_empty() {
        objects.insert(ObjectRef {
            kind: Kind::Secret,
            namespace: key.namespace.clone(),
            name: key.secret.clone(),
        });
    }
    objects
}

fn ingress(origin: &Origin) -> ObjectRef {
    ObjectRef {
        kind: Kind::Ingress,
        namespace: origin.namespace.clone(),
        name: origin.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_translate::Owner;
    use serde_json::{Value, json};

    use crate::status::IngressNow;

    fn route(name: &str, path: &str, action: Value) -> Value {
        let origin = json!({"namespace": "shop", "name": name});
        json!({"origin": origin, "rule": path, "path": {"prefix": path}, "action": action})
    }

    fn config() -> Config {
        let forward = json!({"forward": {"backends": [{"upstream": "shop/web:80", "weight": 1}]}});
        let cert = |name| json!({"names": [name], "chain": "", "key": "", "not_after": 0});
        serde_json::from_value(json!({
            "hosts": {
                "a.x": {"routes": [route("one", "/", forward), route("two", "/two", json!("not-found"))]},
                "b.y": {"routes": [route("three", "/", json!("not-found"))]},
            },
            "certs": {"shop/tls": cert("*.x"), "shop/spare": cert("spare.z"), "other/tls": cert("a.x")},
        }))
        .unwrap()
    }

    /// Who is told, as `Kind/name`, of each rejection of this resource.
    fn told(key: &str, origin: Option<&str>) -> Vec<String> {
        let origin = origin.map(|name| Origin {
            namespace: "shop".into(),
            name: name.into(),
        });
        let error = "no".to_string();
        let found = [Rejection { origin, error }].into();
        let key = key.parse().unwrap();
        let notices = notices(&[(key, found)].into(), &config(), None);
        let objects = notices.iter().map(|notice| &notice.object);
        objects
            .map(|it| format!("{}/{}", it.kind.as_str(), it.name))
            .collect()
    }

    #[test]
    fn a_rejection_is_told_to_whom_it_belongs() {
        assert_eq!(told("host/a.x", None), ["Ingress/one", "Ingress/two"]);
        assert_eq!(told("host/a.x", Some("two")), ["Ingress/two"]);
        // A proxy cannot lay it on somebody else.
        assert_eq!(told("host/b.y", Some("one")), ["Ingress/three"]);
        assert_eq!(told("upstream/shop/web:80", None), ["Ingress/one"]);
        assert_eq!(told("cert/shop/tls", None), ["Ingress/one", "Ingress/two"]);
        assert_eq!(told("cert/shop/spare", None), ["Secret/spare"]);
        assert_eq!(told("cert/other/tls", None), ["Secret/tls"]);
        for nobodys in ["host/gone.x", "cert/shop/gone"] {
            assert!(told(nobodys, None).is_empty(), "{nobodys}");
        }
    }

    #[test]
    fn it_is_told_of_the_ingress_that_is_there_now() {
        let now = |name: &str, uid: &str| IngressNow {
            key: ObjectKey::new("shop", name),
            uid: uid.into(),
            version: "1".into(),
            owner: Owner::Ours,
            addresses: Vec::new(),
        };
        let seen = Seen {
            ingresses: vec![now("one", "u-1"), now("three", "u-3")],
            service: None,
        };
        let rejection = Rejection {
            origin: None,
            error: "no".into(),
        };
        let rejected = [("host/b.y".parse().unwrap(), [rejection].into())].into();
        let notices = notices(&rejected, &config(), Some(&seen));
        let notice = notices.first().unwrap();
        assert_eq!(notice.uid.as_deref(), Some("u-3"));
        assert_eq!(&*notice.reason, "RejectedByProxy");
        assert!(
            notice.note.contains("host/b.y as it was meant: no."),
            "{}",
            notice.note
        );
    }
}
