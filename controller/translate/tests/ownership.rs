//! Who may use which host, for all objects: nobody gets a route, a name, a redirect or a certificate
//! for a host that is not its own, and nobody loses anything else.

#![cfg(test)]

mod generate;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use portreeve_table::HostPattern;
use portreeve_translate::{HostOwnership, Options, Profile, Snapshot, Translation, translate};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use support::Case;

use generate::{ingress, ingresses, namespaces, profiles, read};

const HOSTS: [&str; 10] = [
    "a.example",
    "A.example.",
    "b.example",
    "*.b.example",
    "x.b.example",
    "www.x.b.example",
    "*.example",
    "www.a.example",
    "",
    "a b",
];

/// Certificates for nearly everything, and another one that is the default.
const CERTIFICATES: &str = "kind: Certificate\nmetadata: {name: tls, namespace: shop}\nnames: [a.example, b.example, \"*.example\", \"*.b.example\"]\n---\nkind: Certificate\nmetadata: {name: tls, namespace: other}\nnames: [a.example, b.example, \"*.example\", \"*.b.example\"]\n---\nkind: Certificate\nmetadata: {name: default, namespace: ingress}\nnames: [default.example]\n";

fn run(objects: &[Value], profile: Profile, ownership: HostOwnership) -> Translation {
    static FIXTURES: LazyLock<Case> = LazyLock::new(|| support::case(CERTIFICATES));
    let objects = read(objects).into_iter();
    let (snapshot, _) = Snapshot::from_objects(objects.chain(FIXTURES.objects.clone()));
    let options = Options {
        profile,
        host_ownership: ownership,
        default_cert: Some("ingress/default".parse().unwrap()),
        acme: true,
        tls_acme: true,
        now: support::NOW,
        ..Options::standalone()
    };
    translate(&snapshot, &options)
}

prop_compose! {
    /// An Ingress that wants hosts in every way there is.
    fn greedy(name: String)(
        ingress in ingress(name),
        hosts in prop::collection::vec(select(HOSTS.to_vec()), 0..3),
        aliases in prop::collection::vec(select(HOSTS.to_vec()), 0..3),
        www in any::<bool>(),
        closed in prop::bool::weighted(0.2),
        tls in prop::collection::vec(prop::collection::vec(select(HOSTS.to_vec()), 0..3), 0..3),
    ) -> Value {
        let mut ingress = ingress;
        let (mut hosts, mut closing) = (hosts, json!({}));
        for rule in ingress["spec"]["rules"].as_array_mut().unwrap() {
            rule["host"] = json!(hosts.pop().unwrap_or("b.example"));
        }
        if closed {
            closing = json!("office");
        }
        ingress["metadata"]["annotations"] = json!({
            "portreeve.dev/server-alias": aliases.join(","),
            "portreeve.dev/from-to-www-redirect": www.to_string(),
            "kubernetes.io/tls-acme": "true",
        });
        if closing.is_string() {
            ingress["metadata"]["annotations"]["portreeve.dev/whitelist-source-range"] = closing;
        }
        let entry = |(hosts, secret): (Vec<&str>, &str)| json!({"hosts": hosts, "secretName": secret});
        ingress["spec"]["tls"] = tls.into_iter().zip(["tls", "ordered", "tls"]).map(entry).collect();
        ingress
    }
}

fn greedy_ones() -> impl Strategy<Value = Vec<Value>> {
    (2..7usize).prop_flat_map(|count| {
        let each = (0..count).map(|n| greedy(format!("i{n}")));
        each.collect::<Vec<_>>()
    })
}

/// All that is served for a host, and the namespaces by which it is.
fn users(translation: &Translation) -> BTreeMap<HostPattern, BTreeSet<Box<str>>> {
    let mut users: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut add = |host: &HostPattern, by: &str| {
        users.entry(host.clone()).or_default().insert(by.into());
    };
    for (pattern, host) in &translation.config.hosts {
        for route in &host.routes {
            add(pattern, &route.origin.namespace);
        }
    }
    for (key, cert) in &translation.config.certs {
        let names = cert.names.iter().filter(|_| &*key.namespace != "ingress");
        names.for_each(|name| add(name, &key.namespace));
    }
    users
}

/// The namespace whose certificate a client of a host is shown.
fn shown<'t>(translation: &'t Translation, host: &HostPattern) -> Option<&'t str> {
    let of = |name: &HostPattern| {
        let mut certs = translation.config.certs.iter();
        let found = certs.find(|(_, cert)| cert.names.contains(name));
        found.map(|(key, _)| &*key.namespace)
    };
    of(host).or_else(|| of(&host.wildcard()?))
}

/// Who owns what, as simply as it can be said: in the order of age, a host is a namespace's unless
/// it, or a wildcard above it, is another's already.
#[derive(Default)]
struct Naive(Vec<(String, String)>);

