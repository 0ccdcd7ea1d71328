//! From objects to what is published, in two lanes.
//!
//! Endpoints change most often and must not wait for routes: their lane makes only the upstreams
//! of the Services that changed, by the same function that the other lane calls. Both lanes are
//! functions of what is known and of what was published last.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use portreeve_table::Shared;
use portreeve_translate::{
    Kind, Memo, ObjectKey, Options, Snapshot, Translation, service, translate_again,
};

use crate::published::Published;

#[cfg(test)]
mod tests;

/// Translates everything, with what is kept from the last time. `None` when it comes to the same as
/// before.
pub(crate) fn routes(
    memo: &mut Memo,
    last: Option<&Published>,
    snapshot: &Snapshot,
    options: &Options,
    now: SystemTime,
) -> Option<Published> {
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let options = Options {
        now: i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
        ..options.clone()
    };
    let started = Instant::now();
    let translation = translate_again(memo, snapshot, &options);
    publish(last, translation, started.elapsed(), now)
}

/// What the lane of endpoints comes to.
#[derive(Debug, Default)]
pub(crate) struct Update {
    /// What is to be published; `None` when it comes to the same as before.
    pub(crate) published: Option<Published>,
    /// Whether everything must be translated, too: there is something new to be said, or requests
    /// may be sent elsewhere than before.
    pub(crate) needs_routes: bool,
}

/// Makes the upstreams of `services` anew and leaves everything else as it is.
///
/// One that something new has to be said about stays as it is, too: this lane cannot say it.
pub(crate) fn endpoints(
    last: &Published,
    snapshot: &Snapshot,
    services: &BTreeSet<ObjectKey>,
    options: &Options,
    now: SystemTime,
) -> Update {
    let said = &last.translation.diagnostics;
    let targets = service::targets(snapshot, options);
    let mut needs_routes = targets != last.translation.targets;
    let mut config = last.translation.config.clone();
    for (key, upstream) in &mut config.upstreams {
        if services.contains(&ObjectKey::new(&key.namespace, &key.service)) {
            let (new, found) = service::upstream(snapshot, key, options, &targets);
            match found.iter().all(|found| said.contains(found)) {
                true => *upstream = Shared::new(new),
                false => needs_routes = true,
            }
        }
    }
    let translation = Translation {
        config,
        ..last.translation.clone()
    };
    Update {
        published: publish(Some(last), translation, last.took, now),
        needs_routes,
    }
}

/// Whether something is said about endpoints, which their lane cannot take back.
pub(crate) fn is_said_of_slices(published: &Published) -> bool {
    let said = published.translation.diagnostics.iter();
    let mut objects = said.filter_map(|diagnostic| diagnostic.object.as_ref());
    objects.any(|object| object.kind == Kind::EndpointSlice)
}

fn publish(
    last: Option<&Published>,
    translation: Translation,
    took: Duration,
    since: SystemTime,
) -> Option<Published> {
    if last.is_some_and(|last| last.translation == translation) {
        return None;
    }
    Some(Published {
        number: last.map_or(1, |last| last.number + 1),
        since,
        took,
        translation,
    })
}
