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

use notify::{RecursiveMode, Watcher};
use portreeve_translate::manifest::{self, Limits};
use portreeve_translate::{Diagnostic, Object, Snapshot, translate};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Sink;
use super::tree::{self, Stamp};
use crate::choice::unix_seconds;
use crate::options::{Options, Profile};
use crate::wiring::say;

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
        "{directory:?} (--manifests) cannot be read: {error}; name a directory that holds Kubernetes manifests"
    )]
    Directory {
        /// As it was given.
        directory: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// The kernel does not tell of changes.
    #[error(
        "{directory:?} (--manifests) cannot be watched: {error}; raise fs.inotify.max_user_watches"
    )]
    Watch {
        /// As it was given.
        directory: PathBuf,
        /// What the kernel said.
        error: notify::Error,
    },
}

/// A directory of manifests.
pub(crate) struct Directory {
    root: PathBuf,
    options: portreeve_translate::Options,
    files: BTreeMap<PathBuf, File>,
    said: BTreeSet<String>,
    changed: Arc<Notify>,
    _watcher: notify::RecommendedWatcher,
}

/// What a file said when it was last readable.
struct File {
    /// The version that was read; `None` when it could not be and is to be tried again.
    stamp: Option<Stamp>,
    objects: Vec<Object>,
    diagnostics: Vec<Diagnostic>,
}

impl Directory {
    /// Begins to watch the directory, before it is read for the first time.
    ///
    /// # Errors
    /// When it is not there or cannot be watched.
    pub(crate) fn open(options: &Options) -> Result<Self, SourceError> {
        let root = options.manifests.clone();
        tree::manifests(&root).map_err(|error| SourceError::Directory {
            directory: root.clone(),
            error,
        })?;
        let changed = Arc::new(Notify::new());
        let watcher = watch(&root, Arc::clone(&changed)).map_err(|error| SourceError::Watch {
            directory: root.clone(),
            error,
        })?;
        Ok(Self {
            root,
            options: translate_options(options),
            files: BTreeMap::new(),
            said: BTreeSet::new(),
            changed,
            _watcher: watcher,
        })
    }

    /// Reads what has changed; says whether anything has.
    fn read(&mut self) -> bool {
        // A directory that is gone for a moment, or for good, takes nothing with it.
        let Ok(found) = tree::manifests(&self.root) else {
            return false;
        };
        let before = self.files.len();
        self.files
            .retain(|path, _| found.contains_key(path) || !tree::is_gone(path));
        let mut has_changed = self.files.len() != before;
        for (path, stamp) in found {
            let same = |file: &File| file.stamp == Some(stamp);
            if !self.files.get(&path).is_some_and(same) {
                has_changed = true;
                self.read_file(path, stamp);
            }
        }
        has_changed
    }

    fn read_file(&mut self, path: PathBuf, stamp: Stamp) {
        let last = self.files.remove(&path).map(|file| file.objects);
        let name = path.strip_prefix(&self.root).unwrap_or(&path);
        let name = name.display().to_string();
        let (stamp, read) = match std::fs::read(&path) {
            Ok(bytes) => (Some(stamp), parse(&name, &bytes, last.as_deref())),
            Err(error) => {
                let why = format!("It cannot be read: {error}; see who may read it.");
                (None, Err(Box::new(manifest::unreadable(&name, why))))
            }
        };
        let (objects, diagnostics) =
            read.unwrap_or_else(|unreadable| (last.unwrap_or_default(), vec![*unreadable]));
        let file = File {
            stamp,
            objects,
            diagnostics,
        };
        self.files.insert(path, file);
    }

    /// Translates what the files say and puts it in place.
    fn publish(&mut self, sink: &Sink) {
        self.options.now = unix_seconds();
        let objects = self
            .files
            .values()
            .flat_map(|file| file.objects.iter().cloned());
        let (snapshot, twice) = Snapshot::from_objects(objects);
        let translation = translate(&snapshot, &self.options);
        let rejected = sink.offer(&translation.config);
        let files = self.files.values().flat_map(|file| &file.diagnostics);
        let diagnostics = files.chain(&twice).chain(&translation.diagnostics);
        let said = diagnostics
            .map(ToString::to_string)
            .chain(
                rejected
                    .iter()
                    .map(|r| format!("{} cannot be served: {}", r.key, r.error)),
            )
            .collect();
        self.say(said);
    }

    /// Says what is new, once.
    fn say(&mut self, said: BTreeSet<String>) {
        for new in said.difference(&self.said) {
            say(new);
        }
        self.said = said;
    }
}

/// What a file says.
///
/// # Errors
/// When that cannot be known. Who writes a file in place empties it first, so an empty file does
/// not say that its objects are gone.
fn parse(
    name: &str,
    bytes: &[u8],
    last: Option<&[Object]>,
) -> Result<(Vec<Object>, Vec<Diagnostic>), Box<Diagnostic>> {
    if bytes.trim_ascii().is_empty() && last.is_some_and(|last| !last.is_empty()) {
        let why = "It is empty, so its objects are kept as they were; remove it to remove them.";
        return Err(Box::new(manifest::unreadable(name, why)));
    }
    manifest::parse(name, &String::from_utf8_lossy(bytes), &Limits::default())
}

/// Serves the directory for as long as the process lives.
pub(crate) async fn run(mut directory: Directory, sink: Arc<Sink>) {
    directory.read();
    directory.publish(&sink);
    loop {
        directory.wait().await;
        if directory.read() {
            directory.publish(&sink);
        }
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

fn watch(root: &Path, changed: Arc<Notify>) -> notify::Result<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_access = event.as_ref().is_ok_and(|event| event.kind.is_access());
        if !is_access {
            changed.notify_one();
        }
    })?;
    watcher.watch(root, RecursiveMode::Recursive)?;
    Ok(watcher)
}

fn translate_options(options: &Options) -> portreeve_translate::Options {
    portreeve_translate::Options {
        ingress_classes: options.ingress_class.clone(),
        profile: match options.profile {
            Profile::Standard => portreeve_translate::Profile::Standard,
            Profile::Nginx => portreeve_translate::Profile::Nginx,
        },
        ..portreeve_translate::Options::standalone()
    }
}
