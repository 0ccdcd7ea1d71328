//! What is quoted in a message, cut to what a person reads.
//!
//! A value may be as large as an object and be quoted once for each of its routes.

use std::borrow::Cow;

/// How many characters are quoted at most.
const LONGEST: usize = 100;

/// The beginning of a text, and a sign that there is more.
pub fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => {
            let (begin, _) = text.split_at_checked(end).unwrap_or((text, ""));
            Cow::Owned(format!("{begin}…"))
        }
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_long_is_cut() {
        assert_eq!(shorten("abc"), "abc");
        let cut = shorten(&"é".repeat(1000)).into_owned();
        assert_eq!(cut.chars().count(), LONGEST + 1);
        assert!(cut.ends_with("é…"));
    }
}
