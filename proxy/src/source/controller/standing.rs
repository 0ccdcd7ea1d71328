//! What of the configuration is not served as it was told, for as long as that is so.
//!
//! It outlives sessions: a controller that offers nothing new must still learn of it, and people
//! are told once and not with every endpoint that comes or goes.

use std::collections::BTreeMap;

use portreeve_table::{Origin, Rejected, Told};

use super::news::plain;
use super::telling::Telling;
use portreeve_process::say;

/// So many are said at once; the rest is counted, and named in `nack`.
const MANY: usize = 20;

/// What is not served as it was told, by name.
#[derive(Debug, Default)]
pub(super) struct Standing(BTreeMap<Box<str>, Problem>);

#[derive(Clone, Debug, Default)]
struct Problem {
    /// Each thing that is wrong, with whose route it is.
    found: Vec<(Option<Origin>, String)>,
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
                self.0.insert(key.clone(), problem.clone());
            }
        }
        for Told { key, origin, error } in &told.unread {
            let is_in_place = key
                .parse()
                .is_ok_and(|key| told.delta.upsert.contains_key(&key));
            self.add(key.clone(), origin.clone(), error, is_in_place);
        }
        for Rejected { key, origin, error } in rejected {
            self.add(key.to_string().into(), origin, &error, true);
        }
        self.say_new(&before);
        let named = self.0.iter();
        let named = named.filter(|(key, _)| first || told.is_about(key));
        let named = named.flat_map(|(key, problem)| {
            problem.found.iter().map(|(origin, error)| Told {
                key: key.clone(),
                origin: origin.clone(),
                error: error.clone(),
            })
        });
        named.collect()
    }

    fn add(&mut self, key: Box<str>, origin: Option<Origin>, error: &str, is_in_place: bool) {
        let problem = self.0.entry(key).or_default();
        let found = (origin, plain(error));
        problem.is_in_place = is_in_place;
        if problem.found.len() < MANY && !problem.found.contains(&found) {
            problem.found.push(found);
        }
    }

    /// Says what is wrong that was not wrong in the same way before.
    fn say_new(&self, before: &BTreeMap<Box<str>, Problem>) {
        let was = |key: &str, found| before.get(key).is_some_and(|old| old.found.contains(found));
        let all = self.0.iter();
        let all =
            all.flat_map(|(key, problem)| problem.found.iter().map(move |found| (key, found)));
        let new = all.filter(|(key, found)| !was(key, found));
        for (key, (_, error)) in new.clone().take(MANY) {
            let key = plain(key);
            say(format_args!("portreeve-proxy: {key} is rejected: {error}"));
        }
        let more = new.count().saturating_sub(MANY);
        if more > 0 {
            say(format_args!(
                "portreeve-proxy: {more} more are rejected; the controller has the list"
            ));
        }
    }
}
