//! The paths of one host, ready to be asked.
//!
//! Exact paths come first. Then the longest rule wins, where the length is that of the rule's
//! text, regular expressions included; of two as long, the Prefix wins over the expression.
//! Expressions as long as each other are tried in reverse lexical order, as ingress-nginx writes its
//! locations; what is equal then, in the order in which it was given.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::path::decode;
use rustc_hash::FxHashMap;

use crate::regex::{CompiledRegex, PathRegex, RegexError};
use crate::route::PathMatch;

/// An index of path rules; it answers with the rule's number.
///
/// Most hosts have one rule, for everything: it has a place of its own and costs no router.
#[derive(Debug)]
pub struct Paths {
    keys: matchit::Router<usize>,
    /// What the keys lead to.
    slots: Box<[Slot]>,
    /// The rules for everything below the root.
    root: Option<Slot>,
    /// In the order of precedence.
    regexes: Vec<RegexRule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PrefixRule {
    length: usize,
    rule: usize,
}

#[derive(Debug)]
struct RegexRule {
    length: usize,
    regex: CompiledRegex,
    rule: usize,
}

/// The rules that stand under one key of the router, or several.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    /// Exact rules for just this path.
    exact: Vec<usize>,
    /// Prefix rules, the longest text first.
    prefix: Vec<PrefixRule>,
    /// The prefix without its trailing slash; empty for the root.
    base: Box<str>,
}

impl Paths {
    /// Indexes `rules`; those that do not compile are left out and named with their number.
    ///
    /// To compile an expression costs more than all else, so it is first looked for in `known`.
    pub fn new<'a>(
        rules: impl IntoIterator<Item = &'a PathMatch>,
        known: &Known<'_>,
    ) -> (Self, Vec<(usize, RegexError)>) {
        let mut slots: BTreeMap<String, Slot> = BTreeMap::new();
        let mut root = None;
        let mut regexes = Vec::new();
        let mut failed = Vec::new();
        let mut prefixes = Vec::new();
        for (number, rule) in rules.into_iter().enumerate() {
            match rule {
                PathMatch::Exact(path) => {
                    slots
                        .entry(path.as_str().into())
                        .or_default()
                        .exact
                        .push(number);
                }
                PathMatch::Prefix(path) => prefixes.push((number, path.as_str())),
                PathMatch::Regex(regex) => match known.get(regex) {
                    Ok(compiled) => regexes.push((&regex.pattern, number, compiled)),
                    Err(error) => failed.push((number, error)),
                },
            }
        }
        prefixes.sort_by_key(|(_, path)| std::cmp::Reverse(path.len()));
        for (number, path) in prefixes {
            let base = path.strip_suffix('/').unwrap_or(path);
            let rule = PrefixRule {
                length: path.len(),
                rule: number,
            };
            if base.is_empty() {
                root.get_or_insert_with(Slot::default).prefix.push(rule);
                continue;
            }
            for key in [
                base.to_string(),
                format!("{base}/"),
                format!("{base}/{{*rest}}"),
            ] {
                let slot = slots.entry(key).or_default();
                slot.prefix.push(rule);
                slot.base = base.into();
            }
        }
        regexes.sort_by(|(a, ..), (b, ..)| b.len().cmp(&a.len()).then_with(|| b.cmp(a)));
        let (keys, slots) = router(slots);
        let paths = Self {
            keys,
            slots,
            root,
            regexes: regexes
                .into_iter()
                .map(|(pattern, rule, regex)| RegexRule {
                    length: pattern.len(),
                    regex,
                    rule,
                })
                .collect(),
        };
        (paths, failed)
    }

    /// The first rule in order of precedence that takes `path` and that `accepts` takes.
    ///
    /// `path` is in the form in which it is matched: see [`crate::path::matched_form`].
    pub fn find(&self, path: &str, mut accepts: impl FnMut(usize) -> bool) -> Option<usize> {
        let mut slot = self.slot(path);
        let exact = slot.map_or(&[][..], |slot| &slot.exact);
        if let Some(rule) = exact.iter().copied().find(|rule| accepts(*rule)) {
            return Some(rule);
        }
        slot = match slot {
            Some(slot) if slot.prefix.is_empty() => self.shorter(path),
            // A key would have matched if any rule but the root's did.
            other => other.or(self.root.as_ref()),
        };
        let decoded = if self.regexes.is_empty() {
            Cow::Borrowed(&[][..])
        } else {
            decode(path)
        };
        let mut regexes = self.regexes.iter().peekable();
        while let Some(around) = slot {
            for prefix in &around.prefix {
                while let Some(regex) = regexes.next_if(|regex| regex.length > prefix.length) {
                    if regex.regex.is_match(&decoded) && accepts(regex.rule) {
                        return Some(regex.rule);
                    }
                }
                if accepts(prefix.rule) {
                    return Some(prefix.rule);
                }
            }
            slot = self.shorter(&around.base);
        }
        let matching = regexes.filter(|regex| regex.regex.is_match(&decoded));
        let mut matching = matching.map(|regex| regex.rule);
        matching.find(|rule| accepts(*rule))
    }

    /// Every expression with the number of its rule.
    pub fn regexes(&self) -> impl Iterator<Item = (usize, &CompiledRegex)> {
        self.regexes.iter().map(|rule| (rule.rule, &rule.regex))
    }

    /// The expression of rule `number`, when it is one.
    pub fn regex(&self, number: usize) -> Option<&CompiledRegex> {
        let rule = self.regexes.iter().find(|rule| rule.rule == number);
        rule.map(|rule| &rule.regex)
    }

    fn slot(&self, path: &str) -> Option<&Slot> {
        let matched = self.keys.at(path).ok()?;
        self.slots.get(*matched.value)
    }

    /// The longest prefix that holds the parent of `path`.
    fn shorter(&self, path: &str) -> Option<&Slot> {
        let mut path = path;
        loop {
            let (parent, _) = path.rsplit_once('/')?;
            match self.slot(parent) {
                Some(slot) if slot.prefix.is_empty() => path = parent,
                other => return other.or(self.root.as_ref()),
            }
        }
    }
}

