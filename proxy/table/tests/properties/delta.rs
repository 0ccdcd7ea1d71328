//! Deltas: the smallest that lead from one configuration to another.

use portreeve_table::{Config, Delta, Host, Resource, ResourceKey, Shared};
use proptest::prelude::*;
use serde_json::to_string;

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
