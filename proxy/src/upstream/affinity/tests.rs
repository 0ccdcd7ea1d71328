//! Sessions over changing endpoints, without sockets.

use std::net::{Ipv4Addr, SocketAddr};

use portreeve_table::{Affinity, AffinityMode, Cookie, Endpoint as Configured, Stage};
use proptest::prelude::*;

use super::{Pinned, Session};
use crate::upstream::balance::{Choice, mix};
use crate::upstream::endpoint::EndpointSet;

fn affinity(mode: AffinityMode, change_on_failure: bool) -> Affinity {
    Affinity {
        mode,
        change_on_failure,
        cookie: Cookie {
            name: "INGRESSCOOKIE".into(),
            path: "/".into(),
            domain: None,
            same_site: None,
            conditional_same_site_none: false,
            expires: None,
            max_age: None,
            secure: false,
        },
    }
}

const BALANCED: AffinityMode = AffinityMode::Balanced;
const PERSISTENT: AffinityMode = AffinityMode::Persistent;

fn endpoint(number: u8, weight: u16, stage: Stage) -> Configured {
    Configured {
        address: (Ipv4Addr::new(10, 0, 0, number), 80).into(),
        weight,
        stage,
    }
}

fn ready(numbers: impl IntoIterator<Item = u8>) -> EndpointSet {
    let endpoint = |number| endpoint(number, 1, Stage::Ready);
    let endpoints: Vec<_> = numbers.into_iter().map(endpoint).collect();
    EndpointSet::new(&endpoints, None)
}

fn random(n: u64) -> Choice {
    Choice {
        random: mix(n),
        ..Choice::default()
    }
}

/// Starts a session and says where it went.
fn start(set: &EndpointSet, affinity: &Affinity, n: u64) -> (SocketAddr, Session) {
    let pinned = set.pick_session(affinity, None, &random(n), &[]).unwrap();
    (
        set.endpoints()[pinned.endpoint].address,
        pinned.start.unwrap(),
    )
}

fn resume(
    set: &EndpointSet,
    affinity: &Affinity,
    session: Session,
) -> (SocketAddr, Option<Session>) {
    let pinned = set
        .pick_session(affinity, Some(session), &random(99), &[])
        .unwrap();
    (set.endpoints()[pinned.endpoint].address, pinned.start)
}

#[test]
fn a_session_stays_and_its_cookie_is_set_once() {
    for mode in [BALANCED, PERSISTENT] {
        let (set, affinity) = (ready(0..10), affinity(mode, false));
        for n in 0..200 {
            let (home, session) = start(&set, &affinity, n);
            assert_eq!(resume(&set, &affinity, session), (home, None), "{mode:?}");
        }
    }
}

#[test]
fn new_sessions_are_spread_by_weight() {
    for mode in [BALANCED, PERSISTENT] {
        let endpoints = [1, 3].map(|n| endpoint(n, n.into(), Stage::Ready));
        let set = EndpointSet::new(&endpoints, None);
        let heavy = endpoints[1].address;
        let at_heavy = (0..8_000).filter(|n| start(&set, &affinity(mode, false), *n).0 == heavy);
        let count = at_heavy.count();
        assert!((5_800..6_200).contains(&count), "{mode:?}: {count}");
    }
}

#[test]
fn balanced_sessions_follow_the_endpoints_and_persistent_ones_do_not() {
    for (mode, moving) in [(BALANCED, true), (PERSISTENT, false)] {
        let affinity = affinity(mode, false);
        let (before, after) = (ready(0..5), ready(0..10));
        let mut moved = 0;
        for n in 0..1_000 {
            let (home, session) = start(&before, &affinity, n);
            let (new_home, cookie) = resume(&after, &affinity, session);
            assert_eq!(cookie, None);
            moved += i32::from(home != new_home);
        }
        assert_eq!(moved > 0, moving, "{mode:?}: {moved}");
        assert!(moved < 600, "half of the endpoints are new: {moved}");
    }
}

