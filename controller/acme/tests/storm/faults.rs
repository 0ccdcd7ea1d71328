//! Which requests are answered with a failure: the same of each run, and some of every name set.

use sha2::{Digest, Sha256};

/// How many requests in a hundred fail, beside the one of each name set that always does.
const SHARE: u8 = 2;
/// How many of the first requests of a name set the one that always fails is among.
const FIRST: u8 = 8;

/// A failure instead of an answer; the CA does not see the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Status 500, as ACME says it.
    Internal,
    /// Status 500 from something before the CA that knows no ACME.
    Bare,
    /// Status 429 that asks to be left alone for a second.
    Briefly,
    /// Status 429 that asks to be left alone for half an hour.
    Long,
}

impl Fault {
    /// What becomes of the `nth` request that is about `set`, counted from none.
    pub(crate) fn of(set: &str, nth: usize) -> Option<Self> {
        let [when, ..] = digest(set);
        let [share, kind, ..] = digest(&format!("{set} {nth}"));
        let is_due = usize::from(when % FIRST) == nth || share % 100 < SHARE;
        is_due.then_some(match kind % 4 {
            0 => Self::Internal,
            1 => Self::Bare,
            2 => Self::Briefly,
            _ => Self::Long,
        })
    }

    /// Its status, how many seconds it asks for, and its body.
    pub(crate) fn answer(self) -> (u16, Option<u16>, &'static str) {
        static INTERNAL: &str =
            r#"{"type":"urn:ietf:params:acme:error:serverInternal","detail":"storm"}"#;
        static LIMITED: &str =
            r#"{"type":"urn:ietf:params:acme:error:rateLimited","detail":"storm"}"#;
        match self {
            Self::Internal => (500, None, INTERNAL),
            Self::Bare => (500, None, "<h1>Internal Server Error</h1>"),
            Self::Briefly => (429, Some(1), LIMITED),
            Self::Long => (429, Some(1800), LIMITED),
        }
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}
