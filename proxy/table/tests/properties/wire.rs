//! What is sent arrives, whatever the other side does not know of it.

use portreeve_table::{
    Action, ChallengeKind, Config, Delta, Filter, Have, Hello, Lines, PathMatch, Policy, Route,
    SCHEMA, SKEW, Table, ToController, ToProxy, Told, TooFar,
};
use proptest::prelude::*;
use serde_json::{Value, from_str, json, to_string};

use super::given;

fn holds<S: Strategy>(cases: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    if let Err(smallest) = given::runner(500).run(cases, property) {
        panic!("{smallest}");
    }
}

/// Reads lines until the delta is whole.
fn read(lines: impl IntoIterator<Item = String>) -> (Delta, Vec<Told>) {
    let (mut delta, mut told) = (Delta::default(), Vec::new());
    for line in lines {
        assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
        let message: ToProxy<'_> = from_str(&line).unwrap();
        if let Some(part) = message.delta {
            assert_eq!(part.seq, 7);
            told.extend(part.read(&mut delta));
        } else if let Some(synced) = message.synced {
            assert_eq!(synced.seq, 7);
            return (delta, told);
        }
    }
    panic!("never whole");
}

#[test]
fn a_delta_arrives_as_it_was_sent() {
    holds(&(given::whole_config(), given::whole_config()), |(a, b)| {
        let delta = Delta::between(&a.have(), &b);
        let (arrived, told) = read(Lines::new(7, &delta, &[]));
        prop_assert_eq!(told, vec![]);
        prop_assert_eq!(&arrived, &delta);
        // What has arrived can be compared by hash with what is sent next.
        let now = a.apply(arrived);
        prop_assert!(Delta::between(&now.have(), &b).is_empty());
        // Hashes are taken on trust, so what they stand for is compared as well.
        prop_assert_eq!(to_string(&now).unwrap(), to_string(&b).unwrap());
        Ok(())
    });
}

#[test]
fn keys_are_exposed_on_the_wire_and_nowhere_else() {
    holds(&given::whole_config(), |config| {
        let delta = Delta::between(&Have::new(), &config);
        let lines: Vec<_> = Lines::new(7, &delta, &[]).collect();
        let wire = lines.concat();
        let shown = format!("{}{config:?}{delta:?}", to_string(&config).unwrap());
        for cert in config.certs.values() {
            let key = cert.key.expose();
            prop_assert!(wire.contains(&to_string(key).unwrap()));
            prop_assert!(!shown.contains(key) && !shown.contains(&to_string(key).unwrap()));
        }
        let arrived = Config::default().apply(read(lines).0);
        for (arrived, sent) in arrived.certs.values().zip(config.certs.values()) {
            prop_assert_eq!(arrived.key.expose(), sent.key.expose());
        }
        Ok(())
    });
}

