//! Every policy without a socket: fairness, weights, minimal movement, and who may be picked.

use std::net::{Ipv4Addr, SocketAddr};

use portreeve_table::{Endpoint as Configured, HashKey, Policy, Stage};
use proptest::prelude::*;

use super::hash::mix;
use super::{Choice, stable_hash};
use crate::upstream::endpoint::{EndpointSet, InFlight};

fn policies() -> [Policy; 8] {
    [
        Policy::RoundRobin,
        Policy::LeastConnections,
        Policy::ShortestExpectedDelay,
        Policy::NeverQueue,
        Policy::IpHash,
        hashed(),
        Policy::PeakEwma,
        Policy::Unknown(serde_json::Value::Null),
    ]
}

fn hashed() -> Policy {
    Policy::Hash(HashKey::request_uri())
}

fn address(number: u16) -> SocketAddr {
    (
        Ipv4Addr::new(10, 0, (number >> 8) as u8, number as u8),
        8080,
    )
        .into()
}

fn configured(number: u16, weight: u16, stage: Stage) -> Configured {
    Configured {
        address: address(number),
        weight,
        stage,
    }
}

fn ready(weights: &[u16]) -> EndpointSet {
    let endpoints: Vec<_> = (0..)
        .zip(weights)
        .map(|(number, weight)| configured(number, *weight, Stage::Ready))
        .collect();
    EndpointSet::new(&endpoints, None)
}

/// The `n`th of many different requests.
fn request(n: u64) -> Choice {
    Choice {
        hash: stable_hash(&n.to_le_bytes()),
        random: mix(n),
        now_micros: n * 100,
    }
}

/// How many of `requests` each endpoint gets when all are answered at once.
fn shares(set: &EndpointSet, policy: &Policy, requests: u64) -> Vec<u64> {
    let mut shares = vec![0; set.endpoints().len()];
    for n in 0..requests {
        shares[set.pick(policy, &request(n), &[]).unwrap()] += 1;
    }
    shares
}

/// How many of `requests` each endpoint gets when the last `busy` are always unanswered.
fn shares_while_busy(set: &EndpointSet, policy: &Policy, requests: u64, busy: usize) -> Vec<u64> {
    let mut shares = vec![0; set.endpoints().len()];
    let mut running = std::collections::VecDeque::<InFlight>::new();
    for n in 0..requests {
        if running.len() == busy {
            running.pop_front();
        }
        let picked = set.pick(policy, &request(n), &[]).unwrap();
        running.push_back(set.endpoints()[picked].state.begin());
        shares[picked] += 1;
    }
    shares
}

fn assert_near(shares: &[u64], weights: &[u16], tolerance: f64, what: &Policy) {
    let requests: u64 = shares.iter().sum();
    let total: f64 = weights.iter().copied().map(f64::from).sum();
    for (share, weight) in shares.iter().zip(weights) {
        let due = requests as f64 * f64::from(*weight) / total;
        let off = (*share as f64 - due).abs() / due;
        assert!(off <= tolerance, "{what:?} {weights:?}: {shares:?}");
    }
}

#[test]
fn a_hundred_requests_reach_each_of_ten_endpoints_ten_times() {
    let set = ready(&[1; 10]);
    for _ in 0..3 {
        set.pick(&Policy::RoundRobin, &Choice::default(), &[]);
    }
    assert_eq!(shares(&set, &Policy::RoundRobin, 100), [10; 10]);
}

#[test]
fn round_robin_is_global_over_the_workers() {
    let set = ready(&[1; 10]);
    let worker = || shares(&set, &Policy::RoundRobin, 250);
    let all = std::thread::scope(|scope| {
        let workers = [(); 4].map(|()| scope.spawn(worker));
        workers.map(|worker| worker.join().unwrap())
    });
    for endpoint in 0..10 {
        assert_eq!(all.iter().map(|s| s[endpoint]).sum::<u64>(), 100);
    }
}

#[test]
fn idle_endpoints_share_by_weight_where_the_policy_spreads() {
    for weights in [&[1, 1, 1, 1][..], &[5, 1, 1], &[1, 2, 3, 4], &[300, 100]] {
        let set = ready(weights);
        for (policy, tolerance) in [
            (Policy::RoundRobin, 0.0),
            (Policy::LeastConnections, 0.0),
            (Policy::NeverQueue, 0.0),
            (Policy::IpHash, 0.05),
            (hashed(), 0.05),
        ] {
            let shares = shares(&set, &policy, 42_000);
            assert_near(&shares, weights, tolerance, &policy);
        }
    }
}

#[test]
fn busy_endpoints_share_by_weight() {
    for weights in [&[1, 1, 1, 1][..], &[5, 1, 1], &[1, 2, 3, 4]] {
        let set = ready(weights);
        for (policy, tolerance) in [
            (Policy::RoundRobin, 0.0),
            (Policy::LeastConnections, 0.02),
            (Policy::ShortestExpectedDelay, 0.05),
            (Policy::NeverQueue, 0.05),
            (Policy::IpHash, 0.05),
            (hashed(), 0.10),
            (Policy::PeakEwma, 0.25),
        ] {
            let shares = shares_while_busy(&set, &policy, 42_000, 200);
            assert_near(&shares, weights, tolerance, &policy);
        }
    }
}

