//! The last good configuration, kept for a restart without a controller.
//!
//! It holds private keys: it belongs into memory that is never written to a disk, and nobody else
//! may read it. What is in it is served until a controller says what is different.

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portreeve_table::{Config, Delta, Hash, Have, Lines, SCHEMA, ToProxy};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::Sink;
use crate::wiring::say;

/// The file in the folder.
const FILE: &str = "config.jsonl";
/// How long changes are gathered before they are written.
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
    changed: Arc<Notify>,
}

impl Cache {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        let changed = Arc::default();
        Self { folder, changed }
    }

    /// There is something new to keep.
    pub(super) fn changed(&self) {
        self.changed.notify_one();
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

    /// Keeps what changes for as long as the process lives.
    pub(crate) async fn keep(self, sink: Arc<Sink>) {
        let Some(folder) = self.folder else {
            return;
        };
        loop {
            self.changed.notified().await;
            tokio::time::sleep(GATHER).await;
            let (config, folder) = (sink.config(), folder.clone());
            // The file may be large, and this thread has others to serve.
            let written = tokio::task::spawn_blocking(move || write(&folder, &config)).await;
            let written = written.unwrap_or_else(|error| Err(io::Error::other(error)));
            if let Err(error) = written {
                say(format_args!(
                    "portreeve-proxy: the configuration is not kept in --cache: {error}"
                ));
            }
        }
    }
}

fn write(folder: &Path, config: &Config) -> io::Result<()> {
    let (path, new) = (folder.join(FILE), folder.join("config.jsonl.new"));
    let mut open = fs::OpenOptions::new();
    let open = open.write(true).create(true).truncate(true).mode(0o600);
    let mut file = BufWriter::new(open.open(&new)?);
    serde_json::to_writer(&mut file, &Writer::this())?;
    file.write_all(b"\n")?;
    let delta = Delta::between(&Have::new(), config);
    for line in Lines::new(1, &delta, &[]) {
        file.write_all(line.as_bytes())?;
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?;
    // Nobody ever reads half of it.
    fs::rename(new, path)
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
mod tests {
    use super::*;
    use portreeve_table::{Cert, HostPattern, Secret, Shared};

    fn config() -> Config {
        let cert = Shared::new(Cert {
            names: vec![HostPattern::Any],
            chain: "chain".into(),
            key: Secret::new("key".into()),
            not_after: 0,
        });
        Config {
            certs: [("shop/tls".parse().unwrap(), cert)].into(),
            ..Config::default()
        }
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder =
                std::env::temp_dir().join(format!("portreeve-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn cache(&self) -> Cache {
            Cache::new(Some(self.0.clone()))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_was_kept_comes_back_whole() {
        let folder = Folder::new("cache-whole");
        assert!(folder.cache().load().is_none());
        write(&folder.0, &config()).unwrap();
        let loaded = Config::default().apply(folder.cache().load().unwrap());
        assert_eq!(loaded, config());
        let key = loaded.certs.values().next().unwrap().key.expose();
        assert_eq!(key, "key");
    }

    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("cache-mode");
        write(&folder.0, &config()).unwrap();
        let mode = fs::metadata(folder.0.join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_cut_short_is_not_used() {
        let folder = Folder::new("cache-short");
        write(&folder.0, &config()).unwrap();
        let path = folder.0.join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        for end in [0, 1, text.len() / 2, text.len() - 2] {
            fs::write(&path, text.get(..end).unwrap()).unwrap();
            assert!(folder.cache().load().is_none(), "{end}");
        }
    }

    #[test]
    fn what_another_version_kept_is_served_and_asked_for_anew() {
        let folder = Folder::new("cache-version");
        write(&folder.0, &config()).unwrap();
        let path = folder.0.join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        let version = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
        fs::write(&path, text.replacen(version, "\"0.0.0\"", 1)).unwrap();
        let loaded = Config::default().apply(folder.cache().load().unwrap());
        assert_eq!(loaded.certs.len(), 1);
        assert!(!Delta::between(&loaded.have(), &config()).is_empty());
    }
}
