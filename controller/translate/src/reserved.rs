//! What the unreadable paths of a host keep from younger Ingresses.
//!
//! A mistake opens nothing: of the requests that an unreadable path may have been meant for, a younger
//! Ingress gets none that it would not get if the path could be read. So an expression keeps all
//! that begins as it does from texts that are not longer than its own, and a path of a misspelt type
//! keeps the Exact path as well.
//! A mistake harms nobody who is older: their paths stand, whatever younger ones reserve.

use std::collections::BTreeMap;

use portreeve_table::{NormalPath, PathMatch, PathRegex};

use crate::beginning::{Beginning, LONGEST, beginnings};
use crate::object::ObjectKey;

/// How long the expression of a route that answers 503 is made at most: proxies compile it.
const GUARD: usize = 256;

/// How many paths inside of a beginning are looked at: of more, it goes before none.
const MANY: usize = 16;

/// The unreadable path for which something is reserved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeper<'a> {
    pub owner: &'a ObjectKey,
    pub path: &'a str,
}

/// What is reserved so far on one host; every path that is asked about is younger.
#[derive(Debug, Default)]
pub(crate) struct Reserved<'a> {
    exact: BTreeMap<NormalPath, Keeper<'a>>,
    /// By how they begin, in the form of [`plain`].
    beginnings: BTreeMap<String, (usize, Keeper<'a>)>,
    /// Those whose routes do not go before every younger path that may reach into them, and how
    /// long the texts are that do.
    unguarded: BTreeMap<String, Keeper<'a>>,
    reach: Option<(usize, usize)>,
    /// How long the readable paths of each beginning are, once something is unreadable.
    standing: Option<BTreeMap<String, (usize, usize)>>,
}

