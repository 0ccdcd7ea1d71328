//! From objects to what is published, in two lanes.
//!
//! Endpoints change most often and must not wait for routes: their lane makes only the upstreams
//! of the Services that changed, by the same function that the other lane calls. Both lanes are
//! functions of what is known and of what was published last.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use portreeve_table::Shared;
use portreeve_translate::{Kind, ObjectKey, Options, Snapshot, Translation, service, translate};

use crate::published::Published;

/// Translates everything. `None` when it comes to the same as before.
pub(crate) fn routes(
    last: Option<&Published>,
    snapshot: &Snapshot,
    options: &Options,
    now: SystemTime,
) -> Option<Published> {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let options = Options {
        now: i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
        ..options.clone()
    };
    publish(last, translate(snapshot, &options), now)
}

/// Makes the upstreams of `services` anew and leaves everything else as it is.
///
/// # Errors
/// When there is something new to be said about them, or requests may be sent elsewhere than before:
/// then everything must be translated.
pub(crate) fn endpoints(
    last: &Published,
    snapshot: &Snapshot,
    services: &BTreeSet<ObjectKey>,
    options: &Options,
    now: SystemTime,
) -> Result<Option<Published>, RoutesNeeded> {
    let said = &last.translation.diagnostics;
    let targets = service::targets(snapshot, options);
    if targets != last.translation.targets {
        return Err(RoutesNeeded);
    }
    let mut config = last.translation.config.clone();
    for (key, upstream) in &mut config.upstreams {
        if services.contains(&ObjectKey::new(&key.namespace, &key.service)) {
            let (new, found) = service::upstream(snapshot, key, options, &targets);
            if found.iter().any(|found| !said.contains(found)) {
                return Err(RoutesNeeded);
            }
            *upstream = Shared::new(new);
        }
    }
    let translation = Translation {
        config,
        ..last.translation.clone()
    };
    Ok(publish(Some(last), translation, now))
}

/// The lane of endpoints cannot say what has to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoutesNeeded;

/// Whether something is said about endpoints, which their lane cannot take back.
pub(crate) fn is_said_of_slices(published: &Published) -> bool {
    let said = published.translation.diagnostics.iter();
    let mut objects = said.filter_map(|diagnostic| diagnostic.object.as_ref());
    objects.any(|object| object.kind == Kind::EndpointSlice)
}

fn publish(
    last: Option<&Published>,
    translation: Translation,
    since: SystemTime,
) -> Option<Published> {
    if last.is_some_and(|last| last.translation == translation) {
        return None;
    }
    Some(Published {
        number: last.map_or(1, |last| last.number + 1),
        since,
        translation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Service;
    use k8s_openapi::api::discovery::v1::EndpointSlice;
    use k8s_openapi::api::networking::v1::Ingress;
    use portreeve_translate::Object;
    use serde_json::{Value, json};

    /// Two Services, of which one has two ports and a cluster address that an Ingress asks for, with
    /// these slices of the first.
    fn snapshot(slices: &[Value]) -> Snapshot {
        let backend = |name, port| json!({"service": {"name": name, "port": {"number": port}}});
        let path = |path, backend| json!({"path": path, "pathType": "Prefix", "backend": backend});
        let ingress = |name: &str, key: &str, paths: Value| -> Object {
            let annotations = json!({key: "true"});
            let meta = json!({"namespace": "shop", "name": name, "annotations": annotations});
            let rule = json!({"host": format!("{name}.x"), "http": {"paths": paths}});
            let spec = json!({"rules": [rule]});
            let ingress = json!({"metadata": meta, "spec": spec});
            serde_json::from_value::<Ingress>(ingress).unwrap().into()
        };
        let service = |name: &str| -> Object {
            let port =
                |name, port, target| json!({"name": name, "port": port, "targetPort": target});
            let ports = json!([port("http", 80, json!(8080)), port("api", 81, json!("api"))]);
            let spec = json!({"clusterIP": "10.96.0.1", "ports": ports});
            let meta = json!({"namespace": "shop", "name": name});
            let service = json!({"metadata": meta, "spec": spec});
            serde_json::from_value::<Service>(service).unwrap().into()
        };
        let both = json!([
            path("/", backend("web", 80)),
            path("/api", backend("web", 81))
        ]);
        let other = json!([
            path("/", backend("web", 80)),
            path("/other", backend("other", 80))
        ]);
        let objects = [
            ingress("one", "portreeve.dev/use-regex", both),
            ingress("two", "portreeve.dev/service-upstream", other),
            service("web"),
            service("other"),
        ];
        let slices = slices.iter().map(|slice| -> Object {
            let slice = serde_json::from_value::<EndpointSlice>(slice.clone());
            slice.unwrap().into()
        });
        Snapshot::from_objects(objects.into_iter().chain(slices)).0
    }

    fn slice(name: &str, addresses: &[&str], conditions: &Value, port: &Value) -> Value {
        let labels = json!({"kubernetes.io/service-name": "web"});
        let endpoints = addresses
            .iter()
            .map(|ip| json!({"addresses": [ip], "conditions": conditions}));
        json!({
            "metadata": {"namespace": "shop", "name": name, "labels": labels},
            "addressType": "IPv4",
            "ports": [port, {"name": "api", "port": 8081}],
            "endpoints": endpoints.collect::<Vec<_>>(),
        })
    }

    /// Slices as they may be, among them such as something has to be said about.
    fn cases() -> Vec<Vec<Value>> {
        let (ready, gone) = (json!({"ready": true}), json!({"ready": false}));
        let draining = json!({"ready": false, "serving": true, "terminating": true});
        let (http, none) = (
            json!({"name": "http", "port": 8080}),
            json!({"name": "other", "port": 1}),
        );
        vec![
            vec![],
            vec![slice("a", &["10.0.0.1"], &ready, &http)],
            vec![slice("a", &["10.0.0.1", "10.0.0.2"], &ready, &http)],
            vec![
                slice("a", &["10.0.0.1"], &ready, &http),
                slice("b", &["10.0.0.3", "10.0.0.1"], &draining, &http),
            ],
            vec![slice("a", &["10.0.0.1"], &gone, &http)],
            vec![slice("a", &["10.0.0.1"], &ready, &none)],
            vec![slice("a", &["127.0.0.1", "10.0.0.2"], &ready, &http)],
            vec![slice("a", &["169.254.169.254"], &ready, &http)],
        ]
    }

    #[test]
    fn the_lane_of_endpoints_comes_to_what_a_whole_translation_does() {
        let (options, now) = (Options::standalone(), UNIX_EPOCH);
        let services = [ObjectKey::new("shop", "web")].into();
        let (mut alone, mut needed) = (0, 0);
        for before in cases() {
            let last = routes(None, &snapshot(&before), &options, now).unwrap();
            for after in cases() {
                let after = snapshot(&after);
                let whole = routes(None, &after, &options, now).unwrap();
                match endpoints(&last, &after, &services, &options, now) {
                    Ok(lane) => {
                        let lane = lane.as_ref().unwrap_or(&last);
                        assert_eq!(lane.translation.config, whole.translation.config);
                        alone += 1;
                    }
                    // Something is to be said that was not.
                    Err(RoutesNeeded) => {
                        let said = &last.translation.diagnostics;
                        let found = &whole.translation.diagnostics;
                        assert!(found.iter().any(|found| !said.contains(found)));
                        needed += 1;
                    }
                }
            }
        }
        assert!(alone > 40 && needed > 0, "{alone} {needed}");
    }
}
