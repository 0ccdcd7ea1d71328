//! What was said, and so what is to be said: pure.

use std::collections::BTreeMap;
use std::time::Duration;

use portreeve_translate::ObjectRef;
use tokio::time::Instant;

use super::board::Posted;
use super::notice::Notice;
use crate::bucket::Bucket;

/// How often something may be said in all: one each, after so many at once.
const ALL: (Duration, u32) = (Duration::from_millis(200), 50);
/// How often something new may be said of one object, as Kubernetes' own components have it.
const OBJECT: (Duration, u32) = (Duration::from_secs(300), 25);
/// How often an Event is continued whose cause stands; the API server forgets it after an hour.
const CONTINUE: Duration = Duration::from_secs(1800);
/// How long an Event is remembered whose cause does not stand any more.
const REMEMBER: Duration = Duration::from_secs(3600);
/// How long to wait after the first failure, and how long at most.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));

/// How to say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saying {
    /// It was not said by this controller: when another has said it, that is enough.
    New,
    /// It was said, so many times if that is known.
    Again(Option<i32>),
}

/// What to do now.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Say this.
    Say(Box<Notice>, Saying),
    /// Nothing before then; `is_much` when it is only for the limits.
    Wait { until: Instant, is_much: bool },
    /// Nothing until something changes.
    Nothing,
}

/// What stands and what was said of it.
#[derive(Debug)]
pub(super) struct Memory {
    notices: BTreeMap<Notice, Said>,
    all: Bucket,
    objects: BTreeMap<ObjectRef, Bucket>,
}

/// What was said of one thing.
#[derive(Clone, Copy, Debug)]
struct Said {
    is_said: bool,
    /// How often, if that is known.
    times: Option<i32>,
    /// Whether it came, or came back, since it was said.
    is_news: bool,
    /// When it is to be said.
    due: Instant,
    failures: u32,
    /// Since when it does not stand any more.
    gone: Option<Instant>,
}

impl Memory {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            notices: BTreeMap::new(),
            all: Bucket::new(ALL.0, ALL.1, now),
            objects: BTreeMap::new(),
        }
    }

    /// Forgets what was said: another may have said more meanwhile.
    pub(super) fn forget(&mut self) {
        self.notices.clear();
    }

    /// Takes what stands now.
    pub(super) fn update(&mut self, posted: &Posted, now: Instant) {
        for (notice, said) in &mut self.notices {
            if !posted.values().any(|notices| notices.contains(notice)) {
                said.gone.get_or_insert(now);
            }
        }
        for notice in posted.values().flat_map(|notices| &**notices) {
            match self.notices.get_mut(notice) {
                Some(said) if said.gone.is_some() => said.comes_back(now),
                Some(_) => {}
                None => drop(self.notices.insert(notice.clone(), Said::new(now))),
            }
        }
        self.notices.retain(|_, said| match said.gone {
            Some(gone) => said.is_said && gone + REMEMBER > now,
            None => true,
        });
        self.objects.retain(|_, bucket| !bucket.is_full(now));
    }

    /// What to say now. What is given is counted as said as far as limits go.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        let standing = self.notices.iter().filter(|(_, said)| said.gone.is_none());
        let when = standing.map(|(notice, said)| {
            let object = self.objects.get(&notice.object).filter(|_| said.is_news);
            let limit = object.map_or(now, Bucket::ready);
            (said.due.max(limit), limit > said.due.max(now), notice)
        });
        let Some((at, is_held, notice)) = when.min_by_key(|(at, ..)| *at) else {
            return Next::Nothing;
        };
        if at > now {
            let (until, is_much) = (at, is_held);
            return Next::Wait { until, is_much };
        }
        let notice = notice.clone();
        if !self.all.take(now) {
            let (until, is_much) = (self.all.ready(), true);
            return Next::Wait { until, is_much };
        }
        self.say(notice, now)
    }

    fn say(&mut self, notice: Notice, now: Instant) -> Next {
        let Some(said) = self.notices.get(&notice) else {
            return Next::Nothing;
        };
        if said.is_news {
            let object = self.objects.entry(notice.object.clone());
            object
                .or_insert_with(|| Bucket::new(OBJECT.0, OBJECT.1, now))
                .take(now);
        }
        let saying = match said.is_said {
            true => Saying::Again(said.times),
            false => Saying::New,
        };
        Next::Say(Box::new(notice), saying)
    }

    /// It was said, so many times with this one if that is known.
    pub(super) fn done(&mut self, notice: &Notice, times: Option<i32>, now: Instant) {
        if let Some(said) = self.notices.get_mut(notice) {
            (said.is_said, said.times, said.is_news, said.failures) = (true, times, false, 0);
            said.due = now + CONTINUE;
        }
    }

    /// It could not be said.
    pub(super) fn failed(&mut self, notice: &Notice, now: Instant) {
        if let Some(said) = self.notices.get_mut(notice) {
            let wait = BACKOFF.0.saturating_mul(1 << said.failures.min(16));
            said.failures += 1;
            said.due = now + wait.min(BACKOFF.1);
        }
    }
}

impl Said {
    fn new(now: Instant) -> Self {
        Self {
            is_said: false,
            times: None,
            is_news: true,
            due: now,
            failures: 0,
            gone: None,
        }
    }

    fn comes_back(&mut self, now: Instant) {
        (self.is_news, self.due, self.gone) = (true, now, None);
    }
}

#[cfg(test)]
mod tests;