impl<'a> Reserved<'a> {
    /// Begins to note which paths stand, with those that do so far: most hosts have nothing
    /// unreadable, and need not pay for it.
    pub(crate) fn begin<'p>(&mut self, standing: impl Iterator<Item = &'p PathMatch>) {
        if self.standing.is_none() {
            self.standing = Some(BTreeMap::new());
            standing.for_each(|path| self.stands(path));
        }
    }

    /// Notes a path that can be read.
    pub(crate) fn stands(&mut self, path: &PathMatch) {
        let Some(standing) = &mut self.standing else {
            return;
        };
        for begin in begins(path) {
            let length = length(path);
            let (shortest, longest) = standing.entry(begin).or_insert((length, length));
            (*shortest, *longest) = (length.min(*shortest), length.max(*longest));
        }
    }

    /// Keeps one path from younger Ingresses, and says whether an Exact route that answers 503 to it
    /// takes nothing from a path that stands.
    pub(crate) fn keep_exact(&mut self, path: &NormalPath, keeper: Keeper<'a>) -> bool {
        let (plain, own) = (plain(path.as_str()), path.as_str().len());
        self.exact.entry(path.clone()).or_insert(keeper);
        let is_free = self.room(&plain, own, own.saturating_add(1)) > own;
        if !is_free {
            self.leave_open(plain, own, usize::MAX, keeper);
        }
        is_free
    }

    /// Keeps what begins like this from texts of up to `length`, and gives the expression of the
    /// route that answers 503 to it.
    ///
    /// Where a route goes is decided by the length of its text. So the expression is made as long as
    /// the text that could not be read, as far as it then goes before no path that stands already.
    pub(crate) fn keep(
        &mut self,
        begin: &Beginning,
        length: usize,
        keeper: Keeper<'a>,
    ) -> PathRegex {
        let plain = plain(&begin.text);
        let known = self.beginnings.get(&plain);
        if known.is_none_or(|(known, _)| *known < length) {
            self.beginnings.insert(plain.clone(), (length, keeper));
        }
        let own = begin.text.len();
        let room = self.room(&plain, own, length);
        if room < length {
            self.leave_open(plain, room, length, keeper);
        }
        begin.expression(room)
    }

    /// Notes that texts of these lengths would go before the route for a beginning.
    fn leave_open(&mut self, plain: String, from: usize, to: usize, keeper: Keeper<'a>) {
        let (shortest, longest) = self.reach.unwrap_or((from, to));
        self.reach = Some((shortest.min(from), longest.max(to)));
        self.unguarded.entry(plain).or_insert(keeper);
    }

    /// How long the text of a beginning may be made, from its `own` length up to `length`, before it
    /// goes before a path that stands.
    fn room(&self, plain: &str, own: usize, length: usize) -> usize {
        let room = length.min(GUARD);
        let Some(standing) = &self.standing else {
            return room;
        };
        let mut around = prefixes(plain).filter_map(|around| standing.get(around));
        let inside = standing.range(plain.to_string()..);
        let inside = inside.take_while(|(begin, _)| begin.starts_with(plain));
        let inside = inside.take(MANY).map(|(_, (shortest, _))| *shortest);
        let inside: Vec<_> = inside.collect();
        if around.any(|(_, longest)| *longest >= own) || inside.len() == MANY {
            return own;
        }
        let below = inside
            .iter()
            .min()
            .map_or(room, |next| next.saturating_sub(1));
        room.min(below).max(own)
    }

    /// Who keeps a path from the younger Ingress that has it.
    pub(crate) fn keeper(&self, path: &PathMatch) -> Option<Keeper<'a>> {
        if let PathMatch::Exact(path) = path {
            return self.exact.get(path).copied();
        }
        if self.beginnings.is_empty() && self.unguarded.is_empty() {
            return None;
        }
        let length = length(path);
        let inside = |begin: &String| {
            let mut around = prefixes(begin).filter_map(|around| self.beginnings.get(around));
            around.find(|(kept, _)| *kept >= length)
        };
        let begins = begins(path);
        let inside = begins.iter().find_map(inside).map(|(_, keeper)| *keeper);
        inside.or_else(|| self.reached(path, &begins))
    }

    /// Whose unguarded beginning an expression may reach into from around it. What it is asked
    /// for is found at once, so it is rather found too often than too rarely.
    fn reached(&self, path: &PathMatch, begins: &[String]) -> Option<Keeper<'a>> {
        let (shortest, longest) = self.reach?;
        // All that a whole path takes begins as it does, so it is either inside or apart.
        let is_whole = |path: &NormalPath| begins.iter().all(|b| b.len() == path.as_str().len());
        let is_whole = matches!(path, PathMatch::Prefix(path) if is_whole(path));
        if is_whole || !(shortest..=longest).contains(&length(path)) {
            return None;
        }
        begins.iter().find_map(|begin| {
            let (inside, keeper) = self.unguarded.range(begin.clone()..).next()?;
            inside.starts_with(begin.as_str()).then_some(*keeper)
        })
    }
}

/// How what a path takes may begin.
fn begins(path: &PathMatch) -> Vec<String> {
    match path {
        PathMatch::Exact(_) => Vec::new(),
        PathMatch::Prefix(path) => vec![plain(path.as_str())],
        PathMatch::Regex(regex) => {
            let begins = beginnings(&regex.pattern);
            begins.iter().map(|begin| plain(begin)).collect()
        }
    }
}

/// The form in which beginnings are compared: without what has several writings, so that two that
/// may say the same are never taken for different.
fn plain(begin: &str) -> String {
    let same = |c: &char| c.is_ascii() && *c != '%';
    let plain: String = begin.chars().take(LONGEST).take_while(same).collect();
    match plain.is_empty() {
        true => "/".into(),
        false => plain.to_ascii_lowercase(),
    }
}

fn prefixes(text: &str) -> impl Iterator<Item = &str> {
    (1..=text.len()).filter_map(|end| text.get(..end))
}

fn length(path: &PathMatch) -> usize {
    match path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) => path.as_str().len(),
        PathMatch::Regex(regex) => regex.pattern.len(),
    }
}
