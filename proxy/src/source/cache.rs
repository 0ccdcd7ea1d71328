//! The last good configuration, kept for a restart without a controller.
//!
//! It holds private keys: it belongs into memory that is never written to a disk, and nobody else
//! may read it. What is in it is served until a controller says what is different.

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portreeve_table::{Config, Delta, Hash, Have, Lines, SCHEMA, ToProxy};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};
use tokio::time::sleep;

use super::Sink;
use portreeve_process::say;

/// The file in the folder.
const FILE: &str = "config.jsonl";
/// How long changes are gathered after one was written.
const GATHER: Duration = Duration::from_secs(5);

/// The first line: who wrote the others.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Writer {
    version: String,
    schema: u32,
}

impl Writer {
    fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            schema: SCHEMA,
        }
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("it ends before it is whole")]
    CutShort,
}

/// Where the configuration is kept; nowhere, when nobody said where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    changed: Notify,
    /// How many configurations there were.
    count: AtomicU64,
    /// Held while the file is written.
    written: Mutex<Written>,
}

/// What is in the file.
#[derive(Debug, Default)]
struct Written {
    /// How many configurations there had been.
    count: u64,
    /// Why it could not be written when that was last tried.
    problem: Option<String>,
}

impl Cache {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        let state = Arc::default();
        Self { folder, state }
    }

    /// There is something new to keep.
    pub(super) fn changed(&self) {
        self.state.count.fetch_add(1, Ordering::Relaxed);
        self.state.changed.notify_one();
    }

    /// What was kept; `None` when there is nothing, or nothing that can be used.
    pub(crate) fn load(&self) -> Option<Delta> {
        let path = self.folder.as_ref()?.join(FILE);
        match load(&path) {
            Ok(delta) => Some(delta),
            Err(CacheError::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                say(format_args!(
                    "portreeve-proxy: {path:?} (--cache) is not used: {error}"
                ));
                None
            }
        }
    }

    /// Keeps what changes for as long as the process lives: the first change at once, and what
    /// follows it closely together.
    pub(super) async fn keep(&self, sink: &Sink) {
        loop {
            self.state.changed.notified().await;
            self.write(sink).await;
            sleep(GATHER).await;
        }
    }

    /// Keeps what was not written yet, before the process ends.
    pub(crate) async fn finish(&self, sink: &Sink) {
        self.write(sink).await;
    }

    async fn write(&self, sink: &Sink) {
        let Some(folder) = self.folder.clone() else {
            return;
        };
        let mut written = self.state.written.lock().await;
        let count = self.state.count.load(Ordering::Relaxed);
        if written.count == count {
            return;
        }
        let (config, name) = (sink.config(), folder.display().to_string());
        // The file may be large, and this thread has others to serve.
        let done = tokio::task::spawn_blocking(move || write(&folder, &config)).await;
        match done.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => {
                let problem = None;
                *written = Written { count, problem };
            }
            Err(error) => written.say(format!("{name:?} (--cache): {error}")),
        }
    }
}

impl Written {
    /// Says why nothing is kept, once.
    fn say(&mut self, problem: String) {
        if self.problem.as_ref() != Some(&problem) {
            say(format_args!(
                "portreeve-proxy: the configuration is not kept in {problem}"
            ));
        }
        self.problem = Some(problem);
    }
}

fn write(folder: &Path, config: &Config) -> io::Result<()> {
    let (path, new) = (folder.join(FILE), folder.join("config.jsonl.new"));
    // What an earlier process left there may be somebody else's to read.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Nobody ever reads half of it.
    let written = write_new(&new, config).and_then(|()| fs::rename(&new, path));
    written.inspect_err(|_| drop(fs::remove_file(&new)))
}

fn write_new(new: &Path, config: &Config) -> io::Result<()> {
    let mut open = fs::OpenOptions::new();
    let open = open.write(true).create_new(true).mode(0o600);
    let mut file = BufWriter::new(open.open(new)?);
    serde_json::to_writer(&mut file, &Writer::this())?;
    file.write_all(b"\n")?;
    let delta = Delta::between(&Have::new(), config);
    for line in Lines::new(1, &delta, &[]) {
        file.write_all(line.as_bytes())?;
    }
    file.flush()
}

fn load(path: &Path) -> Result<Delta, CacheError> {
    let mut lines = BufReader::new(fs::File::open(path)?).lines();
    let first = lines.next().ok_or(CacheError::CutShort)??;
    let is_ours = serde_json::from_str::<Writer>(&first)? == Writer::this();
    let mut delta = Delta::default();
    for line in lines {
        let line = line?;
        let message: ToProxy<'_> = serde_json::from_str(&line)?;
        if message.synced.is_some() {
            return Ok(delta);
        }
        let Some(mut part) = message.delta else {
            continue;
        };
        if !is_ours {
            // Another version may have read less of it than we can, or more: it is asked for anew.
            part.upsert
                .values_mut()
                .for_each(|sent| sent.hash = Hash(0));
        }
        part.read(&mut delta);
    }
    Err(CacheError::CutShort)
}

#[cfg(test)]
mod tests;
