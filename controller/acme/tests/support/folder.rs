//! A folder of a test that keeps an issuer's state.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use portreeve_acme::{Directory, DirectoryError, Kept, Record, Store, Want};
use portreeve_table::Secret;
use serde_json::Value;

/// How many folders were made, so that each test has its own.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A folder for a test, taken away when it ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("issuer-{}-{number}", std::process::id());
        Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.0.join("manifests")
    }

    /// What its only record says, as it is written.
    pub(crate) fn record(&self) -> Value {
        let mut files = fs::read_dir(self.0.join("records")).unwrap();
        let text = fs::read_to_string(files.next().unwrap().unwrap().path()).unwrap();
        assert!(files.next().is_none());
        serde_json::from_str(&text).unwrap()
    }

    /// The state in it, as soon as whoever had it has ended.
    pub(crate) async fn open(&self) -> Directory {
        loop {
            match Directory::open(&self.0, "portreeve") {
                Err(DirectoryError::Used(_)) => tokio::task::yield_now().await,
                opened => return opened.unwrap(),
            }
        }
    }

    /// The chain and the key that were put where `want` has them.
    pub(crate) async fn issued(&self, want: &Want) -> (String, Secret<String>) {
        match self.open().await.certificate(&want.secret).await.unwrap() {
            Kept::Ours { chain, key } => (chain, key),
            other => panic!("{other:?}"),
        }
    }

    /// What is kept of `want`.
    pub(crate) async fn record_of(&self, want: &Want) -> Record {
        let kept = self.open().await.record(&want.id()).await.unwrap();
        kept.unwrap().0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
