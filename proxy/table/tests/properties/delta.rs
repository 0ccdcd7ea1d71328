//! Deltas: the smallest that lead from one configuration to another, whole on the wire.

use portreeve_table::{
    Action, Config, Delta, Filter, Have, Host, Policy, Resource, ResourceKey, Route, Shared, Table,
};
use proptest::prelude::*;
use serde_json::{from_str, json, to_string};

use super::given;

fn holds<S: Strategy>(cases: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    if let Err(smallest) = given::runner(500).run(cases, property) {
        panic!("{smallest}");
    }
}

#[test]
fn applying_what_is_between_two_leads_from_one_to_the_other() {
    holds(&(given::whole_config(), given::whole_config()), |(a, b)| {
        let delta = Delta::between(&a.have(), &b);
        prop_assert_eq!(delta.is_empty(), a == b);
        prop_assert_eq!(a.apply(delta), b);
        Ok(())
    });
}

#[test]
fn between_one_and_itself_is_nothing() {
    holds(&given::whole_config(), |config| {
        prop_assert!(Delta::between(&config.have(), &config).is_empty());
        prop_assert_eq!(Delta::between(&config.have(), &config), Delta::default());
        Ok(())
    });
}

#[test]
fn a_delta_is_the_smallest() {
    holds(&(given::whole_config(), given::whole_config()), |(a, b)| {
        let (had, wanted) = (a.resources(), b.resources());
        let delta = Delta::between(&a.have(), &b);
        for (key, resource) in &delta.upsert {
            prop_assert!(had.get(key) != Some(resource) && wanted.get(key) == Some(resource));
        }
        prop_assert!(
            delta
                .remove
                .iter()
                .all(|key| had.contains_key(key) && !wanted.contains_key(key))
        );
        Ok(())
    });
}

#[test]
fn a_delta_arrives_as_it_was_sent() {
    holds(&(given::whole_config(), given::whole_config()), |(a, b)| {
        let delta = Delta::between(&a.have(), &b);
        let arrived: Delta = from_str(&to_string(&delta).unwrap()).unwrap();
        prop_assert_eq!(&arrived, &delta);
        let have: Have = from_str(&to_string(&b.have()).unwrap()).unwrap();
        prop_assert_eq!(&have, &b.have());
        // What has arrived can be compared by hash with what is sent next.
        prop_assert!(Delta::between(&a.apply(arrived).have(), &b).is_empty());
        Ok(())
    });
}

#[test]
fn keys_are_exposed_on_the_wire_and_nowhere_else() {
    holds(&given::whole_config(), |config| {
        let delta = Delta::between(&Have::new(), &config);
        let wire = to_string(&delta).unwrap();
        let shown = format!("{}{config:?}{delta:?}", to_string(&config).unwrap());
        for cert in config.certs.values() {
            let key = cert.key.expose();
            prop_assert!(wire.contains(&to_string(key).unwrap()));
            prop_assert!(!shown.contains(key) && !shown.contains(&to_string(key).unwrap()));
        }
        let arrived = Config::default().apply(from_str(&wire).unwrap());
        for (arrived, sent) in arrived.certs.values().zip(config.certs.values()) {
            prop_assert_eq!(arrived.key.expose(), sent.key.expose());
        }
        Ok(())
    });
}

#[test]
fn the_order_of_input_does_not_matter() {
    let shuffled = given::whole_config().prop_flat_map(|config| {
        let resources: Vec<_> = config.resources().into_iter().collect();
        (Just(config), Just(resources).prop_shuffle())
    });
    holds(&shuffled, |(config, resources)| {
        let one = |(key, resource)| Delta {
            upsert: [(key, resource)].into(),
            remove: Vec::new(),
        };
        let built = resources
            .into_iter()
            .map(one)
            .fold(Config::default(), Config::apply);
        prop_assert_eq!(&built, &config);
        prop_assert_eq!(to_string(&built).unwrap(), to_string(&config).unwrap());
        let whole = |config| to_string(&Delta::between(&Have::new(), config)).unwrap();
        prop_assert_eq!(whole(&built), whole(&config));
        Ok(())
    });
}

#[test]
fn a_resource_under_the_name_of_another_kind_is_nothing() {
    let host = Resource::Host(Shared::new(Host::default()));
    let key: ResourceKey = "cert/shop/tls".parse().unwrap();
    let delta = Delta {
        upsert: [(key, host)].into(),
        remove: Vec::new(),
    };
    assert_eq!(Config::default().apply(delta), Config::default());
}

/// The only route of a host that arrives with this filter and this action.
fn arrived(filter: serde_json::Value, action: serde_json::Value) -> (Route, Action) {
    let route = json!({
        "origin": {"namespace": "shop", "name": "web"},
        "rule": "/",
        "path": {"prefix": "/"},
        "filters": [filter],
        "action": action,
    });
    let delta = json!({"upsert": {"host/a.x": {"host": {"routes": [route]}}}}).to_string();
    let config = Config::default().apply(from_str(&delta).unwrap());
    let (table, _) = Table::compile(&config, &Table::default(), |_, _| ());
    let (_, served) = table.routes().next().unwrap();
    let host = config.hosts.values().next().unwrap();
    (host.routes[0].clone(), served.route.action.clone())
}

#[test]
fn what_this_version_does_not_know_closes_its_route() {
    let known_filter = json!({"max-body": 10});
    for (filter, action) in [
        (json!({"firewall": {"mode": "block"}}), json!("not-found")),
        (json!("firewall"), json!("not-found")),
        (json!({"deny": "not a list"}), json!("not-found")), // known, but not in this form
        (json!({"allow": ["10.0.0.0/33"]}), json!("not-found")),
        (
            known_filter.clone(),
            json!({"mirror": {"to": "shop/web:80"}}),
        ),
        (
            known_filter.clone(),
            json!({"forward": {"to": "shop/web:80"}}),
        ),
    ] {
        let (arrived, served) = arrived(filter.clone(), action.clone());
        let unknown_filter = matches!(arrived.filters[..], [Filter::Unknown(_)]);
        let unknown_action = matches!(arrived.action, Action::Unknown(_));
        assert!(unknown_filter || unknown_action, "{filter} {action}");
        assert!(
            matches!(served, Action::Unavailable { .. }),
            "{filter} {action}: {served:?}"
        );
    }
    assert_eq!(
        arrived(known_filter, json!("not-found")).1,
        Action::NotFound
    );
}

#[test]
fn an_unknown_policy_still_serves() {
    let backend =
        json!({"upstream": "shop/web:80", "weight": 1, "policy": {"coin-toss": {"coins": 2}}});
    let (_, served) = arrived(
        json!({"max-body": 10}),
        json!({"forward": {"backends": [backend]}}),
    );
    let Action::Forward(forward) = served else {
        panic!("{served:?}");
    };
    assert!(matches!(forward.backends[0].policy, Policy::Unknown(_)));
}
