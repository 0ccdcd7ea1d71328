//! What is said of controllers: each thing once, however often it is tried again.

use std::collections::BTreeSet;

use portreeve_process::say;

/// So many different things are remembered; above that it is better to say one twice.
const MANY: usize = 100;

/// What was said since a controller was last followed.
#[derive(Debug, Default)]
pub(super) struct News {
    said: BTreeSet<String>,
}

impl News {
    /// Says what has gone wrong, unless it was said already.
    pub(super) fn tell(&mut self, line: String) {
        if self.is_new(&line) {
            say(format_args!("portreeve-proxy: {line}"));
            self.said.insert(line);
        }
    }

    fn is_new(&mut self, line: &str) -> bool {
        if self.said.len() >= MANY {
            self.said.clear();
        }
        !self.said.contains(line)
    }

    /// A controller was followed: what goes wrong from now on is news.
    pub(super) fn forget(&mut self) {
        self.said.clear();
    }
}

/// A text of somebody else's as it may stand in a log: of one line, and not longer than is read.
pub(super) fn plain(text: &str) -> String {
    const LONGEST: usize = 500;
    let mut plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once_until_it_is_news_again() {
        let mut news = News::default();
        news.tell("a".into());
        assert!(news.is_new("b"));
        assert!(!news.is_new("a"));
        news.forget();
        assert!(news.is_new("a"));
    }

    #[test]
    fn not_everything_is_remembered() {
        let said = (0..MANY).map(|number| number.to_string()).collect();
        let mut news = News { said };
        assert!(news.is_new("one more"));
        assert!(news.is_new("1"), "all are forgotten together");
    }

    #[test]
    fn what_others_say_stays_on_one_line() {
        assert_eq!(plain("a\nb\u{1b}[31m"), "a b [31m");
        assert_eq!(plain(&"é".repeat(1000)).chars().count(), 501);
    }
}
