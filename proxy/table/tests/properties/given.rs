//! Configurations and requests from small alphabets, so that they collide as often as they can.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, Method};
use portreeve_table::{
    Action, Cert, Challenge, ChallengeKind, Conditions, Config, Endpoint, Host, HostPattern,
    NormalPath, Origin, PathMatch, PathRegex, Protocol, Route, Secret, Shared, Stage, Target, Text,
    Upstream, ValueMatch,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestRunner};

/// The same cases in every run; a failing one is made as small as it can be.
pub(crate) fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0x5eed),
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

const PATTERNS: [&str; 7] = ["*", "*.x", "*.a.x", "a.x", "b.x", "x", "b.a.x"];
const NAMES: [&str; 9] = [
    "a.x", "b.x", "x", "b.a.x", "c.a.x", "c.b.a.x", "c.x", "z", "",
];
/// What rules and requests are made of; `a` and `b` most often.
const ELEMENTS: [&str; 16] = [
    "a",
    "a",
    "a",
    "a",
    "b",
    "b",
    "b",
    "aa",
    "ab",
    "A",
    "",
    "a;v",
    "a%2Fb",
    "@a",
    "caf%C3%A9",
    "%7Ba%7D",
];
/// What only requests hold: other writings of the above, and what is resolved or refused.
const ODD_ELEMENTS: [&str; 12] = [
    "%61", "%40a", "a%3Bv", ".", "..", "..;", "%2e%2e", "a%2f..", "a\\b", "{a}", "b;", "%2F",
];
const EXPRESSIONS: [&str; 16] = [
    "",
    "/",
    "/a",
    "/a/",
    "/aa",
    "/b",
    "/a/b",
    "/A",
    "/(a|b)",
    "/[ab]$",
    "/a.*b",
    "/.*",
    "/a(/|$)(.*)",
    "/[^/]+/b",
    "/@a",
    "/a%2F",
];

/// Hosts with routes; each route's `rule` is its number.
pub(crate) fn config() -> impl Strategy<Value = Config> {
    let host = (select(&PATTERNS[..]), prop::collection::vec(route(), 0..14));
    prop::collection::vec(host, 0..7).prop_map(|hosts| {
        let hosts = hosts.into_iter().map(|(pattern, mut routes)| {
            for (number, route) in routes.iter_mut().enumerate() {
                route.rule = format!("{pattern} {number}").into();
            }
            (pattern.parse().unwrap(), Shared::new(Host { routes }))
        });
        Config {
            hosts: hosts.collect(),
            ..Config::default()
        }
    })
}

/// Resources of every kind, their names from so few that two configurations share some.
pub(crate) fn whole_config() -> impl Strategy<Value = Config> {
    let upstreams = prop::collection::btree_map(0u8..4, upstream(), 0..4);
    let certs = prop::collection::btree_map(0u8..4, cert(), 0..4);
    let challenges = prop::collection::btree_map(0u8..4, challenge(), 0..3);
    let resources = (config(), upstreams, certs, challenges);
    resources.prop_map(|(config, upstreams, certs, challenges)| Config {
        upstreams: named(upstreams, "shop/web:8"),
        certs: named(certs, "shop/tls-"),
        challenges: named(challenges, "token-"),
        ..config
    })
}

fn named<K: Ord + FromStr<Err: Debug>, V>(
    numbered: BTreeMap<u8, V>,
    start: &str,
) -> BTreeMap<K, V> {
    let named = numbered.into_iter();
    let named = named.map(|(number, value)| (format!("{start}{number}").parse().unwrap(), value));
    named.collect()
}

fn upstream() -> impl Strategy<Value = Shared<Upstream>> {
    let stage = select(&[Stage::Ready, Stage::Draining][..]);
    let endpoint = (0u8..4, 0u16..3, stage).prop_map(|(number, weight, stage)| Endpoint {
        address: (Ipv4Addr::new(10, 0, 0, number), 80).into(),
        weight,
        stage,
    });
    let protocol = select(&[None, Some(Protocol::H2c)][..]);
    let upstream = (protocol, prop::collection::vec(endpoint, 0..4));
    upstream.prop_map(|(protocol, endpoints)| {
        Shared::new(Upstream {
            protocol,
            endpoints,
            external: None,
            refused: None,
        })
    })
}

fn cert() -> impl Strategy<Value = Shared<Cert>> {
    let cert = (select(&PATTERNS[..]), "key-[a-z\n\"]{8}", any::<i64>());
    cert.prop_map(|(name, key, not_after)| {
        Shared::new(Cert {
            names: vec![name.parse().unwrap()],
            chain: "chain".into(),
            key: Secret::new(key),
            not_after,
        })
    })
}

