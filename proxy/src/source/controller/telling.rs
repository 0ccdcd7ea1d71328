//! A delta while it is told: in several lines, and nothing of it counts before all of it has come.

use std::collections::BTreeSet;

use portreeve_table::{Delta, Part, ResourceKey, Seq, Told};

/// The most bytes that one delta may take. A configuration that large would not fit into memory;
/// a controller that tells without an end must not fill it.
pub(super) const MOST: usize = 1 << 30;

/// Why what is told makes no delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Disorder {
    #[error("it speaks of delta {1} before {0} is whole")]
    Mixed(u64, u64),
    #[error("it tells of more than {0} bytes at once")]
    TooMuch(usize),
}

/// What has come of a delta.
#[derive(Debug, Default)]
pub(super) struct Telling {
    seq: Option<u64>,
    size: usize,
    pub(super) delta: Delta,
    /// What could not be read, or not as it was meant.
    pub(super) unread: Vec<Told>,
    /// Names of what is gone or unread, whether they can be parsed here or not.
    named: BTreeSet<Box<str>>,
}

impl From<Delta> for Telling {
    fn from(delta: Delta) -> Self {
        Self {
            delta,
            ..Self::default()
        }
    }
}

impl Telling {
    /// Takes in a part, which came in so many bytes.
    pub(super) fn add(&mut self, part: &Part<'_>, size: usize) -> Result<(), Disorder> {
        self.is_of(part.seq)?;
        self.seq = Some(part.seq);
        self.size += size;
        if self.size > MOST {
            return Err(Disorder::TooMuch(MOST));
        }
        let mut unread = part.read(&mut self.delta);
        let unread_names = unread.iter().map(|told| &told.key);
        self.named.extend(unread_names.chain(&part.remove).cloned());
        self.unread.append(&mut unread);
        Ok(())
    }

    /// All of it, when it is said to be whole.
    pub(super) fn whole(&mut self, Seq { seq }: Seq) -> Result<Self, Disorder> {
        self.is_of(seq)?;
        Ok(std::mem::take(self))
    }

    fn is_of(&self, seq: u64) -> Result<(), Disorder> {
        match self.seq {
            Some(begun) if begun != seq => Err(Disorder::Mixed(begun, seq)),
            _ => Ok(()),
        }
    }

    /// Whether a part has come, and not yet all.
    pub(super) fn is_under_way(&self) -> bool {
        self.seq.is_some()
    }

    /// Whether it says anything of the resource of this name.
    pub(super) fn is_about(&self, name: &str) -> bool {
        let is_told = |key: ResourceKey| self.delta.upsert.contains_key(&key);
        self.named.contains(name) || name.parse().is_ok_and(is_told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Part<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn parts_of_two_deltas_make_none() {
        let mut telling = Telling::default();
        telling.add(&part(r#"{"seq":1}"#), 9).unwrap();
        let mixed = telling.add(&part(r#"{"seq":2}"#), 9);
        assert_eq!(mixed, Err(Disorder::Mixed(1, 2)));
        let mixed = telling.whole(Seq { seq: 2 }).map(drop);
        assert_eq!(mixed, Err(Disorder::Mixed(1, 2)));
        assert!(telling.is_under_way());
        telling.whole(Seq { seq: 1 }).unwrap();
        assert!(!telling.is_under_way());
        // An empty one has no parts at all.
        telling.whole(Seq { seq: 2 }).unwrap();
    }

    #[test]
    fn a_delta_without_an_end_is_refused_and_many_small_ones_are_not() {
        let mut telling = Telling::default();
        telling.add(&part(r#"{"seq":1}"#), MOST).unwrap();
        let too_much = telling.add(&part(r#"{"seq":1}"#), 1);
        assert_eq!(too_much, Err(Disorder::TooMuch(MOST)));
        let mut telling = Telling::default();
        for seq in 1..4 {
            let text = format!(r#"{{"seq":{seq}}}"#);
            telling.add(&part(&text), MOST).unwrap();
            telling.whole(Seq { seq }).unwrap();
        }
    }

    #[test]
    fn it_is_about_what_it_names() {
        let mut telling = Telling::default();
        let text = r#"{"seq":1,"remove":["host/a.x","listener/b"],"upsert":{
            "upstream/t/s:80":{"hash":"1","value":{}},"cert/t/c":{"hash":"2","value":{}}}}"#;
        telling.add(&part(text), text.len()).unwrap();
        for name in ["host/a.x", "listener/b", "upstream/t/s:80", "cert/t/c"] {
            assert!(telling.is_about(name), "{name}");
        }
        assert_eq!(telling.unread.len(), 1, "a certificate is more than that");
        assert!(!telling.is_about("host/b.x") && !telling.is_about("listener/c"));
    }
}
