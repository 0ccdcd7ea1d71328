//! A directory of manifests as the source: read, translated by the controller's own translator,
//! and followed.
//!
//! A file that cannot be read keeps what it said last, and only one that is known to be gone takes
//! its objects with it; an object that is wrong harms no other.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portreeve_table::Shared;
use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Diagnostic, Kind, Object, ObjectKey, Snapshot, service, translate};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Sink;
use super::changes::Changes;
use super::root::Root;
use super::tree::{self, Stamp};
use crate::acme::Acme;
use crate::acme::wants::{Standing, Wants};
use crate::choice::unix_seconds;
use crate::options::{Options, Profile};
use portreeve_process::say;

/// How long the directory must be quiet before it is read: editors and tools write in steps.
const QUIET: Duration = Duration::from_millis(30);
/// How long a directory that is never quiet is waited for.
const CEILING: Duration = Duration::from_millis(200);
/// How often the directory is looked at although nothing was heard of it: links that lead out of
/// it are not watched, and the kernel's queue can overflow.
const LOOK: Duration = Duration::from_secs(2);

/// Why a directory cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is not there.
    #[error(
        "{directory:?} ({flag}) cannot be read: {error}; name a directory that holds Kubernetes manifests"
    )]
    Directory {
        /// As it was given.
        directory: PathBuf,
        /// The flag that named it.
        flag: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
    /// The kernel does not tell of changes.
    #[error("{directory:?} ({flag}) cannot be watched: {error}; raise fs.inotify.max_user_watches")]
    Watch {
        /// As it was given.
        directory: PathBuf,
        /// The flag that named it.
        flag: &'static str,
        /// What the kernel said.
        error: notify::Error,
    },
}

/// A directory of manifests, and where there is one the directory of what ACME brings.
pub(crate) struct Directory {
    /// Of two objects with one name, that of the earlier root is taken.
    roots: Vec<Root>,
    options: portreeve_translate::Options,
    /// By the place of their root.
    files: BTreeMap<(usize, PathBuf), File>,
    /// Who is told which certificates are wanted.
    wants: Option<Wants>,
    said: BTreeSet<String>,
    /// Whether any of it is about endpoints.
    is_said_of_slices: bool,
    changed: Arc<Notify>,
    _watcher: notify::RecommendedWatcher,
}

/// What a file said when it was last readable.
#[derive(Default)]
struct File {
    /// The version that was read; `None` when it could not be and is to be tried again.
    stamp: Option<Stamp>,
    objects: Vec<Object>,
    diagnostics: Vec<Diagnostic>,
}

impl Directory {
    /// Begins to watch the directories, before they are read for the first time.
    ///
    /// # Errors
    /// When one is not there or cannot be watched.
    pub(crate) fn open(
        root: &Path,
        options: &Options,
        acme: Option<&Acme>,
    ) -> Result<Self, SourceError> {
        let manifests = Root::manifests(root);
        let roots: Vec<_> = std::iter::once(manifests)
            .chain(acme.map(|acme| Root::acme(&acme.manifests())))
            .collect();
        let changed = Arc::new(Notify::new());
        let mut watcher =
            watcher(Arc::clone(&changed)).map_err(|error| cannot_watch(root, error))?;
        for root in &roots {
            root.watch(&mut watcher)?;
        }
        Ok(Self {
            roots,
            options: translate_options(options, acme),
            files: BTreeMap::new(),
            wants: acme.and_then(Acme::wants),
            said: BTreeSet::new(),
            is_said_of_slices: false,
            changed,
            _watcher: watcher,
        })
    }

    /// Reads what has changed.
    fn read(&mut self) -> Changes {
        let mut changes = Changes::default();
        for place in 0..self.roots.len() {
            self.read_root(place, &mut changes);
        }
        changes
    }

