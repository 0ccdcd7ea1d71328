//! A table that took over what did not change answers as one that was compiled from nothing.

use std::cell::Cell;

use portreeve_table::{Config, Table, normalize};
use proptest::prelude::*;

use super::given::{self, Request};

#[test]
fn compiling_what_changed_is_compiling_everything() {
    let edits = prop::collection::vec(given::config(), 1..6);
    let cases = (edits, prop::collection::vec(given::request(), 12));
    let ran = given::runner(300).run(&cases, |(edits, requests)| {
        let mut table = Table::default();
        let mut config = Config::default();
        for edit in edits {
            // Some hosts stay, some change, some go and some are new.
            config = merged(config, edit);
            table = Table::compile(&config, &table, |_, _| ()).0;
            let fresh = Table::compile(&config, &Table::default(), |_, _| ()).0;
            for request in &requests {
                prop_assert_eq!(answer(&table, request), answer(&fresh, request));
            }
        }
        Ok(())
    });
    if let Err(smallest) = ran {
        panic!("{smallest}");
    }
}

/// Drops the first host of `config` and takes over what `edit` says.
fn merged(mut config: Config, edit: Config) -> Config {
    config.hosts.pop_first();
    config.hosts.extend(edit.hosts);
    config
}

fn answer(table: &Table<()>, request: &Request) -> String {
    let Ok(path) = normalize(&request.path) else {
        return "refused".into();
    };
    let found = table.route(&request.target(&path));
    format!(
        "{:?}",
        found.map(|found| found.map(|matched| (matched.route, matched.groups(&path))))
    )
}

#[test]
fn only_routes_of_changed_hosts_are_bound_anew() {
    let cases = (given::config(), given::config());
    let ran = given::runner(300).run(&cases, |(before, edit)| {
        let after = merged(before.clone(), edit);
        let bound = Cell::new(0);
        let bind = |_: &_, _: &_| bound.set(bound.get() + 1);
        let table = Table::compile(&before, &Table::default(), bind).0;
        bound.set(0);
        let table = Table::compile(&after, &table, bind).0;
        let changed = after
            .hosts
            .iter()
            .filter(|(p, host)| before.hosts.get(*p) != Some(*host));
        let routes: usize = changed.map(|(_, host)| host.routes.len()).sum();
        prop_assert_eq!(bound.get(), routes);
        let all: usize = after.hosts.values().map(|host| host.routes.len()).sum();
        prop_assert_eq!(table.routes().count(), all);
        Ok(())
    });
    if let Err(smallest) = ran {
        panic!("{smallest}");
    }
}
