//! The file: what is kept in it, and when.

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
        let folder = std::env::temp_dir().join(format!("portreeve-{name}-{}", std::process::id()));
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
    let key = &loaded.certs.values().next().unwrap().key;
    assert_eq!(*key, Secret::new("key".into()));
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

/// What is kept while nobody looks: the hosts of a configuration that changes.
struct Keeping {
    folder: Folder,
    cache: Cache,
    sink: Arc<Sink>,
}

impl Keeping {
    fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let cache = folder.cache();
        let sink = Sink::new(Arc::default(), crate::metrics::Metrics::new(1));
        let (keeper, kept) = (cache.clone(), Arc::clone(&sink));
        tokio::spawn(async move { keeper.keep(&kept).await });
        Self {
            folder,
            cache,
            sink,
        }
    }

    fn change(&self, host: &str) {
        let config = format!(r#"{{"hosts": {{"{host}": {{"routes": []}}}}}}"#);
        self.sink.offer(&serde_json::from_str(&config).unwrap());
        self.cache.changed();
    }

    fn kept(&self) -> Vec<String> {
        let kept = self.folder.cache().load().unwrap_or_default();
        let hosts = kept.upsert.into_keys();
        hosts.map(|key| key.to_string()).collect()
    }

    /// Time passes as soon as nothing is written any more.
    async fn pass(&self, time: Duration) {
        sleep(time).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_change_is_kept_at_once_and_those_that_follow_together() {
    let keeping = Keeping::new("cache-edges");
    keeping.pass(GATHER * 10).await;
    assert_eq!(keeping.kept(), [""; 0]);
    keeping.change("a.x");
    keeping.pass(Duration::from_millis(1)).await;
    assert_eq!(keeping.kept(), ["host/a.x"]);
    for host in ["b.x", "c.x"] {
        keeping.change(host);
        keeping.pass(GATHER / 3).await;
        assert_eq!(keeping.kept(), ["host/a.x"]);
    }
    keeping.pass(GATHER / 2).await;
    assert_eq!(keeping.kept(), ["host/c.x"]);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_everything_is_kept_and_nothing_twice() {
    let keeping = Keeping::new("cache-end");
    for host in ["a.x", "b.x"] {
        keeping.change(host);
        keeping.cache.finish(&keeping.sink).await;
        assert_eq!(keeping.kept(), [format!("host/{host}")]);
    }
    let file = keeping.folder.0.join(FILE);
    fs::remove_file(&file).unwrap();
    keeping.cache.finish(&keeping.sink).await;
    assert!(!file.exists(), "nothing had changed");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_kept_is_tried_again_at_the_end() {
    let keeping = Keeping::new("cache-again");
    let away = keeping.folder.0.with_extension("away");
    fs::rename(&keeping.folder.0, &away).unwrap();
    keeping.change("a.x");
    keeping.pass(GATHER).await;
    assert!(keeping.cache.state.written.lock().await.problem.is_some());
    fs::rename(&away, &keeping.folder.0).unwrap();
    keeping.cache.finish(&keeping.sink).await;
    assert_eq!(keeping.kept(), ["host/a.x"]);
    assert!(keeping.cache.state.written.lock().await.problem.is_none());
}

#[test]
fn what_was_left_behind_is_not_written_to() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new("cache-left");
    let (new, file) = (folder.0.join("config.jsonl.new"), folder.0.join(FILE));
    fs::write(&new, "").unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).unwrap();
    write(&folder.0, &config()).unwrap();
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let elsewhere = folder.0.join("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    symlink(&elsewhere, &new).unwrap();
    write(&folder.0, &config()).unwrap();
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), "mine");
    assert!(!new.exists());
}