#[test]
fn messages_of_newer_peers_are_passed_over() {
    let hello: ToController = from_str(
        r#"{"hello":{"node":"p","schema":9,"have":{"listener/x":"0f","host/a.x":"01"},"colour":"red"}}"#,
    )
    .unwrap();
    let hello: Hello = hello.hello.unwrap();
    assert_eq!((hello.schema, hello.have.len()), (9, 2));
    let unknown: ToController = from_str(r#"{"applause":{}}"#).unwrap();
    assert_eq!(unknown, ToController::default());
    let unknown: ToProxy<'_> = from_str(r#"{"ping":{}}"#).unwrap();
    assert!(unknown.delta.is_none() && unknown.synced.is_none());
}

/// A host as it arrives, and what was said about it.
fn arrived_config(host: Value) -> (Config, Vec<Told>) {
    let hash = "0".repeat(31) + "5";
    let part = json!({"delta": {"seq": 7, "upsert": {"host/a.x": {"hash": hash, "value": host}}}});
    let whole = json!({"synced": {"seq": 7}});
    let (delta, told) = read([part, whole].map(|line| line.to_string() + "\n"));
    (Config::default().apply(delta), told)
}

#[test]
fn a_resource_is_known_by_the_hash_that_was_sent() {
    let (config, _) = arrived_config(json!({"routes": [], "colour": "red"}));
    assert_eq!(config.have().into_values().collect::<Vec<_>>(), [5]);
}

#[test]
fn a_resource_that_cannot_be_read_is_named_and_the_others_arrive() {
    let upsert = json!({
        "host/a.x": {"hash": "1", "value": {"routes": "none"}},
        "host/a b": {"hash": "1", "value": {"routes": []}},
        "listener/x": {"hash": "1", "value": {}},
        "upstream/shop/web:80": {"hash": "1", "value": {"endpoints": [{"address": "10.0.0.1:80"}]}},
    });
    let remove = json!(["listener/y", "host/b.x"]);
    let part = json!({"delta": {"seq": 7, "upsert": upsert, "remove": remove}}).to_string() + "\n";
    let (delta, told) = read([part, "{\"synced\":{\"seq\":7}}\n".to_string()]);
    let names: Vec<_> = told.iter().map(|told| &*told.key).collect();
    assert_eq!(names, ["host/a b", "host/a.x", "listener/x"]);
    assert_eq!((delta.upsert.len(), delta.remove.len()), (1, 1));
}

#[test]
fn a_route_that_cannot_be_read_is_closed_and_its_neighbours_are_not() {
    let route = |path: Value, conditions: Value| {
        json!({
            "origin": {"namespace": "shop", "name": "web"},
            "rule": "/a",
            "path": path,
            "conditions": conditions,
            "action": "not-found",
        })
    };
    let headers = json!({"headers": [["x-a", {"like": "b"}]]});
    let routes = [
        route(json!({"prefix": "/a"}), headers),
        route(
            json!({"exact": "/b"}),
            json!({"cookies": [["a", "present"]]}),
        ),
        route(json!({"glob": "/b*"}), json!({})),
        route(json!({"prefix": "/c"}), json!({})),
    ];
    let (config, told) = arrived_config(json!({"routes": routes}));
    assert_eq!(told.len(), 3, "{told:?}");
    for told in &told {
        let origin = told.origin.as_ref().unwrap();
        assert_eq!((&*told.key, &*origin.name), ("host/a.x", "web"));
    }
    let host = config.hosts.values().next().unwrap();
    let closed = |route: &Route| matches!(route.action, Action::Unavailable { .. });
    let seen: Vec<_> = host
        .routes
        .iter()
        .map(|route| (closed(route), &route.path))
        .collect();
    let prefix = |path: &str| PathMatch::Prefix(path.parse().unwrap());
    assert_eq!(
        seen,
        [
            (true, &prefix("/a")),
            (true, &PathMatch::Exact("/b".parse().unwrap())),
            (true, &prefix("/")),
            (false, &prefix("/c"))
        ]
    );
}

/// The only route of a host that arrives with this filter and this action.
fn arrived(filter: Value, action: Value) -> (Route, Action) {
    let route = json!({
        "origin": {"namespace": "shop", "name": "web"},
        "rule": "/",
        "path": {"prefix": "/"},
        "filters": [filter],
        "action": action,
    });
    let (config, told) = arrived_config(json!({"routes": [route]}));
    assert_eq!(told, []);
    let (table, rejected) = Table::compile(&config, &Table::default(), |_, _| ());
    let (_, served) = table.routes().next().unwrap();
    let is_closed = matches!(served.route.action, Action::Unavailable { .. });
    let origins = rejected.iter().flat_map(|it| &it.origin);
    let names: Vec<_> = origins.map(|origin| &*origin.name).collect();
    assert_eq!(names, if is_closed { &["web"][..] } else { &[] });
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

/// What a controller of schema 1 says, recorded when that was the latest. Every version that is one
/// ahead must read it; it is never rewritten, and goes when no version has to read it any more.
const RECORDED: &str = include_str!("schema-1.jsonl");

/// What a controller one ahead may say: messages, kinds of resources, fields, filters, actions,
/// policies and conditions that this version does not know, beside what it knows.
const NEWER: &str = include_str!("newer.jsonl");

fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|line| format!("{line}\n"))
}

#[test]
fn what_a_controller_of_schema_1_says_is_read_as_it_was_meant() {
    let (delta, told) = read(lines(RECORDED));
    assert_eq!(told, []);
    assert!(delta.upsert.len() > 5 && !delta.remove.is_empty());
    // Nothing of it was passed over: it is told on as it came.
    let again: Vec<Value> = Lines::new(7, &delta, &[])
        .map(|line| from_str(&line).unwrap())
        .collect();
    let recorded: Vec<Value> = lines(RECORDED)
        .skip(1)
        .map(|line| from_str(&line).unwrap())
        .collect();
    assert_eq!(again, recorded);
}