fn challenge() -> impl Strategy<Value = Shared<Challenge>> {
    let kinds = select(vec![ChallengeKind::Http01, ChallengeKind::TlsAlpn01]);
    let hosts = select(&["a.x", "192.0.2.1", "2001:db8::1"][..]);
    ("[a-z]{4}", hosts, kinds).prop_map(|(answer, host, kind)| {
        Shared::new(Challenge {
            origin: origin(),
            host: host.parse().unwrap(),
            key_authorization: answer.into(),
            kind,
        })
    })
}

fn origin() -> Origin {
    Origin {
        namespace: "shop".into(),
        name: "web".into(),
    }
}

/// Every host, with this as the only route.
pub(crate) fn config_of(path: PathMatch) -> Config {
    let routes = vec![route_of(path, Conditions::default())];
    Config {
        hosts: [(HostPattern::Any, Shared::new(Host { routes }))].into(),
        ..Config::default()
    }
}

fn route_of(path: PathMatch, conditions: Conditions) -> Route {
    Route {
        origin: origin(),
        rule: "".into(),
        instead_of: None,
        path,
        conditions,
        filters: Vec::new(),
        action: Action::NotFound,
    }
}

fn route() -> impl Strategy<Value = Route> {
    (path_match(), conditions()).prop_map(|(path, conditions)| route_of(path, conditions))
}

fn path_match() -> impl Strategy<Value = PathMatch> {
    let expression = (select(&EXPRESSIONS[..]), any::<bool>());
    let regex = expression.prop_map(|(pattern, ignore_case)| PathRegex {
        pattern: pattern.into(),
        ignore_case,
    });
    prop_oneof![
        3 => path(&ELEMENTS).prop_map(|path| PathMatch::Exact(normal(&path))),
        4 => path(&ELEMENTS).prop_map(|path| PathMatch::Prefix(normal(&path))),
        2 => regex.prop_map(PathMatch::Regex),
    ]
}

fn normal(path: &str) -> NormalPath {
    path.parse().unwrap()
}

fn path(elements: &'static [&'static str]) -> impl Strategy<Value = String> {
    let elements = prop::collection::vec(select(elements), 0..4);
    elements.prop_map(|elements| format!("/{}", elements.join("/")))
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let value = prop_oneof![
        Just(ValueMatch::Present),
        Just(ValueMatch::Exact("1".into()))
    ];
    let methods = prop::collection::vec(
        select(&[Method::GET, Method::POST][..]).prop_map(Text),
        0..2,
    );
    let header = (select(&["x-a", "x-b"][..]), value.clone());
    let header = header.prop_map(|(name, value)| (Text(HeaderName::from_static(name)), value));
    let query = (select(&["p", "q"][..]).prop_map(Into::into), value);
    let some = (
        methods,
        prop::collection::vec(header, 0..2),
        prop::collection::vec(query, 0..2),
    );
    let some = some.prop_map(|(methods, headers, query)| Conditions {
        methods,
        headers,
        query,
    });
    prop_oneof![3 => Just(Conditions::default()), 1 => some]
}

/// A request as a client sends it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) host: &'static str,
    pub(crate) path: String,
    query: Option<&'static str>,
    method: Method,
    headers: HeaderMap,
}

impl Request {
    pub(crate) fn target<'a>(&'a self, path: &'a str) -> Target<'a> {
        Target {
            host: self.host,
            path,
            query: self.query,
            method: &self.method,
            headers: &self.headers,
        }
    }
}

/// A request for nothing but a path.
pub(crate) fn plain_request(path: &str) -> Request {
    Request {
        host: "a.x",
        path: path.into(),
        query: None,
        method: Method::GET,
        headers: HeaderMap::new(),
    }
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    let plain = path(&ELEMENTS);
    let odd = (path(&ELEMENTS), path(&ODD_ELEMENTS), path(&ELEMENTS));
    let odd = odd.prop_map(|(a, b, c)| a + &b + &c);
    let fields =
        prop::collection::vec((select(&["x-a", "x-b"][..]), select(&["1", "2"][..])), 0..3);
    let headers = fields.prop_map(|fields| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value.parse().unwrap());
        }
        headers
    });
    (
        select(&NAMES[..]),
        prop_oneof![6 => plain, 1 => path(&ODD_ELEMENTS), 1 => odd],
        select(&[None, Some(""), Some("p=1"), Some("q"), Some("p=2&q=1")][..]),
        select(&[Method::GET, Method::POST][..]),
        headers,
    )
        .prop_map(|(host, path, query, method, headers)| Request {
            host,
            path,
            query,
            method,
            headers,
        })
}
