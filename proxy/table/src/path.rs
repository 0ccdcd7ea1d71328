//! The one normal form of a path, in which rules are kept, requests are matched and forwarded.
//!
//! In it every byte is a legal path character (RFC 3986, section 3.3), escapes are upper case and
//! stand only where they are needed, and there are no dot segments.
//! What is matched is what is forwarded, but for differences that no server sees: repeated slashes
//! count as one, and `%40` is `@`. No path can be allowed in one form and served in another.
//! Escaped slashes and backslashes are never separators. A path that a lenient server could read as
//! another one is refused when that other one would be routed elsewhere, and always when only such
//! a server would see dot segments in it.

use std::borrow::Cow;
use std::fmt;

use crate::lenient::has_hidden_dots;
use crate::text::serde_as_text;

/// A rule's path in normal form; it starts with a slash and holds no empty element but the last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NormalPath(Box<str>);

serde_as_text!(NormalPath);

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It must start with a slash.
    #[error("a path starts with /")]
    NotAbsolute,
    /// `%` must be followed by two hexadecimal digits.
    #[error("% must be followed by two hexadecimal digits; a percent sign itself is %25")]
    BadEscape,
    /// Control characters, also as escapes.
    #[error("control characters have no place in a path")]
    Control,
    /// `?` starts a query and `#` a fragment.
    #[error("a path ends before ? and #")]
    NotAPath,
    /// More `..` than there are elements.
    #[error("it climbs above the root with ..")]
    AboveRoot,
    /// `..;x` and `..%2F` are `..` to some servers.
    #[error(
        "dots beside an escaped separator or a parameter, such as ..%2F or ..;, are read differently by different servers"
    )]
    HiddenDots,
    /// Another route would take it as some servers read it.
    #[error(
        "with its escaped separators or its parameters read as some servers do, it belongs to another route"
    )]
    Ambiguous,
}

impl NormalPath {
    /// The path `/`.
    pub(crate) fn root() -> Self {
        Self("/".into())
    }

    /// A path from a rule: characters that need an escape get one, repeated slashes become one.
    ///
    /// # Errors
    /// When it does not start with a slash or holds what no request can hold.
    pub fn parse(rule: &str) -> Result<Self, PathError> {
        let forwarded = normalize(rule)?;
        Ok(Self(matched_form(&forwarded).into()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for NormalPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl fmt::Display for NormalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a byte of a path means to [`normalize`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Stays as it is.
    Plain,
    /// Starts an escape.
    Percent,
    /// Is escaped.
    Escape,
    /// Is refused.
    Control,
    /// Ends a path.
    End,
}

/// RFC 3986, section 3.3: `pchar` and the slash stay.
const fn class(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => Class::Plain,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => Class::Plain,
        b':' | b'@' | b'/' => Class::Plain,
        b'%' => Class::Percent,
        0..=0x1f | 0x7f => Class::Control,
        b'?' | b'#' => Class::End,
        _ => Class::Escape,
    }
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The form of a path in which it is forwarded: normal, but with repeated slashes kept, because
/// some applications carry a URL in their path. Only the first slash is alone: what follows two is
/// a host to some servers.
///
/// # Errors
/// When no server could be trusted to read the path as we do.
pub fn normalize(raw: &str) -> Result<Cow<'_, str>, PathError> {
    if !raw.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    let mut path = if raw.bytes().all(|byte| class(byte) == Class::Plain) {
        Cow::Borrowed(raw)
    } else {
        Cow::Owned(escape(raw)?)
    };
    if path.contains("/.") && path.split('/').any(is_dots) {
        path = Cow::Owned(resolve_dots(&path)?);
    }
    if has_hidden_dots(&path) {
        return Err(PathError::HiddenDots);
    }
    if path.starts_with("//") {
        path = Cow::Owned(format!("/{}", path.trim_start_matches('/')));
    }
    Ok(path)
}

/// Escapes what must be, unescapes what need not be.
fn escape(raw: &str) -> Result<String, PathError> {
    let mut out = String::with_capacity(raw.len() + 16);
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        match class(byte) {
            Class::Plain => out.push(char::from(byte)),
            Class::Escape => push_escape(&mut out, byte),
            Class::Control => return Err(PathError::Control),
            Class::End => return Err(PathError::NotAPath),
            Class::Percent => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err(PathError::BadEscape);
                };
                match (high * 16 + low) as u8 {
                    plain if is_unreserved(plain) => out.push(char::from(plain)),
                    0..=0x1f | 0x7f => return Err(PathError::Control),
                    other => push_escape(&mut out, other),
                }
            }
        }
    }
    Ok(out)
}

fn push_escape(out: &mut String, byte: u8) {
    out.push('%');
    for digit in [byte >> 4, byte & 15] {
        out.extend(char::from_digit(u32::from(digit), 16).map(|c| c.to_ascii_uppercase()));
    }
}

pub(crate) fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// RFC 3986, section 5.2.4, except that climbing above the root is an error.
fn resolve_dots(path: &str) -> Result<String, PathError> {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop().ok_or(PathError::AboveRoot)?),
            _ => {
                kept.push(segment);
                continue;
            }
        }
        if last {
            kept.push("");
        }
    }
    Ok(format!("/{}", kept.join("/")))
}