#[test]
fn of_what_a_newer_controller_says_only_what_is_unknown_is_closed() {
    let (delta, told) = read(lines(NEWER));
    let told: Vec<_> = told
        .iter()
        .map(|told| (&*told.key, told.origin.is_some()))
        .collect();
    assert_eq!(
        told,
        [("host/conditions.x", true), ("listener/public", false)]
    );
    let config = Config::default().apply(delta);
    let (table, rejected) = Table::compile(&config, &Table::default(), |_, _| ());
    let rejected: Vec<_> = rejected.iter().map(|it| it.key.to_string()).collect();
    assert_eq!(rejected, ["host/actions.x", "host/filters.x"]);
    let routes = table.routes().map(|(host, route)| {
        let is_closed = matches!(route.route.action, Action::Unavailable { .. });
        (host.to_string(), &*route.route.rule, is_closed)
    });
    let expected = [
        ("actions.x", "/known", false),
        ("actions.x", "/new", true),
        ("conditions.x", "/known", false),
        ("conditions.x", "/new", true),
        ("filters.x", "/known", false),
        ("filters.x", "/new", true),
        ("policies.x", "/new", false),
    ];
    let expected = expected.map(|(host, rule, closed)| (host.to_string(), rule, closed));
    assert_eq!(routes.collect::<Vec<_>>(), expected);
    // A field that is new takes nothing from what is known beside it.
    let upstream = config.upstreams.values().next().unwrap();
    assert_eq!(upstream.endpoints.len(), 2);
}

/// What came before there were kinds of challenges says none, and is HTTP-01; a kind that is not
/// known is told, and answered by nobody.
#[test]
fn a_challenge_without_a_kind_is_http_01_and_one_of_an_unknown_kind_is_none() {
    let challenge = |kind: &str| {
        format!(
            r#"{{"hash":"1","value":{{"origin":{{"namespace":"shop","name":"web"}},"host":"a.x","key_authorization":"t.k"{kind}}}}}"#
        )
    };
    let (old, tls, new) = (
        challenge(""),
        challenge(r#","kind":"tls-alpn-01""#),
        challenge(r#","kind":"smoke-01""#),
    );
    let upsert =
        format!(r#"{{"challenge/old":{old},"challenge/tls":{tls},"challenge/new":{new}}}"#);
    let part = format!("{{\"delta\":{{\"seq\":7,\"upsert\":{upsert}}}}}\n");
    let (delta, told) = read([part, "{\"synced\":{\"seq\":7}}\n".to_string()]);
    let told: Vec<_> = told.iter().map(|told| &*told.key).collect();
    assert_eq!(told, ["challenge/new"]);
    let config = Config::default().apply(delta);
    let kinds: Vec<_> = config.challenges.values().map(|it| it.kind).collect();
    assert_eq!(kinds, [ChallengeKind::Http01, ChallengeKind::TlsAlpn01]);
    // Nor does one of our own say it, so that it is the same to those before.
    let said: Vec<_> = config
        .challenges
        .values()
        .map(|it| to_string(&**it).unwrap())
        .collect();
    assert!(
        !said[0].contains("kind") && said[1].ends_with(r#""kind":"tls-alpn-01"}"#),
        "{said:?}"
    );
}

#[test]
fn one_schema_apart_is_near_and_two_are_not() {
    for near in [SCHEMA - SKEW, SCHEMA, SCHEMA + SKEW] {
        TooFar::check_controller(near).unwrap();
        TooFar::check_proxy(near).unwrap();
    }
    let newer = TooFar::check_controller(SCHEMA + SKEW + 1).unwrap_err();
    assert!(newer.to_string().ends_with("update the proxy"), "{newer}");
    let newer = TooFar::check_proxy(SCHEMA + SKEW + 1).unwrap_err();
    assert!(
        newer.to_string().ends_with("update the controller"),
        "{newer}"
    );
    TooFar::check_proxy(u32::MAX).unwrap_err();
}