    fn read_root(&mut self, place: usize, changes: &mut Changes) {
        let found = self
            .roots
            .get(place)
            .map(|root| tree::manifests(root.path()));
        // A directory that is gone for a moment, or for good, takes nothing with it.
        let Some(Ok(found)) = found else {
            return;
        };
        let gone = |path: &Path| !found.contains_key(path) && tree::is_gone(path);
        let is_gone = |(of, path): &(usize, PathBuf)| *of == place && gone(path);
        for (_, file) in self.files.extract_if(.., |key, _| is_gone(key)) {
            changes.add_file(&file, &File::default());
        }
        for (path, stamp) in found {
            let same = |file: &File| file.stamp == Some(stamp);
            let key = (place, path);
            if !self.files.get(&key).is_some_and(same) {
                let before = self.files.remove(&key).unwrap_or_default();
                let after = self.read_file(&key, stamp, &before);
                // A file that still cannot be read says nothing new.
                if after.stamp.is_some() || before.diagnostics != after.diagnostics {
                    changes.add_file(&before, &after);
                }
                self.files.insert(key, after);
            }
        }
    }

    fn read_file(&self, (place, path): &(usize, PathBuf), stamp: Stamp, last: &File) -> File {
        let name = self.roots.get(*place).map(|root| root.name(path));
        let name = name.unwrap_or_default();
        let (stamp, read) = match std::fs::read(path) {
            Ok(bytes) => (Some(stamp), parse(&name, &bytes, last)),
            Err(error) => {
                let why = format!("It cannot be read: {error}; see who may read it.");
                (None, Err(Box::new(manifest::unreadable(&name, why))))
            }
        };
        let (objects, diagnostics) =
            read.unwrap_or_else(|unreadable| (last.objects.clone(), vec![*unreadable]));
        File {
            stamp,
            objects,
            diagnostics,
        }
    }

    /// Translates what the files say and puts it in place.
    fn publish(&mut self, changes: &Changes, sink: &Sink) {
        self.options.now = unix_seconds();
        let objects = self
            .files
            .values()
            .flat_map(|file| file.objects.iter().cloned());
        let (snapshot, twice) = Snapshot::from_objects(objects);
        let is_sound = !changes.more && !self.is_said_of_slices && twice.is_empty();
        if is_sound && self.publish_endpoints(&snapshot, changes, sink) {
            return;
        }
        let translation = translate(&snapshot, &self.options);
        let rejected = sink.offer(&translation.config);
        let files = self.files.values().flat_map(|file| &file.diagnostics);
        let diagnostics = files.chain(&twice).chain(&translation.diagnostics);
        self.is_said_of_slices = diagnostics.clone().any(is_of_slice);
        let left = self.wants.as_ref();
        let left = left.map(|wants| wants.tell(&translation.wants, &self.standing()));
        let said = diagnostics
            .map(ToString::to_string)
            .chain(left.into_iter().flatten())
            .chain(
                rejected
                    .iter()
                    .map(|r| format!("{} cannot be served: {}", r.key, r.error)),
            )
            .collect();
        self.say(said);
    }

    /// Puts new endpoints in place and leaves everything else as it is; says whether it could,
    /// which it cannot when there is something to be said about them.
    fn publish_endpoints(&self, snapshot: &Snapshot, changes: &Changes, sink: &Sink) -> bool {
        let mut config = sink.config();
        let targets = service::targets(snapshot, &self.options);
        for (key, upstream) in &mut config.upstreams {
            let service = ObjectKey::new(&key.namespace, &key.service);
            if changes.services.contains(&service) {
                let (new, found) = service::upstream(snapshot, key, &self.options, &targets);
                if !found.is_empty() {
                    return false;
                }
                *upstream = Shared::new(new);
            }
        }
        sink.offer(&config);
        true
    }

    /// The Secrets of each root.
    fn standing(&self) -> Standing {
        let mut standing = Standing::default();
        for ((place, _), file) in &self.files {
            let is_ours = self.roots.get(*place).is_some_and(Root::is_ours);
            standing.add(&file.objects, is_ours);
        }
        standing
    }

