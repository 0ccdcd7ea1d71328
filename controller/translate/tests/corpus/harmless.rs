//! That what is called harmless is data and nothing else.
//!
//! Of each such object this is looked at:
//! 1. What travels is read back as it was said, a line for each message, so nothing in it ends a
//!    text and begins another one.
//! 2. Requests go to the Services that the Ingress names in its backends and nowhere else, on the
//!    hosts that its rules name and no others, and each path takes the requests that have it, unless
//!    those are answered 400.
//! 3. Where its characters are in the configuration, they are compared, hashed, or sent as the value
//!    of one field; there is a list of these places. No text there has a control character.
//! 4. Of an annotation of which is said that it does nothing, or of which nothing is known, nothing
//!    is there: without it the configuration is the same.

use std::collections::BTreeSet;

use http::{HeaderMap, Method};
use portreeve_table::{
    Action, Config, Delta, HostPattern, Lines, PathError, PathMatch, Table, Target, ToProxy,
};
use portreeve_translate::Profile;
use portreeve_translate::annotations::{self, Effect, NGINX_PREFIX, OWN_PREFIX};
use serde_json::{Value, json};

use crate::payload::{Expected, Payload};
use crate::support::pointers;
use crate::{each, routes};

/// Where a text of an author's own may stand, by the end of its place, and what it may not hold
/// there beside control characters.
const PLACES: [(&str, &str); 11] = [
    // A label of metrics and logs, which escape it.
    ("/rule", ""),
    // Compared with the path of a request.
    ("/path/prefix", " ?#"),
    ("/path/exact", " ?#"),
    ("/path/regex/pattern", ""),
    // A path for backends, made normal before it is sent, or refused with 400.
    ("/rewrite", " "),
    // The value of the field Location.
    ("/redirect/to/url", " "),
    ("/redirect/to/template", " "),
    ("/redirect/to/path", " "),
    // An attribute of one cookie, and its name.
    ("/cookie/path", " ;,"),
    ("/cookie/name", " ;,="),
    // Hashed.
    ("/policy/hash", ""),
];

fn harmless() -> impl Iterator<Item = (Payload, Profile)> {
    each().filter(|(payload, _)| payload.expected == Expected::Harmless)
}

#[test]
fn what_travels_of_it_is_read_back_as_it_was_said() {
    for (payload, profile) in harmless() {
        let config = payload.translate(profile).config;
        let delta = Delta::between(&Default::default(), &config);
        let mut got = Delta::default();
        for line in Lines::new(1, &delta, &[]) {
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{}", payload.name);
            let message: ToProxy<'_> = serde_json::from_str(&line).unwrap();
            let told = message.delta.map(|part| part.read(&mut got));
            assert_eq!(told.unwrap_or_default(), vec![], "{}", payload.name);
        }
        assert_eq!(Config::default().apply(got), config, "{}", payload.name);
    }
}

#[test]
fn it_leads_where_it_says_and_nowhere_else() {
    for (payload, profile) in harmless() {
        let (name, documents) = (&payload.name, payload.documents());
        let config = payload.translate(profile).config;
        let named = named(&documents);
        for (host, there) in &config.hosts {
            for route in &there.routes {
                let from = (&*route.origin.namespace, &*route.origin.name);
                let is_named = named.iter().any(|it| {
                    (&*it.namespace, &*it.name) == from
                        && it.host == *host
                        && it.path == *route.rule
                });
                assert!(is_named, "{name}: {host} {route:?}");
            }
        }
        for upstream in config.upstreams.keys() {
            let is_named = named.iter().any(|it| {
                (&*it.namespace, &*it.service) == (&*upstream.namespace, &*upstream.service)
            });
            assert!(is_named, "{name}: {upstream}");
        }
        assert!(config.certs.is_empty() && config.challenges.is_empty());
        assert!(routes(&config).next().is_some(), "{name} serves nothing");
    }
}

/// A backend that an Ingress names.
struct Named {
    namespace: String,
    name: String,
    host: HostPattern,
    path: String,
    service: String,
}

