//! More than one CA: one that is tried first, and one of last resort.

use portreeve_acme::{CaSettings, Failing, FailureKind, Phase, Policy, Want};

use super::support::door::Door;
use super::support::folder::Folder;
use super::support::https::Https;
use super::support::pebble::{Pebble, Setup, common_name, issuers};
use super::support::process::free;
use super::support::running::{Clock, Running, is_issued};
use super::{issued, shop};

/// Whoever gets `want` from `first`, and from whom else `change` says.
async fn start(
    folder: &Folder,
    door: &Door,
    cas: &[&CaSettings],
    change: impl FnOnce(&mut Policy),
    want: &Want,
) -> Running {
    let mut policy = Policy::new(cas[0].id.clone());
    change(&mut policy);
    let cas = cas.iter().map(|&settings| settings.clone()).collect();
    let wanted = vec![want.clone()];
    Running::start(
        folder,
        door.clone(),
        (cas, policy),
        wanted,
        Clock::default(),
    )
    .await
}

/// Whether the certificate that is kept leads to a root of `pebble`.
async fn is_from(folder: &Folder, want: &Want, pebble: &Pebble) -> bool {
    let (chain, _) = folder.issued(want).await;
    let root = Https::new(&pebble.root).get(&pebble.root_url(0)).await;
    issuers(&chain).contains(&common_name(&root))
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_certificate_is_tried_at_staging_first_and_that_one_is_not_kept() {
    let (folder, want) = (Folder::new(), shop());
    let (door, port) = Door::open(&folder.manifests()).await;
    let staging = Pebble::start(&Setup::new([port, port])).await;
    let production = Pebble::start(&Setup::new([port, port])).await;
    let [first, then] = [&production, &staging].map(Pebble::settings);
    let trying = |policy: &mut Policy| policy.staging = Some(then.id.clone());
    let mut running = start(&folder, &door, &[&first, &then], trying, &want).await;
    let ordering = Phase::Ordering(first.id.clone());
    running.until(|status| status.phase == ordering).await;
    // The certificate of staging was issued now, or production would not be asked.
    let manifests = folder.manifests();
    let kept = manifests.join("certificate.shop.tls.json");
    assert!(manifests.exists() && !kept.exists());
    running.until(is_issued).await;
    running.stop().await;
    assert_eq!(issued(&folder, &want).await.names, want.names());
    assert!(is_from(&folder, &want, &production).await);
    assert!(!is_from(&folder, &want, &staging).await);
    let record = folder.record_of(&want).await;
    let ordered: Vec<_> = record.ordered.iter().map(|order| &order.ca).collect();
    assert_eq!(ordered, [&then.id, &first.id]);
    assert_eq!(record.proven, Some(then.id));
    assert_eq!(record.issuer, Some(first.id));
    assert_eq!(record.issued.len(), 1);
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn what_staging_cannot_prove_is_not_ordered_elsewhere() {
    let (folder, want) = (Folder::new(), shop());
    let (door, port) = Door::open(&folder.manifests()).await;
    let nowhere = free().port();
    let staging = Pebble::start(&Setup::new([nowhere, nowhere])).await;
    let production = Pebble::start(&Setup::new([port, port])).await;
    let [first, then] = [&production, &staging].map(Pebble::settings);
    let trying = |policy: &mut Policy| policy.staging = Some(then.id.clone());
    let mut running = start(&folder, &door, &[&first, &then], trying, &want).await;
    let is_failed = |failing: &Failing| failing.last.kind == FailureKind::Challenge;
    running
        .until(|status| status.failing.as_ref().is_some_and(is_failed))
        .await;
    running.quiet().await;
    running.stop().await;
    let record = folder.record_of(&want).await;
    let ordered: Vec<_> = record.ordered.iter().map(|order| &order.ca).collect();
    assert_eq!(ordered, [&then.id]);
    assert_eq!(record.proven, None);
}

/// A CA that fails three times is followed by the other.
async fn falls_back(fails: FailureKind, pebble: &Pebble, first: &CaSettings, door: (Folder, Door)) {
    let ((folder, door), want) = (door, shop());
    let last = pebble.settings();
    let resort = |policy: &mut Policy| policy.fallback = Some(last.id.clone());
    let mut running = start(&folder, &door, &[first, &last], resort, &want).await;
    running.settle(1).await;
    let status = running.statuses.borrow()[&want.id()].clone();
    assert_eq!(
        status.failures.into_iter().collect::<Vec<_>>(),
        [(fails, 3)]
    );
    running.stop().await;
    assert_eq!(issued(&folder, &want).await.names, want.names());
    assert!(is_from(&folder, &want, pebble).await);
    let record = folder.record_of(&want).await;
    assert_eq!(record.issuer.as_ref(), Some(&last.id));
    assert_eq!(record.ordered.len(), 1);
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_ca_that_is_down_is_followed_by_the_one_of_last_resort() {
    let folder = Folder::new();
    let (door, port) = Door::open(&folder.manifests()).await;
    let pebble = Pebble::start(&Setup::new([port, port])).await;
    let mut down = pebble.settings();
    down.id = CaSettings::new(&format!("https://{}/dir", free())).id;
    falls_back(FailureKind::Connection, &pebble, &down, (folder, door)).await;
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_ca_that_refuses_is_followed_by_the_one_of_last_resort() {
    let folder = Folder::new();
    let (door, port) = Door::open(&folder.manifests()).await;
    let pebble = Pebble::start(&Setup::new([port, port])).await;
    // It makes no account for whoever brings none of its own.
    let mut setup = Setup::new([port, port]);
    setup.external = Some("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG");
    let refusing = Pebble::start(&setup).await;
    let first = refusing.settings();
    falls_back(FailureKind::Account, &pebble, &first, (folder, door)).await;
}
