//! How an expression begins that cannot be used: the literal text that all its matches begin with.
//!
//! It is read leniently, because it may not be one; what is found may be too short, which closes
//! more, and never too long.

/// The characters that make an expression; a dot also stands in plain paths.
const SPECIAL: [char; 13] = [
    '(', ')', '[', ']', '{', '}', '*', '+', '?', '|', '^', '$', '\\',
];

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
        match c.filter(|c| !c.is_ascii_alphanumeric() && !self.in_class) {
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
            c if SPECIAL.contains(&c) => {}
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
            ("(?i)/a(?=x)", &[""]),
        ] {
            assert_eq!(beginnings(pattern), expected, "{pattern}");
        }
    }
}
