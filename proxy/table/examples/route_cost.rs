//! Routes requests over a number of hosts, for a tool that counts instructions.
//!
//! `route_cost HOSTS REQUESTS` compiles a table and routes; `tests/cost.rs` runs it under valgrind.
//! Every name is as long as every other and every host has the same routes, so what differs
//! between two runs is only how many there are.

use http::{HeaderMap, Method};
use portreeve_table::{
    Action, Conditions, Config, Host, HostPattern, Origin, PathMatch, Route, Shared, Table, Target,
};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || -> Result<usize, Failure> {
        Ok(arguments
            .next()
            .ok_or("usage: route_cost HOSTS REQUESTS")?
            .parse()?)
    };
    let (hosts, requests) = (number()?, number()?);
    let names: Vec<_> = (0..hosts)
        .map(|n| format!("shop-{n:06}.example.com"))
        .collect();
    let table = table(&names)?;
    // A stride that shares no factor with the number of hosts reaches all of them, in no order.
    let name = |n: usize| names.get(n.wrapping_mul(7919) % hosts.max(1));
    let asked = (0..requests).filter_map(name);
    let routed = asked.filter(|host| route(&table, host)).count();
    println!("{routed} of {requests} requests were routed");
    Ok(())
}

fn table(names: &[String]) -> Result<Table<()>, Failure> {
    let routes = ["/", "/api/v1"];
    let routes = routes.map(|rule| Ok(route_of(rule, PathMatch::Prefix(rule.parse()?))));
    let routes: Result<Vec<_>, Failure> = routes.into_iter().collect();
    let host = Shared::new(Host { routes: routes? });
    let hosts = names
        .iter()
        .map(|name| Ok((HostPattern::parse(name)?, host.clone())));
    let config = Config {
        hosts: hosts.collect::<Result<_, Failure>>()?,
        ..Config::default()
    };
    Ok(Table::compile(&config, &Table::default(), |_, _| ()).0)
}

fn route_of(rule: &str, path: PathMatch) -> Route {
    Route {
        origin: Origin {
            namespace: "shop".into(),
            name: "web".into(),
        },
        rule: rule.into(),
        instead_of: None,
        path,
        conditions: Conditions::default(),
        filters: Vec::new(),
        action: Action::NotFound,
    }
}

fn route(table: &Table<()>, host: &str) -> bool {
    let target = Target {
        host,
        path: "/api/v1/orders/17",
        query: None,
        method: &Method::GET,
        headers: &HeaderMap::new(),
    };
    matches!(table.route(&target), Ok(Some(_)))
}