impl Naive {
    fn of(objects: &[Value]) -> Self {
        let mut naive = Self::default();
        for ingress in by_age(objects) {
            let namespace = text(&ingress["metadata"]["namespace"]);
            let (hosts, spec) = (hosts(ingress), &ingress["spec"]);
            if spec["rules"] == json!([]) && !spec["defaultBackend"].is_null() {
                naive.claim(&namespace, "*");
            }
            for host in &hosts {
                naive.claim(&namespace, host);
            }
            let annotations = &ingress["metadata"]["annotations"];
            let aliases = text(&annotations["portreeve.dev/server-alias"]);
            for alias in aliases.split(',').filter_map(parsed) {
                naive.claim(&namespace, &alias);
            }
            if annotations["portreeve.dev/from-to-www-redirect"] == "true" {
                let names: BTreeSet<_> =
                    hosts.iter().filter(|host| !host.starts_with('*')).collect();
                for name in names {
                    let with = format!("www.{name}");
                    naive.claim(&namespace, name.strip_prefix("www.").unwrap_or(&with));
                }
            }
        }
        naive
    }

    fn owner(&self, host: &str) -> Option<&String> {
        let find = |host: &str| self.0.iter().find(|(owned, _)| owned == host);
        let above = || match host.split_once('.') {
            Some((label, rest)) if label != "*" => find(&format!("*.{rest}")),
            _ => None,
        };
        find(host).or_else(above).map(|(_, namespace)| namespace)
    }

    fn claim(&mut self, namespace: &str, host: &str) {
        if self.owner(host).is_none_or(|owner| owner == namespace) {
            self.0.push((host.into(), namespace.into()));
        }
    }
}

fn by_age(objects: &[Value]) -> Vec<&Value> {
    let mut all: Vec<_> = objects.iter().collect();
    let age = |object: &&Value| {
        let metadata = &object["metadata"];
        ["creationTimestamp", "namespace", "name"].map(|field| text(&metadata[field]))
    };
    all.sort_by_key(age);
    all
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().into()
}

fn parsed(host: &str) -> Option<String> {
    match host {
        "" => None,
        host => HostPattern::parse(host).ok().map(|host| host.to_string()),
    }
}

/// The hosts of an Ingress' rules that are some; `*` where there is none.
fn hosts(ingress: &Value) -> Vec<String> {
    let spec = &ingress["spec"];
    let rules = spec["rules"].as_array().unwrap();
    let hosts = rules.iter().filter_map(|rule| match text(&rule["host"]) {
        empty if empty.is_empty() => Some("*".into()),
        host => parsed(&host),
    });
    hosts.collect()
}

/// The rules that are said to be refused, each as namespace, name and field.
fn refused_rules(translation: &Translation, code: &str) -> BTreeSet<(String, String)> {
    let found = translation.diagnostics.iter();
    let found = found.filter(|found| found.code.to_string() == code);
    let rules = found.filter(|found| found.field.starts_with("spec.rules["));
    let said = rules.map(|found| {
        (
            found.object.as_ref().unwrap().to_string(),
            found.field.clone(),
        )
    });
    said.collect()
}