fn named(documents: &[Value]) -> Vec<Named> {
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let ingresses = documents.iter().filter(|it| it["kind"] == "Ingress");
    let named = ingresses.flat_map(|ingress| {
        let (metadata, spec) = (&ingress["metadata"], &ingress["spec"]);
        let one = |host: HostPattern, path: &str, backend: &Value| Named {
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
            host,
            path: path.into(),
            service: text(&backend["service"]["name"]),
        };
        let rules = spec["rules"].as_array().into_iter().flatten();
        let mut named: Vec<_> = rules
            .flat_map(|rule| {
                let host = HostPattern::parse(rule["host"].as_str().unwrap()).unwrap();
                let paths = rule["http"]["paths"].as_array().unwrap().iter();
                let paths = paths.map(move |path| (host.clone(), path));
                paths
                    .map(|(host, path)| one(host, path["path"].as_str().unwrap(), &path["backend"]))
            })
            .collect();
        if let Some(backend) = spec.get("defaultBackend") {
            named.push(one(HostPattern::Any, "/", backend));
        }
        named
    });
    named.collect()
}

#[test]
fn its_paths_take_the_requests_that_have_them() {
    for (payload, profile) in harmless() {
        let config = payload.translate(profile).config;
        let (table, rejected) = Table::compile(&config, &Table::default(), |_, _| ());
        assert_eq!(rejected, [], "{}", payload.name);
        for (host, there) in &config.hosts {
            let host = match host {
                HostPattern::Exact(name) => name,
                _ => "any.example",
            };
            for route in &there.routes {
                let (PathMatch::Exact(path) | PathMatch::Prefix(path)) = &route.path else {
                    continue;
                };
                let target = Target {
                    host,
                    path: path.as_str(),
                    query: None,
                    method: &Method::GET,
                    headers: &HeaderMap::new(),
                };
                let matched = match table.route(&target) {
                    Ok(matched) => matched.unwrap(),
                    // Answered 400: to some servers its backslash or semicolon ends an element.
                    Err(error) => {
                        let is_ambiguous = error == PathError::Ambiguous;
                        assert!(is_ambiguous && path.as_str().contains([';', '\\', '%']));
                        continue;
                    }
                };
                assert_eq!(matched.route, route, "{}", payload.name);
                let serves = matches!(route.action, Action::Forward(_) | Action::Redirect(_));
                assert!(serves, "{}: {route:?}", payload.name);
            }
        }
    }
}

#[test]
fn its_characters_stand_only_where_they_are_data() {
    let is_sharp = |c: char| c.is_control() || ";{}#$\"'`\\ <>()|".contains(c);
    for (payload, profile) in harmless() {
        let config = json!(payload.translate(profile).config);
        for pointer in pointers::all(&config) {
            let Some(text) = config.pointer(&pointer).and_then(Value::as_str) else {
                continue;
            };
            let (name, is_control) = (&payload.name, text.contains(char::is_control));
            assert!(!is_control, "{name}: {pointer} is {text:?}");
            let is_data = PLACES.iter().any(|(place, never)| {
                pointer.ends_with(place) && !text.contains(|c| never.contains(c))
            });
            let is_plain = !text.contains(is_sharp);
            assert!(is_data || is_plain, "{name}: {pointer} is {text:?}");
        }
    }
}

#[test]
fn of_what_does_nothing_nothing_is_there() {
    let mut passed_over = BTreeSet::new();
    for (payload, profile) in harmless() {
        let translation = payload.translate(profile);
        let warned = |key: &str| {
            let field = format!("metadata.annotations[{key}]");
            translation.diagnostics.iter().any(|it| it.field == field)
        };
        let documents = payload.documents();
        let annotations = documents[0]["metadata"].get("annotations");
        for (key, _) in annotations.and_then(Value::as_object).into_iter().flatten() {
            if !is_idle(key) && !warned(key) {
                continue;
            }
            let mut without = documents.clone();
            without[0]["metadata"]["annotations"]
                .as_object_mut()
                .unwrap()
                .remove(key);
            let without = payload.of(&without).translate(profile);
            assert_eq!(
                json!(translation.config),
                json!(without.config),
                "{}: {key}",
                payload.name
            );
            passed_over.insert(key.clone());
        }
    }
    assert!(passed_over.len() > 20, "{passed_over:?}");
}

/// Whether nothing is set by an annotation, whatever its value.
fn is_idle(key: &str) -> bool {
    let name = key.strip_prefix(NGINX_PREFIX);
    let name = name.or_else(|| key.strip_prefix(OWN_PREFIX));
    let known = annotations::all().find(|it| Some(it.name) == name);
    !known.is_some_and(|it| matches!(it.effect, Effect::Set { .. }))
}
