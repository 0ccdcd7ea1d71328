//! When something is said, said again, and said no more.

use super::*;
use portreeve_translate::Kind;
use std::sync::Arc;

fn notice(name: &str, note: &str) -> Notice {
    let object = ObjectRef {
        kind: Kind::Ingress,
        namespace: "shop".into(),
        name: name.into(),
    };
    Notice::warning(object, None, "Reason", "Action", note)
}

fn posted(notices: impl IntoIterator<Item = Notice>) -> Posted {
    Posted::from([("test", Arc::new(notices.into_iter().collect()))])
}

/// Says all that may be said now, and gives what is next then.
fn drain(memory: &mut Memory, now: Instant) -> (Vec<(Notice, Saying)>, Next) {
    let mut all = Vec::new();
    loop {
        match memory.next(now) {
            Next::Say(notice, saying) => {
                let times = match saying {
                    Saying::New => 1,
                    Saying::Again(times) => times.unwrap() + 1,
                };
                memory.done(&notice, Some(times), now);
                all.push((*notice, saying));
            }
            next => return (all, next),
        }
    }
}

#[test]
fn it_is_said_once_while_it_stands_and_again_when_it_comes_back() {
    let (start, seconds) = (Instant::now(), Duration::from_secs);
    let (one, mut memory) = (notice("web", "a"), Memory::new(start));
    memory.update(&posted([one.clone()]), start);
    let (said, next) = drain(&mut memory, start);
    assert_eq!(said, [(one.clone(), Saying::New)]);
    let until = start + CONTINUE;
    assert_eq!(
        next,
        Next::Wait {
            until,
            is_much: false
        }
    );

    // It stands, goes, and comes back.
    memory.update(&posted([one.clone()]), start + seconds(1));
    assert_eq!(drain(&mut memory, start + seconds(1)).0, []);
    memory.update(&posted([]), start + seconds(2));
    assert_eq!(
        drain(&mut memory, start + seconds(2)),
        (vec![], Next::Nothing)
    );
    memory.update(&posted([one.clone()]), start + seconds(3));
    let again = [(one.clone(), Saying::Again(Some(1)))];
    assert_eq!(drain(&mut memory, start + seconds(3)).0, again);

    // It stands for long, and is kept alive.
    let later = start + seconds(3) + CONTINUE;
    let continued = [(one.clone(), Saying::Again(Some(2)))];
    assert_eq!(drain(&mut memory, later).0, continued);

    // It was away for so long that nobody remembers.
    memory.update(&posted([]), later);
    memory.update(&posted([]), later + REMEMBER);
    memory.update(&posted([one.clone()]), later + REMEMBER);
    assert_eq!(drain(&mut memory, later + REMEMBER).0, [(one, Saying::New)]);
}

#[test]
fn what_could_not_be_said_is_said_later_and_less_and_less_often() {
    let (start, seconds) = (Instant::now(), Duration::from_secs);
    let (one, mut memory) = (notice("web", "a"), Memory::new(start));
    memory.update(&posted([one.clone()]), start);
    let mut now = start;
    for wait in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
        assert_eq!(
            memory.next(now),
            Next::Say(Box::new(one.clone()), Saying::New)
        );
        memory.failed(&one, now);
        now += seconds(wait);
        assert_eq!(
            memory.next(now - seconds(1)),
            Next::Wait {
                until: now,
                is_much: false
            }
        );
    }
    memory.update(&posted([]), now);
    assert_eq!(memory.next(now), Next::Nothing);
}

#[test]
fn of_one_object_little_is_said_and_the_rest_later() {
    let start = Instant::now();
    let mut memory = Memory::new(start);
    let many = (0..40).map(|n| notice("web", &n.to_string()));
    memory.update(&posted(many.chain([notice("zoo", "a")])), start);
    let (said, next) = drain(&mut memory, start);
    assert_eq!(said.len(), 26, "25 of one, and the other's");
    let until = start + OBJECT.0;
    assert_eq!(
        next,
        Next::Wait {
            until,
            is_much: true
        }
    );
    assert_eq!(drain(&mut memory, until).0.len(), 1);
}

#[test]
fn of_all_objects_it_is_said_at_a_rate() {
    let start = Instant::now();
    let mut memory = Memory::new(start);
    let many = (0..200).map(|n| notice(&n.to_string(), "a"));
    memory.update(&posted(many), start);
    let (said, next) = drain(&mut memory, start);
    assert_eq!(said.len(), 50);
    let until = start + ALL.0;
    assert_eq!(
        next,
        Next::Wait {
            until,
            is_much: true
        }
    );
    assert_eq!(
        drain(&mut memory, start + Duration::from_secs(1)).0.len(),
        5
    );
}