/// The form of a forwarded path in which it is matched: repeated slashes count as one, and an escape
/// stands only for what could not stand there itself. An escaped slash or semicolon stays one.
pub fn matched_form(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(c) = rest.chars().next() {
        let (c, length) = needless_escape(rest).map_or((c, c.len_utf8()), |plain| (plain, 3));
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Cow::Owned(out)
}

/// The character at the start of `path`, when it is escaped and need not be.
fn needless_escape(path: &str) -> Option<char> {
    let digits = path.strip_prefix('%')?.get(..2)?;
    let byte = u8::from_str_radix(digits, 16).ok()?;
    let plain = class(byte) == Class::Plain && !matches!(byte, b'/' | b';');
    plain.then_some(char::from(byte))
}

/// A normal path as a regular expression sees it: percent-decoded, except for `%2F`, `%5C`, `%3B` and
/// `%25`, so that a decoded path still says where its elements end.
pub(crate) fn decode(path: &str) -> Cow<'_, [u8]> {
    if !path.contains('%') {
        return Cow::Borrowed(path.as_bytes());
    }
    let mut out = Vec::with_capacity(path.len());
    let mut chunks = path.split('%');
    out.extend(chunks.next().unwrap_or_default().bytes());
    for chunk in chunks {
        let (escape, rest) = chunk.split_at_checked(2).unwrap_or((chunk, ""));
        match u8::from_str_radix(escape, 16) {
            Ok(byte) if !matches!(byte, b'/' | b'\\' | b'%' | b';') => out.push(byte),
            _ => {
                out.push(b'%');
                out.extend(escape.bytes());
            }
        }
        out.extend(rest.bytes());
    }
    Cow::Owned(out)
}

/// The inverse of [`decode`] for a piece of a path, such as a group of a regular expression.
pub(crate) fn encode(piece: &[u8]) -> String {
    let mut out = String::with_capacity(piece.len());
    for byte in piece {
        match class(*byte) {
            Class::Plain | Class::Percent => out.push(char::from(*byte)),
            _ => push_escape(&mut out, *byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lenient::lenient;
    use proptest::prelude::*;

    #[test]
    fn each_path_has_one_normal_form() {
        for (raw, normal) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a/%2e%2E/b", "/b"),
            ("/%7euser/%41", "/~user/A"),
            ("/a%2fb", "/a%2Fb"),
            ("/a\\b", "/a%5Cb"),
            ("/a b", "/a%20b"),
            ("/café", "/caf%C3%A9"),
            ("/{x}", "/%7Bx%7D"),
            ("/a//b", "/a//b"),  // kept for the application, merged for matching
            ("//a//b", "/a//b"), // but a path must not start like a host
            ("/a/..//b", "/b"),
            ("/%40a", "/%40a"), // kept for the application, `@` for matching
            ("/..a/...", "/..a/..."),
            ("/%252e", "/%252e"), // decoded once, never twice
            ("/a;v=1/b", "/a;v=1/b"),
        ] {
            assert_eq!(normalize(raw).as_deref(), Ok(normal), "{raw}");
        }
    }

    #[test]
    fn a_path_that_servers_read_differently_is_refused() {
        for (raw, error) in [
            ("a", PathError::NotAbsolute),
            ("", PathError::NotAbsolute),
            ("*", PathError::NotAbsolute),
            ("/%", PathError::BadEscape),
            ("/%2", PathError::BadEscape),
            ("/%zz", PathError::BadEscape),
            ("/%+1", PathError::BadEscape),
            ("/%00", PathError::Control),
            ("/%0d%0a", PathError::Control),
            ("/a\u{1}", PathError::Control),
            ("/a?b", PathError::NotAPath),
            ("/..", PathError::AboveRoot),
            ("/a/../../b", PathError::AboveRoot),
            ("/a/..;/b", PathError::HiddenDots),
            ("/a/%2e.;x/b", PathError::HiddenDots),
            ("/a/..%3Bx/b", PathError::HiddenDots),
            ("/a%2F..%2Fb", PathError::HiddenDots),
            ("/a\\..\\b", PathError::HiddenDots),
            ("/a/..%2fb", PathError::HiddenDots),
            ("/a;x%2F../b", PathError::HiddenDots),
        ] {
            assert_eq!(normalize(raw).map(Cow::into_owned), Err(error), "{raw}");
        }
    }

    #[test]
    fn what_no_server_tells_apart_is_matched_as_one() {
        for (path, matched) in [
            ("/a/b", "/a/b"),
            ("/a//b///", "/a/b/"),
            ("/%40a%3Ab%2B", "/@a:b+"),
            ("/a%2Fb%3Bc%5Cd%25e%20f", "/a%2Fb%3Bc%5Cd%25e%20f"),
            ("/caf%C3%A9", "/caf%C3%A9"),
        ] {
            assert_eq!(matched_form(path), matched, "{path}");
            assert_eq!(matched_form(matched), matched, "{path}");
        }
        assert_eq!(NormalPath::parse("/%40a//b"), NormalPath::parse("/@a/b"));
    }

    #[test]
    fn a_decoded_path_is_encoded_back() {
        for path in ["/a", "/caf%C3%A9/x%20y", "/a%2Fb%5Cc%25d", "/%7Bx%7D"] {
            assert_eq!(encode(&decode(path)), path);
        }
        assert_eq!(&*decode("/caf%C3%A9"), "/café".as_bytes());
    }

    proptest! {
        #[test]
        fn normalizing_twice_changes_nothing(raw in "/[a-c./%2eEfF;\\\\ é]{0,24}") {
            if let Ok(once) = normalize(&raw) {
                let twice = normalize(&once);
                prop_assert_eq!(twice.as_deref(), Ok(&*once));
                let readings = lenient(&once);
                let all = readings.iter().map(String::as_str).chain([&*once]);
                prop_assert!(!all.flat_map(|path| path.split('/')).any(is_dots));
            }
        }

        #[test]
        fn nothing_panics(raw in ".{0,40}") {
            if let Ok(normal) = normalize(&raw) {
                let _ = (lenient(&normal), matched_form(&normal), encode(&decode(&normal)));
            }
        }
    }
}