/// The rules whose hosts are not allowed.
fn unallowed_rules(
    objects: &[Value],
    allows: impl Fn(&str, &str) -> bool,
) -> BTreeSet<(String, String)> {
    let mut unallowed = BTreeSet::new();
    for object in objects {
        let namespace = text(&object["metadata"]["namespace"]);
        let name = format!("{namespace}/{}", text(&object["metadata"]["name"]));
        for (place, rule) in object["spec"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
        {
            let host = match text(&rule["host"]) {
                empty if empty.is_empty() => Some("*".into()),
                host => parsed(&host),
            };
            if host.is_some_and(|host: String| !allows(&namespace, &host)) {
                unallowed.insert((name.clone(), format!("spec.rules[{place}].host")));
            }
        }
    }
    unallowed
}

/// Whether a list as it is written allows a host, as simply as it can be said.
fn lists(namespaces: &[Value], namespace: &str, host: &str) -> bool {
    let mut lists = namespaces
        .iter()
        .filter(|list| list["metadata"]["name"] == namespace);
    let list = lists
        .next()
        .map(|list| text(&list["metadata"]["annotations"]["portreeve.dev/hosts"]));
    let list = list.unwrap_or_default();
    list.split(',')
        .map(str::trim)
        .any(|entry| match entry.strip_prefix('*') {
            Some("") => true,
            Some(end) => host.ends_with(end),
            None => entry == host,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn by_first_no_two_namespaces_have_a_host(
        objects in greedy_ones(),
        profile in profiles(),
    ) {
        let translation = run(&objects, profile, HostOwnership::First);
        let naive = Naive::of(&objects);
        for (host, users) in users(&translation) {
            prop_assert!(users.len() == 1, "{host}: {users:?}");
            let owner = naive.owner(&host.to_string());
            let is_owners = owner.is_none_or(|owner| users.contains(owner.as_str()));
            prop_assert!(is_owners, "{host}: {users:?} {owner:?}");
        }
        for want in &translation.wants {
            let mut owners = want.names.iter().filter_map(|name| naive.owner(name));
            let stranger = owners.find(|owner| ***owner != *want.origin.namespace);
            prop_assert_eq!(stranger, None, "{:?}", want);
        }
        for host in translation.config.hosts.keys() {
            let owner = naive.owner(&host.to_string()).map(String::as_str);
            let shown = shown(&translation, host).filter(|shown| *shown != "ingress");
            prop_assert!(shown.is_none() || shown == owner, "{host}: {shown:?} {owner:?}");
        }
    }

    #[test]
    fn by_first_the_oldest_claim_decides(objects in greedy_ones(), profile in profiles()) {
        let translation = run(&objects, profile, HostOwnership::First);
        let naive = Naive::of(&objects);
        let is_own = |namespace: &str, host: &str| naive.owner(host).is_some_and(|owner| owner == namespace);
        let expected = unallowed_rules(&objects, is_own);
        prop_assert_eq!(refused_rules(&translation, "HostTaken"), expected);
    }

    /// What is refused is as if nobody had written it.
    #[test]
    fn what_is_refused_changes_nothing_else(
        mut objects in ingresses(),
        profile in profiles(),
        namespaces in namespaces(),
        ownership in select(vec![HostOwnership::First, HostOwnership::Listed]),
    ) {
        for object in &mut objects {
            object["metadata"]["annotations"].as_object_mut().unwrap().retain(|name, _| {
                !name.ends_with("server-alias") && !name.ends_with("from-to-www-redirect")
                    && !name.contains("canary")
            });
            // One that is everyone's answers for its own namespace only.
            if object["spec"]["rules"] == json!([]) {
                object["spec"]["defaultBackend"] = json!(null);
            }
        }
        let all = [&objects[..], &namespaces].concat();
        let ruled = run(&all, profile, ownership);
        let naive = Naive::of(&objects);
        let may = |namespace: &str, host: &str| match ownership {
            HostOwnership::First => naive.owner(host).is_some_and(|owner| owner == namespace),
            _ => lists(&namespaces, namespace, host),
        };
        for object in &mut objects {
            let namespace = text(&object["metadata"]["namespace"]);
            let rules = object["spec"]["rules"].as_array_mut().unwrap();
            rules.retain(|rule| match text(&rule["host"]) {
                empty if empty.is_empty() => may(&namespace, "*"),
                host => parsed(&host).is_none_or(|host| may(&namespace, &host)),
            });
            if rules.is_empty() {
                object["spec"] = json!({"rules": []});
            }
        }
        let without = run(&objects, profile, HostOwnership::Any);
        prop_assert_eq!(ruled.config.hosts, without.config.hosts);
        prop_assert_eq!(ruled.config.upstreams, without.config.upstreams);
    }

    #[test]
    fn by_lists_nothing_is_served_outside_them(
        objects in greedy_ones(),
        namespaces in namespaces(),
        profile in profiles(),
    ) {
        let all = [&objects[..], &namespaces].concat();
        let translation = run(&all, profile, HostOwnership::Listed);
        for (host, users) in users(&translation) {
            let mut users = users.iter();
            let stranger = users.find(|user| !lists(&namespaces, user, &host.to_string()));
            prop_assert_eq!(stranger, None, "{}", host);
        }
        let may = |namespace: &str, host: &str| lists(&namespaces, namespace, host);
        for want in &translation.wants {
            let mut names = want.names.iter().map(ToString::to_string);
            let outside = names.find(|name| !may(&want.origin.namespace, name));
            prop_assert_eq!(outside, None, "{:?}", want);
        }
        let expected = unallowed_rules(&objects, may);
        prop_assert_eq!(refused_rules(&translation, "HostNotAllowed"), expected);
    }

    #[test]
    fn a_namespace_alone_or_with_a_list_of_everything_is_as_without_a_rule(
        mut objects in prop_oneof![ingresses(), greedy_ones()],
        profile in profiles(),
    ) {
        let everything = |name| {
            let annotations = json!({"portreeve.dev/hosts": "*"});
            let metadata = json!({"name": name, "annotations": annotations});
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        };
        objects.extend(["shop", "other"].map(everything));
        let any = run(&objects, profile, HostOwnership::Any);
        prop_assert_eq!(run(&objects, profile, HostOwnership::Listed), any);
        for object in &mut objects {
            if object["kind"] == "Ingress" {
                object["metadata"]["namespace"] = json!("shop");
            }
        }
        let any = run(&objects, profile, HostOwnership::Any);
        prop_assert_eq!(run(&objects, profile, HostOwnership::First), any);
    }
}