/// Expressions that have been compiled before.
#[derive(Debug, Default)]
pub struct Known<'a>(FxHashMap<&'a PathRegex, &'a CompiledRegex>);

impl<'a> FromIterator<(&'a PathRegex, &'a CompiledRegex)> for Known<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a PathRegex, &'a CompiledRegex)>>(known: I) -> Self {
        Self(known.into_iter().collect())
    }
}

impl Known<'_> {
    fn get(&self, regex: &PathRegex) -> Result<CompiledRegex, RegexError> {
        match self.0.get(regex) {
            Some(compiled) => Ok((*compiled).clone()),
            None => regex.compile(),
        }
    }
}

/// The keys of one prefix lead to one slot.
///
/// They are distinct and hold no parameter but the last `{*rest}`, so none can conflict.
fn router(keys: BTreeMap<String, Slot>) -> (matchit::Router<usize>, Box<[Slot]>) {
    let mut router = matchit::Router::new();
    let mut places = BTreeMap::new();
    for (key, slot) in keys {
        let next = places.len();
        let inserted = router.insert(key, *places.entry(slot).or_insert(next));
        debug_assert!(inserted.is_ok(), "{inserted:?}");
    }
    let mut slots: Vec<_> = places.into_iter().collect();
    slots.sort_unstable_by_key(|(_, place)| *place);
    (router, slots.into_iter().map(|(slot, _)| slot).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> PathMatch {
        match text.split_once(' ').unwrap() {
            ("=", path) => PathMatch::Exact(path.parse().unwrap()),
            ("^", path) => PathMatch::Prefix(path.parse().unwrap()),
            ("~", pattern) => PathMatch::Regex(PathRegex {
                pattern: pattern.into(),
                ignore_case: false,
            }),
            _ => panic!("{text}"),
        }
    }

    fn find<'a>(rules: &[&'a str], path: &str) -> Option<&'a str> {
        let parsed: Vec<_> = rules.iter().map(|text| rule(text)).collect();
        let (paths, failed) = Paths::new(&parsed, &Known::default());
        assert_eq!(failed, []);
        paths.find(path, |_| true).map(|number| rules[number])
    }

    #[test]
    fn exact_then_longest() {
        let rules = [
            "^ /",
            "^ /foo",
            "= /foo",
            "^ /foo/bar",
            "~ /foo/[a-z]+/x",
            "~ /f",
        ];
        for (path, expected) in [
            ("/", "^ /"),
            ("/foo", "= /foo"),
            ("/foo/", "^ /foo"),
            ("/foo/barbaz", "^ /foo"),
            ("/foo/bar/baz", "^ /foo/bar"),
            ("/foo/bar/x", "~ /foo/[a-z]+/x"), // the longer text, though a prefix fits too
            ("/fox", "~ /f"),
            ("/x", "^ /"),
        ] {
            assert_eq!(find(&rules, path), Some(expected), "{path}");
        }
    }

    #[test]
    fn a_refused_rule_makes_way_for_the_next_shorter() {
        let parsed = ["^ /", "^ /a", "= /a/b", "^ /a/b/c", "~ /a/b", "= /a/b/c"].map(rule);
        let (paths, _) = Paths::new(&parsed, &Known::default());
        let mut refused = Vec::new();
        while let Some(rule) = paths.find("/a/b/c", |rule| !refused.contains(&rule)) {
            refused.push(rule);
        }
        assert_eq!(refused, [5, 3, 4, 1, 0]);
    }

    #[test]
    fn an_expression_may_stand_between_two_writings_of_one_prefix() {
        let parsed = ["^ /a/", "^ /a", "~ /.*", "~ "].map(rule);
        let (paths, _) = Paths::new(&parsed, &Known::default());
        let mut refused = Vec::new();
        while let Some(rule) = paths.find("/a/b", |rule| !refused.contains(&rule)) {
            refused.push(rule);
        }
        assert_eq!(refused, [0, 2, 1, 3]); // 3, 3, 2 and 0 long
    }

    #[test]
    fn an_exact_rule_does_not_hide_the_prefix_around_it() {
        let parsed = ["^ /", "= /a"].map(rule);
        let (paths, _) = Paths::new(&parsed, &Known::default());
        assert_eq!(paths.find("/a", |rule| rule != 1), Some(0));
        assert_eq!(find(&["= /a/"], "/a"), None);
        assert_eq!(find(&["^ /foo", "^ /foo/"], "/foo"), Some("^ /foo/"));
    }
}
