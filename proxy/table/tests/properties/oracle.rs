//! The index answers as the naive matcher does.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use portreeve_table::{
    CompiledRegex, Config, PathError, PathMatch, PathRegex, Table, lenient, normalize,
};
use proptest::prelude::*;

use super::given::{self, Request};
use super::naive;

#[test]
fn the_naive_matcher_is_small_enough_to_be_right() {
    let lines = include_str!("naive.rs").lines().count();
    assert!(lines <= 80, "{lines} lines");
}

/// Expressions take long to compile, and there are few.
#[derive(Default)]
struct Expressions(RefCell<HashMap<(Box<str>, bool), CompiledRegex>>);

impl Expressions {
    fn is_match(&self, regex: &PathRegex, path: &[u8]) -> bool {
        let mut compiled = self.0.borrow_mut();
        let key = (regex.pattern.clone(), regex.ignore_case);
        let compiled = compiled
            .entry(key)
            .or_insert_with(|| regex.compile().unwrap());
        compiled.is_match(path)
    }
}

/// How often each outcome was seen: a comparison that never finds a route would show nothing.
#[derive(Default)]
struct Seen {
    found: Cell<u32>,
    missed: Cell<u32>,
    ambiguous: Cell<u32>,
    refused: Cell<u32>,
}

fn count(outcome: &Cell<u32>) {
    outcome.set(outcome.get() + 1);
}

#[test]
fn a_hundred_thousand_requests_are_routed_as_the_naive_matcher_routes_them() {
    let (expressions, seen) = (Expressions::default(), Seen::default());
    let cases = (given::config(), prop::collection::vec(given::request(), 60));
    let ran = given::runner(2_000).run(&cases, |(config, requests)| {
        let (table, rejected) = Table::compile(&config, &Table::default(), |_, _| ());
        prop_assert_eq!(rejected, []);
        requests
            .iter()
            .try_for_each(|request| agree(&config, &table, request, &expressions, &seen))
    });
    if let Err(smallest) = ran {
        panic!("{smallest}");
    }
    let [found, missed, ambiguous, refused] =
        [seen.found, seen.missed, seen.ambiguous, seen.refused].map(Cell::into_inner);
    assert!(
        found + missed + ambiguous >= 100_000,
        "{found} {missed} {ambiguous} {refused}"
    );
    assert!(found > 25_000 && missed > 10_000, "{found} {missed}");
    assert!(
        ambiguous > 1_000 && refused > 1_000,
        "{ambiguous} {refused}"
    );
}

fn agree(
    config: &Config,
    table: &Table<()>,
    request: &Request,
    expressions: &Expressions,
    seen: &Seen,
) -> Result<(), TestCaseError> {
    let Ok(path) = normalize(&request.path) else {
        count(&seen.refused);
        return Ok(());
    };
    let naively = |path: &str| {
        let regex = |regex: &PathRegex, path: &[u8]| expressions.is_match(regex, path);
        let route = naive::route(config, &request.target(path), &regex);
        route.map(|route| &*route.rule)
    };
    let expected = naively(&path);
    let read_alike = lenient(&path)
        .iter()
        .all(|reading| naively(reading) == expected);
    let found = table.route(&request.target(&path));
    if let Ok(Some(matched)) = &found
        && let PathMatch::Regex(regex) = &matched.route.path
    {
        let (groups, shape) = (matched.groups(&path), regex.check().unwrap());
        prop_assert_eq!(groups.len(), shape.groups + 1, "{} was matched", path);
    }
    let found = found.map(|matched| matched.map(|matched| &*matched.route.rule));
    count(match found {
        Err(_) => &seen.ambiguous,
        Ok(Some(_)) => &seen.found,
        Ok(None) => &seen.missed,
    });
    let expected = if read_alike {
        Ok(expected)
    } else {
        Err(PathError::Ambiguous)
    };
    prop_assert_eq!(found, expected, "{} {}", request.host, path);
    Ok(())
}

#[test]
fn groups_are_taken_from_the_text_that_was_matched() {
    let regex = PathRegex {
        pattern: "/a/b(/|$)(.*)".into(),
        ignore_case: false,
    };
    let config = given::config_of(PathMatch::Regex(regex));
    let (table, _) = Table::compile(&config, &Table::default(), |_, _| ());
    for (path, groups) in [
        ("/a/b/c/d", ["/a/b/c/d", "/", "c/d"]),
        ("/a//b//c", ["/a/b/c", "/", "c"]),
        (
            "/%61/b/%40x%2Fy%3Bz",
            ["/a/b/@x%2Fy%3Bz", "/", "@x%2Fy%3Bz"],
        ),
    ] {
        let request = given::plain_request(path);
        let path = normalize(path).unwrap();
        let matched = table.route(&request.target(&path)).unwrap().unwrap();
        assert_eq!(matched.groups(&path), groups);
    }
}