#[test]
fn the_one_with_the_fewest_in_flight_is_chosen() {
    let set = ready(&[1, 1, 4]);
    let begin = |index: usize| set.endpoints()[index].state.begin();
    let pick = |policy| set.pick(&policy, &Choice::default(), &[]);
    let _busy = [begin(0), begin(1), begin(2), begin(2)];
    assert_eq!(pick(Policy::LeastConnections), Some(2)); // 1, 1, 2/4
    assert_eq!(pick(Policy::ShortestExpectedDelay), Some(2)); // 2, 2, 3/4
    let _more = [(); 6].map(|()| begin(2));
    assert_ne!(pick(Policy::ShortestExpectedDelay), Some(2)); // 2, 2, 9/4
}

#[test]
fn never_queue_takes_an_idle_endpoint_although_another_would_be_faster() {
    let set = ready(&[1, 100]);
    let _busy = set.endpoints()[1].state.begin();
    for n in 0..10 {
        assert_eq!(set.pick(&Policy::NeverQueue, &request(n), &[]), Some(0));
        let expected = Some(1); // 1/1 against 2/100
        assert_eq!(
            set.pick(&Policy::ShortestExpectedDelay, &request(n), &[]),
            expected
        );
    }
}

#[test]
fn the_slower_endpoint_gets_less() {
    let set = ready(&[1, 1, 1]);
    for (endpoint, millis) in set.endpoints().iter().zip([5, 5, 200]) {
        endpoint.state.observe(millis * 1000, 0);
    }
    let shares = shares(&set, &Policy::PeakEwma, 10_000);
    assert_eq!(shares[2], 0, "{shares:?}");
    let _queue: Vec<_> = (0..100).map(|_| set.endpoints()[0].state.begin()).collect();
    let pick = set.pick(&Policy::PeakEwma, &request(1), &[1]);
    assert_eq!(pick, Some(2), "a long queue is worse than a slow answer");
}

#[test]
fn a_new_endpoint_is_neither_flooded_nor_starved() {
    let set = ready(&[1, 1]);
    set.endpoints()[0].state.observe(1_000, 0);
    let shares = shares_while_busy(&set, &Policy::PeakEwma, 1_000, 20);
    assert_near(&shares, &[1, 1], 0.05, &Policy::PeakEwma);
}

#[test]
fn bounded_load_passes_a_busy_favourite_over_and_comes_back() {
    let set = ready(&[1; 4]);
    let pick = || set.pick(&hashed(), &request(7), &[]).unwrap();
    let favourite = pick();
    let mut running: Vec<_> = (0..40)
        .map(|_| set.endpoints()[pick()].state.begin())
        .collect();
    let counts: Vec<_> = set
        .endpoints()
        .iter()
        .map(|e| e.state.in_flight())
        .collect();
    // One key alone: ceil(1.25 x 10), and one that was let in at the bound.
    assert!(counts.iter().all(|count| *count <= 14), "{counts:?}");
    assert!(counts[favourite] >= 13, "{counts:?}");
    running.clear();
    assert_eq!(pick(), favourite);
}

/// Where each of many keys goes, as addresses.
fn homes(set: &EndpointSet, policy: &Policy) -> Vec<SocketAddr> {
    let home = |n| set.endpoints()[set.pick(policy, &request(n), &[]).unwrap()].address;
    (0..2_000).map(home).collect()
}

#[test]
fn when_an_endpoint_leaves_or_joins_only_its_own_keys_move() {
    for policy in [Policy::IpHash, hashed()] {
        for weight in [1, 3] {
            let all: Vec<_> = (0..12)
                .map(|n| configured(n, if n == 0 { weight } else { 1 }, Stage::Ready))
                .collect();
            let before = homes(&EndpointSet::new(&all, None), &policy);
            for gone in 0..all.len() {
                let mut rest = all.clone();
                let gone = rest.remove(gone).address;
                let after = homes(&EndpointSet::new(&rest, None), &policy);
                let moved = before.iter().zip(&after).filter(|(b, a)| b != a);
                assert!(moved.clone().all(|(before, _)| *before == gone));
                assert!(moved.count() > 0);
            }
        }
    }
}

#[test]
fn what_is_known_survives_a_new_configuration() {
    let one = |number| configured(number, 1, Stage::Ready);
    let old = EndpointSet::new(&[one(1), one(2), one(3)], None);
    let running = old.endpoints()[1].state.begin();
    old.endpoints()[1].state.observe(7_000, 0);
    assert_eq!(
        old.pick(&Policy::RoundRobin, &Choice::default(), &[]),
        Some(0)
    );

    let new = EndpointSet::new(&[one(0), one(2), one(9)], Some(&old));
    let kept = &new.endpoints()[1].state;
    assert_eq!((kept.in_flight(), kept.latency(0)), (1, Some(7_000.0)));
    assert_eq!(new.endpoints()[2].state.latency(0), None);
    assert_eq!(
        new.pick(&Policy::RoundRobin, &Choice::default(), &[]),
        Some(1)
    );
    assert_eq!(
        old.pick(&Policy::RoundRobin, &Choice::default(), &[]),
        Some(2)
    );
    drop(running);
    assert_eq!(new.endpoints()[1].state.in_flight(), 0);
}