#[test]
fn a_persistent_session_stays_while_its_endpoint_is_going() {
    let affinity = affinity(PERSISTENT, false);
    let (home, session) = start(&ready(0..4), &affinity, 1);
    for (weight, stage) in [
        (1, Stage::Draining),
        (0, Stage::Ready),
        (0, Stage::Draining),
    ] {
        let all = (0..4).map(|n| endpoint(n, 1, Stage::Ready)).map(|mut e| {
            if e.address == home {
                (e.weight, e.stage) = (weight, stage);
            }
            e
        });
        let set = EndpointSet::new(&all.collect::<Vec<_>>(), None);
        assert_eq!(resume(&set, &affinity, session), (home, None));
        assert!((0..100).all(|n| start(&set, &affinity, n).0 != home));
    }
}

#[test]
fn when_its_endpoint_is_gone_a_persistent_session_starts_anew() {
    let affinity = affinity(PERSISTENT, false);
    let (home, session) = start(&ready(0..4), &affinity, 1);
    let rest = (0..4).filter(|n| endpoint(*n, 1, Stage::Ready).address != home);
    let rest = ready(rest);
    let (new_home, cookie) = resume(&rest, &affinity, session);
    assert_eq!(resume(&rest, &affinity, cookie.unwrap()), (new_home, None));
}

#[test]
fn a_failure_moves_the_session_only_when_that_is_asked_for() {
    for mode in [BALANCED, PERSISTENT] {
        for change in [false, true] {
            let (set, affinity) = (ready(0..5), affinity(mode, change));
            let (home, session) = start(&set, &affinity, 3);
            let failed = set
                .endpoints()
                .iter()
                .position(|e| e.address == home)
                .unwrap();
            let retry = || set.pick_session(&affinity, Some(session), &random(4), &[failed]);
            let pinned = retry().unwrap();
            assert_ne!(pinned.endpoint, failed);
            assert_eq!(pinned.start.is_some(), change, "{mode:?}");
            if let Some(session) = pinned.start {
                let address = set.endpoints()[pinned.endpoint].address;
                assert_eq!(resume(&set, &affinity, session), (address, None));
            }
        }
    }
}

#[test]
fn where_one_outweighs_all_others_the_rest_still_serves() {
    let endpoints = [
        endpoint(1, 65535, Stage::Ready),
        endpoint(2, 1, Stage::Ready),
    ];
    let set = EndpointSet::new(&endpoints, None);
    let retry = set.pick_session(&affinity(BALANCED, true), None, &random(0), &[0]);
    let expected = Pinned {
        endpoint: 1,
        start: None,
    };
    assert_eq!(retry, Some(expected));
}

fn any_endpoint() -> impl Strategy<Value = Configured> {
    let stage = prop_oneof![3 => Just(Stage::Ready), 1 => Just(Stage::Draining)];
    (0u8..12, 0u16..4, stage).prop_map(|(number, weight, stage)| endpoint(number, weight, stage))
}

proptest! {
    #[test]
    fn nobody_is_picked_twice_and_everybody_who_takes_requests_is_picked(
        endpoints in prop::collection::vec(any_endpoint(), 0..12),
        session in prop::option::of(any::<u64>()),
        named in any::<prop::sample::Index>(),
        persistent: bool,
        change: bool,
        n: u64,
    ) {
        let set = EndpointSet::new(&endpoints, None);
        let affinity = affinity(if persistent { PERSISTENT } else { BALANCED }, change);
        let named = (!set.is_empty()).then(|| Session::of_endpoint(named.get(set.endpoints()).address));
        for session in [None, session.map(Session::new), named] {
            let mut tried = Vec::new();
            while let Some(pinned) = set.pick_session(&affinity, session, &random(n), &tried) {
                prop_assert!(!tried.contains(&pinned.endpoint));
                tried.push(pinned.endpoint);
            }
            prop_assert!(set.candidates.iter().all(|candidate| tried.contains(candidate)));
            // Only a session's own endpoint may serve without taking new requests.
            prop_assert!(tried.len() <= set.candidates.len() + 1);
        }
    }

    #[test]
    fn a_persistent_session_outlives_every_change_but_its_endpoints_end(
        changes in prop::collection::vec(prop::collection::vec(any_endpoint(), 0..12), 1..8),
        n: u64,
    ) {
        let affinity = affinity(PERSISTENT, false);
        let mut set = ready(0..12);
        let (home, session) = start(&set, &affinity, n);
        for endpoints in changes {
            set = EndpointSet::new(&endpoints, Some(&set));
            if set.endpoints().iter().any(|e| e.address == home) {
                prop_assert_eq!(resume(&set, &affinity, session), (home, None));
            }
        }
    }
}
