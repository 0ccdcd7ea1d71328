//! Which endpoint takes a request: every policy, in one match.
//!
//! A choice is a function of the endpoints, of what is known of them and of the request; it never
//! waits, allocates, reads a clock or draws its own random numbers, so every policy can be tested
//! without a socket. All policies respect weights, and no endpoint is picked twice for a request.
//! Counts are those of this proxy: across replicas each proxy balances on its own.

mod hash;
mod latency;
#[cfg(test)]
mod tests;
mod turns;

use std::sync::atomic::Ordering;

use portreeve_table::Policy;

pub(crate) use hash::stable_hash;
pub(super) use {hash::mix, latency::Latency, turns::Turns};

use super::endpoint::{Endpoint, EndpointSet};

/// With bounded load, an endpoint may have this much more than its share in flight.
const BOUND: f64 = 1.25;

/// What a choice depends on, beside the endpoints.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Choice {
    /// The [`stable_hash`] of the client's address, or of the text that the policy hashes by.
    pub(crate) hash: u64,
    /// A random number.
    pub(crate) random: u64,
    /// The time, from any start, in microseconds.
    pub(crate) now_micros: u64,
}

impl EndpointSet {
    /// Which endpoint takes this request; `tried` are those that it was already sent to.
    ///
    /// `None` when there is no other left that takes requests.
    pub(crate) fn pick(&self, policy: &Policy, request: &Choice, tried: &[usize]) -> Option<usize> {
        match policy {
            Policy::RoundRobin | Policy::Unknown(_) => self.next_in_turn(tried),
            Policy::LeastConnections => self.least(tried, |endpoint| endpoint.queue(0)),
            Policy::ShortestExpectedDelay => self.least(tried, |endpoint| endpoint.queue(1)),
            Policy::NeverQueue => self.least(tried, |endpoint| match endpoint.state.in_flight() {
                0 => 0.0,
                _ => endpoint.queue(1),
            }),
            Policy::IpHash => self.preferred(request.hash, |index, _| !tried.contains(&index)),
            Policy::Hash(_) => self.preferred_with_room(request.hash, tried),
            Policy::PeakEwma => self.faster_of_two(request, tried),
        }
    }

    /// The next in turn. A second try takes a turn of its own: were it given to the neighbour of
    /// the endpoint that failed, that one would carry the load of two.
    fn next_in_turn(&self, tried: &[usize]) -> Option<usize> {
        let turns = self.turns.from(self.take_turn());
        let mut candidates = turns.filter_map(|position| self.candidates.get(position).copied());
        candidates.find(|index| !tried.contains(index))
    }

    fn take_turn(&self) -> usize {
        self.cursor.fetch_add(1, Ordering::Relaxed)
    }