#[test]
fn an_address_counts_once() {
    let twice = [
        configured(1, 1, Stage::Ready),
        configured(1, 9, Stage::Ready),
    ];
    let set = EndpointSet::new(&twice, None);
    assert_eq!(set.endpoints().len(), 1);
    assert_eq!(
        EndpointSet::new(&twice, Some(&set)).endpoints()[0].weight,
        1
    );
}

#[test]
fn nobody_takes_requests_when_there_is_nobody() {
    for weights in [&[][..], &[0], &[0, 0, 0]] {
        let set = ready(weights);
        assert_eq!(set.is_empty(), weights.is_empty());
        for policy in policies() {
            assert_eq!(set.pick(&policy, &request(1), &[]), None, "{policy:?}");
        }
    }
}

#[test]
fn when_one_fails_all_others_serve_their_share() {
    for policy in policies() {
        let set = ready(&[1; 5]);
        let mut served = [0; 5];
        for n in 0..20_000 {
            let first = set.pick(&policy, &request(n), &[]).unwrap();
            let server = match first {
                2 => set.pick(&policy, &request(n), &[2]).unwrap(),
                up => up,
            };
            served[server] += 1;
        }
        let others = [served[0], served[1], served[3], served[4]];
        assert_near(&others, &[1; 4], 0.15, &policy);
    }
}

fn any_endpoint() -> impl Strategy<Value = Configured> {
    let weight = prop_oneof![Just(0), Just(1), Just(65535), 1u16..10, any::<u16>()];
    let stage = prop_oneof![3 => Just(Stage::Ready), 1 => Just(Stage::Draining)];
    (0u16..40, weight, stage).prop_map(|(number, weight, stage)| configured(number, weight, stage))
}

fn any_choice() -> impl Strategy<Value = Choice> {
    let fields = (any::<u64>(), any::<u64>(), any::<u64>());
    fields.prop_map(|(hash, random, now_micros)| Choice {
        hash,
        random,
        now_micros,
    })
}

proptest! {
    #[test]
    fn a_request_meets_every_candidate_once_and_nobody_else(
        endpoints in prop::collection::vec(any_endpoint(), 0..24),
        busy in prop::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 0..20),
        choice in any_choice(),
    ) {
        let set = EndpointSet::new(&endpoints, None);
        let _running: Vec<_> = busy.iter().filter(|_| !set.is_empty()).map(|(index, micros)| {
            let endpoint = index.get(set.endpoints());
            endpoint.state.observe(u64::from(*micros), choice.now_micros);
            endpoint.state.begin()
        }).collect();
        let taking = |stage| set.endpoints().iter().filter(move |e| e.weight > 0 && e.stage == stage);
        let ready = taking(Stage::Ready).count();
        let expected = if ready > 0 { ready } else { taking(Stage::Draining).count() };
        for policy in policies() {
            let mut tried = Vec::new();
            while let Some(picked) = set.pick(&policy, &choice, &tried) {
                prop_assert!(!tried.contains(&picked), "{policy:?} picked {picked} twice");
                let endpoint = &set.endpoints()[picked];
                prop_assert!(endpoint.weight > 0);
                prop_assert!(endpoint.stage == Stage::Ready || ready == 0);
                tried.push(picked);
            }
            prop_assert_eq!(tried.len(), expected, "{:?}", policy);
        }
    }

    #[test]
    fn tried_may_be_anything(
        endpoints in prop::collection::vec(any_endpoint(), 0..8),
        tried in prop::collection::vec(any::<usize>(), 0..4),
        choice in any_choice(),
    ) {
        let set = EndpointSet::new(&endpoints, None);
        for policy in policies() {
            set.pick(&policy, &choice, &tried);
        }
    }

    #[test]
    fn requests_in_flight_always_come_back_to_zero(steps in prop::collection::vec((any::<bool>(), 0usize..4), 0..60)) {
        let mut sets = vec![ready(&[1; 4])];
        let mut running = Vec::new();
        for (begin, index) in steps {
            let set = sets.last().unwrap();
            if begin {
                running.push(set.endpoints()[index].state.begin());
            } else if !running.is_empty() {
                running.swap_remove(index % running.len());
            } else {
                let next = EndpointSet::new(&[0, 1, 2, 3].map(|n| configured(n, 1, Stage::Ready)), Some(set));
                sets.push(next);
            }
            let set = sets.last().unwrap();
            let counted: u32 = set.endpoints().iter().map(|e| e.state.in_flight()).sum();
            prop_assert_eq!(counted as usize, running.len());
        }
        running.clear();
        for endpoint in sets.iter().flat_map(EndpointSet::endpoints) {
            prop_assert_eq!(endpoint.state.in_flight(), 0);
        }
    }
}
