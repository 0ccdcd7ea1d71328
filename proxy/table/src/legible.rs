//! What users wrote, made fit to stand in a message.
//!
//! A message is read in a terminal, a log and an Event. No value that it quotes may begin a line
//! there, hide what stands before it or turn around what stands behind it.

/// A text in one line, with everything escaped that is obeyed rather than shown.
pub fn legible(text: impl Into<String>) -> String {
    let text = text.into();
    if !text.contains(is_obeyed) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_obeyed(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// Control characters, and of Unicode's others those that break lines, turn the direction of text
/// or have no width (UAX #9, section 2, and UTS #39, section 3.1).
fn is_obeyed(c: char) -> bool {
    let is_format = matches!(
        c,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    c.is_control() || is_format
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        for (text, shown) in [
            ("a\nb\r\tc", r"a\nb\r\tc"),
            ("\u{1b}[2Kallowed", r"\u{1b}[2Kallowed"),
            ("\u{202e}dewolla", r"\u{202e}dewolla"),
            ("\u{85}\u{2028}", r"\u{85}\u{2028}"),
            ("\"é\" \\ 'ß'", "\"é\" \\ 'ß'"),
        ] {
            assert_eq!(legible(text), shown);
            assert_eq!(legible(shown), shown, "it is escaped once");
        }
    }
}