    /// The endpoint with the lowest cost; equals take turns.
    fn least(&self, tried: &[usize], cost: impl Fn(&Endpoint) -> f64) -> Option<usize> {
        let start = self.turns.from(self.take_turn()).next()?;
        let (before, after) = self.candidates.split_at_checked(start)?;
        let untried = self.untried(after.iter().chain(before), tried);
        let costs = untried.map(|(index, endpoint)| (index, cost(endpoint)));
        costs
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(index, _)| index)
    }

    fn untried<'a>(
        &'a self,
        indices: impl Iterator<Item = &'a usize>,
        tried: &[usize],
    ) -> impl Iterator<Item = (usize, &'a Endpoint)> {
        indices
            .filter(|index| !tried.contains(index))
            .filter_map(|index| Some((*index, self.endpoints().get(*index)?)))
    }

    /// The endpoint that `key` prefers among those that `accepts` takes (rendezvous hashing): when
    /// an endpoint leaves, only its own keys move.
    pub(super) fn preferred(
        &self,
        key: u64,
        accepts: impl Fn(usize, &Endpoint) -> bool,
    ) -> Option<usize> {
        let endpoints = self.untried(self.candidates.iter(), &[]);
        let accepted = endpoints.filter(|(index, endpoint)| accepts(*index, endpoint));
        // Weights cost a logarithm for each endpoint, and most upstreams have none.
        if self.turns.are_even() {
            let ranked = accepted.map(|(i, e)| (hash::preference(key, e.hash), i));
            ranked.max().map(|(_, index)| index)
        } else {
            let ranked = accepted.map(|(i, e)| (e.preference(key), i));
            let best = ranked.max_by(|a, b| a.0.total_cmp(&b.0));
            best.map(|(_, index)| index)
        }
    }

    /// The endpoint that `key` prefers among those that are not too busy (consistent hashing with
    /// bounded loads, Mirrokni et al.).
    fn preferred_with_room(&self, key: u64, tried: &[usize]) -> Option<usize> {
        let untried = |index: usize| !tried.contains(&index);
        let favourite = self.preferred(key, |index, _| untried(index))?;
        // An idle one has room, and nobody else need be asked.
        if self.endpoints().get(favourite)?.state.in_flight() == 0 {
            return Some(favourite);
        }
        let candidates = self.untried(self.candidates.iter(), &[]);
        let (busy, weights) = candidates.fold((0.0, 0.0), |(busy, weights), (_, e)| {
            let in_flight = f64::from(e.state.in_flight());
            (busy + in_flight, weights + f64::from(e.weight))
        });
        let has_room = |endpoint: &Endpoint| {
            let share = busy * f64::from(endpoint.weight) / weights;
            f64::from(endpoint.state.in_flight()) <= (share * BOUND).ceil()
        };
        if self.endpoints().get(favourite).is_some_and(has_room) {
            return Some(favourite);
        }
        let with_room = self.preferred(key, |index, e| untried(index) && has_room(e));
        with_room.or(Some(favourite))
    }

    /// Of two, one drawn by weight and another one drawn evenly, the one that would answer first.
    fn faster_of_two(&self, request: &Choice, tried: &[usize]) -> Option<usize> {
        // Drawn anew for each try, or the neighbour of the endpoint that failed would get it all.
        let random = mix(request.random ^ tried.len() as u64);
        let (low, high) = (random as u32 as usize, (random >> 32) as usize);
        let mut turns = self.turns.from(low);
        let first = turns.find(|position| self.is_untried(*position, tried))?;
        // The other candidates, from a random one on.
        let others = self.candidates.len().saturating_sub(1);
        let start = high.checked_rem(others).unwrap_or(0);
        let mut rest = (0..others).map(|i| (first + 1 + (start + i) % others) % (others + 1));
        let second = rest.find(|position| self.is_untried(*position, tried));
        let (first, second) = (
            self.candidate(first)?,
            second.and_then(|s| self.candidate(s)),
        );
        match second {
            Some(second) if second.1.is_faster(first.1, request.now_micros) => Some(second.0),
            _ => Some(first.0),
        }
    }

    fn candidate(&self, position: usize) -> Option<(usize, &Endpoint)> {
        let index = *self.candidates.get(position)?;
        Some((index, self.endpoints().get(index)?))
    }

    fn is_untried(&self, position: usize, tried: &[usize]) -> bool {
        let index = self.candidates.get(position);
        index.is_some_and(|index| !tried.contains(index))
    }
}

impl Endpoint {
    fn preference(&self, key: u64) -> f64 {
        hash::weighted_preference(key, self.hash, self.weight)
    }

    /// Requests in flight, and `more`, for each unit of weight.
    fn queue(&self, more: u32) -> f64 {
        (f64::from(self.state.in_flight()) + f64::from(more)) / f64::from(self.weight)
    }

    /// Whether a request would be done earlier here than there, as far as can be known.
    ///
    /// An endpoint whose latency is unknown is taken to be as fast as the other one: neither is
    /// a new one flooded for having no bad record, nor does it get no chance to make one.
    fn is_faster(&self, other: &Self, now_micros: u64) -> bool {
        let latency = |endpoint: &Self| endpoint.state.latency(now_micros);
        let (here, there) = latency(self).zip(latency(other)).unwrap_or((1.0, 1.0));
        here * self.queue(1) < there * other.queue(1)
    }
}
