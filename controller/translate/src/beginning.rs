//! How an expression begins that cannot be used: the literal text that all its matches begin with.
//!
//! It is read leniently, because it may not be one; what is found may be too short, which closes
//! more, and never too long.

use portreeve_table::PathRegex;

/// The characters that make an expression; a dot also stands in plain paths.
const SPECIAL: [char; 13] = [
    '(', ')', '[', ']', '{', '}', '*', '+', '?', '|', '^', '$', '\\',
];

/// How long a beginning is at most, in characters.
pub(crate) const LONGEST: usize = 200;

/// How an expression begins that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    pub text: String,
    pub ignore_case: bool,
}

impl Beginning {
    /// How every path begins.
    pub(crate) fn of_all() -> Self {
        Self {
            text: "/".into(),
            ignore_case: false,
        }
    }

    /// An expression of a length, or of the beginning's own, for what begins like this.
    pub(crate) fn expression(&self, length: usize) -> PathRegex {
        let escape = |c| stands_for_more(c).then_some('\\').into_iter().chain([c]);
        let mut pattern: String = self.text.chars().flat_map(escape).collect();
        if pattern.len() > length {
            let any = |c| if stands_for_more(c) { '.' } else { c };
            pattern = self.text.chars().map(any).collect();
        }
        // An anchor says nothing here but makes the text longer, and so the route go earlier.
        let anchors = "^".repeat(length.saturating_sub(pattern.len()));
        PathRegex {
            pattern: (anchors + &pattern).into(),
            ignore_case: self.ignore_case,
        }
    }
}

fn stands_for_more(c: char) -> bool {
    c == '.' || SPECIAL.contains(&c)
}

pub(crate) fn is_expression(path: &str) -> bool {
    path.contains(SPECIAL)
}

/// How the alternatives of an expression begin, up to their first special characters, without
/// those that no path begins with. An expression whose groups do not end may mean each `|`.
pub(crate) fn beginnings(pattern: &str) -> Vec<String> {
    let mut alternatives = Alternatives::default();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => alternatives.escaped(rest.next()),
            c => alternatives.next(c),
        }
    }
    let open = alternatives.depth > 0 || alternatives.in_class;
    let mut all = alternatives.finish();
    if open {
        all.extend(pattern.split('|').skip(1).flat_map(beginnings));
    }
    all.retain(|begin| begin.is_empty() || begin.starts_with('/'));
    for begin in &mut all {
        if let Some((end, _)) = begin.char_indices().nth(LONGEST) {
            begin.truncate(end);
        }
    }
    all.sort();
    all.dedup();
    all
}

/// Reads an expression, whether it is one or not.
#[derive(Default)]
struct Alternatives {
    before: Vec<String>,
    /// The literal beginning of the one that is being read, and whether that has ended.
    begin: String,
    ended: bool,
    depth: usize,
    in_class: bool,
}

impl Alternatives {
    fn escaped(&mut self, c: Option<char>) {
        let stands = |c: &char| !c.is_ascii_alphanumeric() && !c.is_control();
        match c.filter(stands).filter(|_| !self.in_class) {
            Some(c) => self.literal(c),
            None => self.ended = true,
        }
    }

    fn literal(&mut self, c: char) {
        if !self.ended {
            self.begin.push(c);
        }
    }

    fn next(&mut self, c: char) {
        match c {
            ']' => self.in_class = false,
            _ if self.in_class => {}
            '[' => self.in_class = true,
            '(' => self.depth += 1,
            ')' => self.depth = self.depth.saturating_sub(1),
            '|' if self.depth == 0 => {
                self.before.push(std::mem::take(&mut self.begin));
                self.ended = false;
                return;
            }
            // What it repeats need not be there at all.
            '?' | '*' | '{' if !self.ended => drop(self.begin.pop()),
            '.' => {}
            // It is in no path, so what it was meant to be cannot be told.
            c if c.is_control() || SPECIAL.contains(&c) => {}
            c => return self.literal(c),
        }
        self.ended = true;
    }

    fn finish(mut self) -> Vec<String> {
        self.before.push(self.begin);
        self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_this_is_taken_as_it_is_written() {
        let begin = |text: &str| Beginning {
            text: text.into(),
            ignore_case: true,
        };
        for (length, expected) in [
            (12, r"^^^^/a\.b\|c"),
            (7, "^/a.b.c"),
            (6, "/a.b.c"),
            (0, "/a.b.c"),
        ] {
            let expression = begin("/a.b|c").expression(length);
            assert_eq!(
                (&*expression.pattern, expression.ignore_case),
                (expected, true)
            );
        }
        let compiled = begin("/a.b").expression(9).compile().unwrap();
        assert!(compiled.is_match(b"/A.Bcd") && !compiled.is_match(b"/axb"));
        assert!(!compiled.is_match(b"/x/a.b"));
    }

    #[test]
    fn an_expression_begins_as_its_alternatives_do() {
        for (pattern, expected) in [
            ("/api/v1/(?=x)", &["/api/v1/"][..]),
            ("/api/v(1", &["/api/v"]),
            ("/admin(?!/health)", &["/admin"]),
            ("/s/x|/secret/(?=y)", &["/s/x", "/secret/"]),
            ("/a(b|/c)(?=x)|/d", &["/a", "/d"]),
            ("/a(b|/c", &["/a", "/c"]), // the bracket may be one too many
            (r"/a\|b\.c\d(?=x)", &["/a|b.c"]),
            ("/a.b(?=x)", &["/a"]),
            ("/ab?c(?=x)", &["/a"]),
            ("/ab+(?=x)", &["/ab"]),
            ("/a[|]b|c(?=x)", &["/a"]), // no path begins with c
            ("/(a", &["/"]),
            ("/admin\n(.*)|/b\\\n", &["/admin", "/b"]),
            ("(?i)/a(?=x)", &[""]),
        ] {
            assert_eq!(beginnings(pattern), expected, "{pattern}");
        }
    }
}
