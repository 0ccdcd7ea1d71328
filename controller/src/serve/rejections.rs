//! Says in Events what proxies could not take, and which external names lead where no request may
//! be sent, beside the Ingress that it belongs to.
//!
//! Only the controller that a proxy is connected to hears of it, whether it leads or not; so each
//! says what it hears, and two that hear the same make one Event, because an Event's name is made
//! from what it says. Nothing in it depends on which proxy it is or how many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portreeve_table::{
    Action, CertKey, Config, Origin, ResourceKey, Route, Shared, Upstream, UpstreamKey,
};
use portreeve_translate::{Code, Kind, ObjectKey, ObjectRef};
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
        let mut rejected = self.fleet.changes();
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
        let notices = latest.map_or_else(BTreeSet::new, |latest| {
            let (config, seen) = (&latest.translation.config, seen.as_deref());
            let mut notices = notices(&self.fleet.rejected(), config, seen);
            notices.extend(refusals(&self.fleet.refused(), config, seen));
            notices
        });
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
    Notice::warning(
        object.clone(),
        uid(object, seen),
        "RejectedByProxy",
        "Serve",
        &note,
    )
}

/// What is said of external names that only DNS leads where no request may be sent.
fn refusals(
    refused: &BTreeMap<ResourceKey, BTreeSet<String>>,
    config: &Config,
    seen: Option<&Seen>,
) -> BTreeSet<Notice> {
    let mut notices = BTreeSet::new();
    for (key, found) in refused.iter().take(MANY) {
        let ResourceKey::Upstream(upstream) = key else {
            continue;
        };
        let is_external = |upstream: &Shared<Upstream>| upstream.external.is_some();
        if config.upstreams.get(upstream).is_some_and(is_external) {
            for object in &objects(key, config) {
                notices.extend(found.iter().map(|why| refusal(object, upstream, why, seen)));
            }
        }
    }
    notices
}

fn refusal(object: &ObjectRef, key: &UpstreamKey, why: &str, seen: Option<&Seen>) -> Notice {
    let note = format!(
        "The external name of Service {} leads to {why}, as a proxy resolves it; no request is sent there, and routes that lead nowhere else answer 503. \
         Write: a Service that leads to Pods; an administrator may allow it with --allow-target",
        key.service
    );
    let reason = Code::TargetForbidden.to_string();
    Notice::warning(object.clone(), uid(object, seen), &reason, "Serve", &note)
}

/// What an Ingress that is there now is told by from others of its name.
fn uid<'s>(object: &ObjectRef, seen: Option<&'s Seen>) -> Option<&'s str> {
    let is_it = |key: &ObjectKey| key.namespace == object.namespace && key.name == object.name;
    let ingresses = seen.filter(|_| object.kind == Kind::Ingress);
    let mut ingresses = ingresses.into_iter().flat_map(|seen| &seen.ingresses);
    ingresses.find(|now| is_it(&now.key)).map(|now| &*now.uid)
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
    fn a_name_that_leads_where_it_may_not_is_told_to_who_uses_it() {
        let told = |key: &str| {
            let refused = [(key.parse().unwrap(), ["this machine".into()].into())].into();
            let external = json!({"name": "out.x", "port": 80});
            let mut config = config();
            config.upstreams = serde_json::from_value(json!({
                "shop/web:80": {"external": external}, "shop/unused:80": {"external": external},
                "shop/pods:80": {},
            }))
            .unwrap();
            refusals(&refused, &config, None)
        };
        let notices = told("upstream/shop/web:80");
        let notice = notices.first().unwrap();
        assert_eq!(
            (&*notice.object.name, &*notice.reason),
            ("one", "TargetForbidden")
        );
        let note = "external name of Service web leads to this machine,";
        assert!(notice.note.contains(note), "{}", notice.note);
        for nobodys in [
            "upstream/shop/unused:80",
            "upstream/shop/pods:80",
            "host/a.x",
        ] {
            assert!(told(nobodys).is_empty(), "{nobodys}");
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