    /// Says what is new, once.
    fn say(&mut self, said: BTreeSet<String>) {
        for new in said.difference(&self.said) {
            say(new);
        }
        self.said = said;
    }
}

impl Changes {
    fn add_file(&mut self, before: &File, after: &File) {
        self.add(&before.objects, &after.objects);
        if before.diagnostics != after.diagnostics {
            self.add_more();
        }
    }
}

fn is_of_slice(diagnostic: &Diagnostic) -> bool {
    let object = diagnostic.object.as_ref();
    object.is_some_and(|object| object.kind == Kind::EndpointSlice)
}

/// What a file says.
///
/// # Errors
/// When that cannot be known. Who writes a file in place empties it first, so an empty file does
/// not say that its objects are gone.
fn parse(
    name: &str,
    bytes: &[u8],
    last: &File,
) -> Result<(Vec<Object>, Vec<Diagnostic>), Box<Diagnostic>> {
    if bytes.trim_ascii().is_empty() && !last.objects.is_empty() {
        let why = "It is empty, so its objects are kept as they were; remove it to remove them.";
        return Err(Box::new(manifest::unreadable(name, why)));
    }
    let text = String::from_utf8_lossy(bytes);
    let (mut objects, found) = manifest::parse(name, &text, &Limits::default())?;
    manifest::keep_refused(&mut objects, &found, &last.objects);
    Ok((objects, found))
}

/// Serves the directory for as long as the process lives.
pub(crate) async fn run(mut directory: Directory, sink: Arc<Sink>) {
    let mut changes = directory.read();
    // Even a directory without a manifest is a configuration.
    changes.add_more();
    loop {
        if changes.any {
            directory.publish(&changes, &sink);
        }
        directory.wait().await;
        changes = directory.read();
    }
}

impl Directory {
    /// Waits for a change and then for quiet, but not for ever.
    async fn wait(&self) {
        let heard = tokio::time::timeout(LOOK, self.changed.notified()).await;
        if heard.is_err() {
            return;
        }
        let latest = Instant::now() + CEILING;
        loop {
            let quiet = (Instant::now() + QUIET).min(latest);
            if timeout_at(quiet, self.changed.notified()).await.is_err() || quiet == latest {
                return;
            }
        }
    }
}

fn watcher(changed: Arc<Notify>) -> notify::Result<notify::RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_access = event.as_ref().is_ok_and(|event| event.kind.is_access());
        if !is_access {
            changed.notify_one();
        }
    })
}

fn cannot_watch(root: &Path, error: notify::Error) -> SourceError {
    SourceError::Watch {
        directory: root.into(),
        flag: Root::MANIFESTS,
        error,
    }
}

fn translate_options(options: &Options, acme: Option<&Acme>) -> portreeve_translate::Options {
    let standalone = portreeve_translate::Options {
        ingress_classes: options.ingress_class.clone(),
        profile: match options.profile {
            Profile::Standard => portreeve_translate::Profile::Standard,
            Profile::Nginx => portreeve_translate::Profile::Nginx,
        },
        ..portreeve_translate::Options::standalone()
    };
    match acme {
        Some(acme) => acme.allow(standalone),
        None => standalone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn what_still_cannot_be_read_is_no_change() {
        let root = std::env::temp_dir().join(format!("portreeve-directory-{}", std::process::id()));
        std::fs::create_dir_all(&root).unwrap();
        // Whoever reads this file gets an error, root included.
        std::os::unix::fs::symlink("/proc/self/mem", root.join("a.yaml")).unwrap();
        let flags = ["portreeve-proxy", "--manifests", root.to_str().unwrap()];
        let mut directory = Directory::open(&root, &Options::parse_from(flags), None).unwrap();
        let seen = [directory.read().any, directory.read().any];
        std::fs::remove_file(root.join("a.yaml")).unwrap();
        let gone = directory.read().any;
        std::fs::remove_dir_all(&root).unwrap();
        assert_eq!((seen, gone), ([true, false], true));
    }
}
