//! What is kept in a directory, for whom, and what is never written.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::staged::{CHALLENGES, ChallengeKind};
use crate::want::Want;

/// A folder of its own for each test, taken away when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("portreeve-acme-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        drop(fs::remove_dir_all(&path));
        Self(path)
    }

    fn open(&self) -> Directory {
        Directory::open(&self.0, "portreeve").unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn want() -> Want {
    let origin = Origin {
        namespace: "shop".into(),
        name: "web".into(),
    };
    Want::new(
        origin,
        "shop/tls".parse().unwrap(),
        ["a.example".parse().unwrap()],
    )
}

fn mark() -> Mark {
    Mark {
        issuer: CaId::new("https://ca.example/dir"),
        names: want().names().to_vec(),
    }
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn staged() -> Staged {
    Staged {
        token: "abc".parse().unwrap(),
        host: "a.example".parse().unwrap(),
        key_authorization: "abc.thumb".into(),
        kind: ChallengeKind::TlsAlpn01,
    }
}

#[tokio::test]
async fn what_is_put_there_is_there_for_the_next_process() {
    let folder = Folder::new("next");
    let (ca, want) = (CaId::new("https://ca.example/dir"), want());
    let (id, record) = (want.id(), Record::new(&want));
    let first = folder.open();
    first.put_account(&ca, &secret("account")).await.unwrap();
    first.put_record(&id, &record, None).await.unwrap();
    first
        .put_certificate(&want.secret, "chain", &secret("key"), &mark())
        .await
        .unwrap();
    drop(first);
    let next = folder.open();
    assert_eq!(next.account(&ca).await.unwrap(), Some(secret("account")));
    assert_eq!(next.account(&CaId::new("other")).await.unwrap(), None);
    assert_eq!(next.records().await.unwrap(), std::slice::from_ref(&id));
    assert_eq!(next.record(&id).await.unwrap().unwrap().0, record);
    let ours = Kept::Ours {
        chain: "chain".into(),
        key: secret("key"),
    };
    assert_eq!(next.certificate(&want.secret).await.unwrap(), ours);
    next.remove_record(&id).await.unwrap();
    next.remove_certificate(&want.secret).await.unwrap();
    assert_eq!(next.record(&id).await.unwrap(), None);
    assert_eq!(next.certificate(&want.secret).await.unwrap(), Kept::Nothing);
}

#[tokio::test]
async fn a_second_process_is_refused_by_name() {
    let folder = Folder::new("second");
    let first = folder.open();
    let refused = Directory::open(&folder.0, "portreeve").unwrap_err();
    assert!(matches!(&refused, DirectoryError::Used(path) if *path == folder.0));
    assert!(refused.to_string().contains(folder.0.to_str().unwrap()));
    drop(first);
    folder.open();
}

#[tokio::test]
async fn whoever_did_not_read_the_last_writing_writes_nothing() {
    let folder = Folder::new("conflict");
    let (directory, want) = (folder.open(), want());
    let (id, mut record) = (want.id(), Record::new(&want));
    let first = directory.put_record(&id, &record, None).await.unwrap();
    record.issued.push(jiff::Timestamp::UNIX_EPOCH);
    directory
        .put_record(&id, &record, Some(&first))
        .await
        .unwrap();
    record.issued.clear();
    for stale in [None, Some(&first)] {
        let refused = directory.put_record(&id, &record, stale).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
    }
    assert_eq!(
        directory.record(&id).await.unwrap().unwrap().0.issued.len(),
        1
    );
}

#[tokio::test]
async fn nobody_else_reads_anything_and_nothing_is_left_half() {
    let folder = Folder::new("modes");
    let (directory, want) = (folder.open(), want());
    // What a crash left may be readable by everybody.
    let left = folder.0.join("records/.incoming");
    fs::write(&left, "half").unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o644)).unwrap();
    directory
        .put_account(&CaId::new("ca"), &secret("account"))
        .await
        .unwrap();
    directory
        .put_record(&want.id(), &Record::new(&want), None)
        .await
        .unwrap();
    directory
        .put_certificate(&want.secret, "chain", &secret("key"), &mark())
        .await
        .unwrap();
    directory
        .put_challenges(&want.id(), &want.origin, &[staged()])
        .await
        .unwrap();
    assert!(!left.exists());
    let mut seen = 0;
    let mut open = vec![folder.0.clone()];
    while let Some(path) = open.pop() {
        let file = fs::metadata(&path).unwrap();
        let mode = if file.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(file.permissions().mode() & 0o777, mode, "{path:?}");
        seen += 1;
        if file.is_dir() {
            open.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    assert_eq!(seen, 9, "four folders, the lock and four files");
}

#[tokio::test]
async fn what_does_not_bear_our_mark_is_never_written() {
    let folder = Folder::new("foreign");
    let (directory, want) = (folder.open(), want());
    let path = folder.0.join("manifests/certificate.shop.tls.json");
    for foreign in [
        "{}",
        "not JSON",
        r#"{"apiVersion":"v1","kind":"Secret","metadata":{}}"#,
    ] {
        fs::write(&path, foreign).unwrap();
        assert_eq!(
            directory.certificate(&want.secret).await.unwrap(),
            Kept::Foreign
        );
        let put = directory
            .put_certificate(&want.secret, "c", &secret("k"), &mark())
            .await;
        assert!(matches!(put, Err(StoreError::Foreign(_))), "{put:?}");
        let removed = directory.remove_certificate(&want.secret).await;
        assert!(
            matches!(removed, Err(StoreError::Foreign(_))),
            "{removed:?}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), foreign);
    }
}

#[tokio::test]
async fn challenges_are_a_secret_of_their_type_until_they_are_taken_away() {
    let folder = Folder::new("challenges");
    let (directory, want) = (folder.open(), want());
    let path = directory.challenges_path(&want.id());
    directory
        .put_challenges(&want.id(), &want.origin, &[staged()])
        .await
        .unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["type"], "portreeve.dev/acme-challenge");
    assert_eq!(manifest["metadata"]["namespace"], "portreeve");
    let list: Manifest = serde_json::from_str(&text).unwrap();
    let list: serde_json::Value = serde_json::from_str(&list.entry(CHALLENGES).unwrap()).unwrap();
    let expected = serde_json::json!([{
        "token": "abc",
        "host": "a.example",
        "keyAuthorization": "abc.thumb",
        "kind": "tls-alpn-01",
        "ingress": {"namespace": "shop", "name": "web"},
    }]);
    assert_eq!(list, expected);
    for _ in 0..2 {
        directory
            .put_challenges(&want.id(), &want.origin, &[])
            .await
            .unwrap();
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn no_name_leads_out_of_the_directory() {
    let folder = Folder::new("names");
    let directory = folder.open();
    for (namespace, name) in [
        ("..", "a"),
        ("a", "../b"),
        ("a/b", "c"),
        ("", "a"),
        ("a.b", "c"),
    ] {
        let key = CertKey {
            namespace: namespace.into(),
            secret: name.into(),
        };
        let put = directory
            .put_certificate(&key, "c", &secret("k"), &mark())
            .await;
        assert!(put.is_err(), "{key}");
    }
}

#[tokio::test]
async fn what_is_damaged_is_said_without_what_is_in_it() {
    let folder = Folder::new("damaged");
    let (directory, want) = (folder.open(), want());
    fs::write(
        directory.record_path(&want.id()),
        r#"{"pending":{"key":"hunter2""#,
    )
    .unwrap();
    let error = directory.record(&want.id()).await.unwrap_err().to_string();
    assert!(error.contains(want.id().as_str()), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}
