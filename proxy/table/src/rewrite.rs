//! Texts with places for the groups of a regular expression: `/$2`, `https://other.example/$1`.

use std::fmt;
use std::str::FromStr;

use crate::shorten::shorten;
use crate::text::serde_as_text;

/// A text with places for groups.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Template(Box<[Piece]>);

serde_as_text!(Template);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Piece {
    Literal(Box<str>),
    Group(u8),
}

/// Why a text cannot be a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// nginx's variables have no meaning here.
    #[error("${0} is not a group; only $1 to $9 stand for groups of the path's regular expression")]
    Variable(String),
    /// Control characters would end up in a request line or a header field.
    #[error("it holds a control character or a space; write it percent-encoded")]
    Control,
}

impl Template {
    /// The text with `groups` put in; `groups[0]` is the whole match. A missing group is empty.
    pub fn expand(&self, groups: &[&str]) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            text.push_str(match piece {
                Piece::Literal(literal) => literal,
                Piece::Group(n) => groups.get(usize::from(*n)).copied().unwrap_or_default(),
            });
        }
        text
    }

    /// The same as a path, which begins with a slash whatever the groups hold.
    pub fn expand_path(&self, groups: &[&str]) -> String {
        let path = self.expand(groups);
        match path.starts_with('/') {
            true => path,
            false => format!("/{path}"),
        }
    }

    /// The highest group it refers to, 0 when none.
    pub fn highest_group(&self) -> u8 {
        let group = |piece: &Piece| match piece {
            Piece::Literal(_) => 0,
            Piece::Group(n) => *n,
        };
        self.0.iter().map(group).max().unwrap_or(0)
    }

    /// Whether it is a whole URL rather than a path.
    pub fn is_url(&self) -> bool {
        match self.0.first() {
            Some(Piece::Literal(text)) => {
                text.starts_with("http://") || text.starts_with("https://")
            }
            _ => false,
        }
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if text.chars().any(|c| c.is_control() || c == ' ') {
            return Err(TemplateError::Control);
        }
        let mut chunks = text.split('$');
        let mut pieces: Vec<_> = chunks.next().into_iter().filter_map(literal).collect();
        for chunk in chunks {
            let mut rest = chunk.chars();
            match rest.next().and_then(|c| c.to_digit(10)) {
                Some(digit @ 1..=9) => pieces.push(Piece::Group(digit as u8)),
                _ => return Err(TemplateError::Variable(shorten(chunk).into())),
            }
            pieces.extend(literal(rest.as_str()));
        }
        Ok(Self(pieces.into()))
    }
}

fn literal(text: &str) -> Option<Piece> {
    (!text.is_empty()).then(|| Piece::Literal(text.into()))
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(text),
            Piece::Group(n) => write!(f, "${n}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_put_in() {
        for (template, expected) in [
            ("/", "/"),
            ("/$2", "/b"),
            ("/x/$1/y$2", "/x/a/yb"),
            ("/$1$9", "/a"), // a group that is not there is empty
            ("$1", "a"),
        ] {
            let parsed: Template = template.parse().unwrap();
            assert_eq!(parsed.expand(&["/a/b", "a", "b"]), expected, "{template}");
            assert_eq!(parsed.to_string(), template);
        }
    }

    #[test]
    fn a_path_begins_with_one_slash() {
        let template: Template = "$1".parse().unwrap();
        assert_eq!(template.expand_path(&["/x/y", "y"]), "/y");
        assert_eq!(template.expand_path(&["/x/y", "/y"]), "/y");
        assert_eq!(template.expand_path(&["/x/"]), "/");
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in ["/$uri", "/$", "/$0", "/a b", "/a\nb", "/$host"] {
            assert!(text.parse::<Template>().is_err(), "{text:?}");
        }
    }
}
