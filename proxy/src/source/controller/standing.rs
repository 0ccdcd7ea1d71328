//! What of the configuration is not served as it was told, for as long as that is so.
//!
//! It outlives sessions: a controller that offers nothing new must still learn of it, and people
//! are told once and not with every endpoint that comes or goes.

use std::collections::BTreeMap;

use portreeve_table::{Rejected, Told};

use super::news::plain;
use super::telling::Telling;
use crate::wiring::say;

/// So many are said at once; the rest is counted, and named in `nack`.
const MANY: usize = 20;

/// What is not served as it was told, by name.
#[derive(Debug, Default)]
pub(super) struct Standing(BTreeMap<Box<str>, Problem>);

#[derive(Debug)]
struct Problem {
    error: String,
    /// Whether what was told is in place all the same; otherwise it is offered in every session.
    is_in_place: bool,
}

impl Standing {
    /// Whether everything is served as it was told.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in what came of a delta; returns what its sender must know.
    ///
    /// In the `first` of a session that is everything that stands, later only what is new.
    pub(super) fn settle(
        &mut self,
        first: bool,
        told: &Telling,
        rejected: Vec<Rejected>,
    ) -> Vec<Told> {
        let before = std::mem::take(&mut self.0);
        for (key, problem) in &before {
            let is_offered_anew = first && !problem.is_in_place;
            if !is_offered_anew && !told.is_about(key) {
                self.add(key.clone(), &problem.error, problem.is_in_place);
            }
        }
        for Told { key, error } in &told.unread {
            let is_in_place = key
                .parse()
                .is_ok_and(|key| told.delta.upsert.contains_key(&key));
            self.add(key.clone(), error, is_in_place);
        }
        for Rejected { key, error } in rejected {
            self.add(key.to_string().into(), &error, true);
        }
        self.say_new(&before);
        let named = self.0.iter();
        let named = named.filter(|(key, _)| first || told.is_about(key));
        let named = named.map(|(key, problem)| Told {
            key: key.clone(),
            error: problem.error.clone(),
        });
        named.collect()
    }

    fn add(&mut self, key: Box<str>, error: &str, is_in_place: bool) {
        let error = plain(error);
        self.0.insert(key, Problem { error, is_in_place });
    }

    fn say_new(&self, before: &BTreeMap<Box<str>, Problem>) {
        let is_new = |key: &str, problem: &Problem| {
            before.get(key).is_none_or(|old| old.error != problem.error)
        };
        let new = self.0.iter().filter(|(key, problem)| is_new(key, problem));
        for (key, problem) in new.clone().take(MANY) {
            let key = plain(key);
            say(format_args!(
                "portreeve-proxy: {key} is rejected: {}",
                problem.error
            ));
        }
        let more = new.count().saturating_sub(MANY);
        if more > 0 {
            say(format_args!(
                "portreeve-proxy: {more} more are rejected; the controller has the list"
            ));
        }
    }
}
