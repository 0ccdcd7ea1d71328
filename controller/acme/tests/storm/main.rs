//! Two hundred certificates from a CA that refuses nonces, fails, limits, and forgets everything once.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod book;
mod faults;
mod front;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use portreeve_acme::{FailureKind, Policy, Want, check};
use portreeve_table::Origin;

use book::{Book, NOBODY};
use front::Front;
use support::door::Door;
use support::folder::Folder;
use support::pebble::{Pebble, Setup};
use support::running::{Clock, Running};

/// How many certificates are wanted.
const WANTED: usize = 200;
/// How many there are when the CA goes away.
const BEFORE: usize = 60;
/// How far orders for the same names are apart, but for the time between when the issuer counts an
/// order and when the CA makes it.
const APART: SignedDuration = SignedDuration::from_secs(3600 - 30);

/// One of the certificates, for one to three names.
fn want(number: usize) -> Want {
    let origin = Origin {
        namespace: "shop".into(),
        name: format!("web-{number}").into(),
    };
    let secret = format!("shop/tls-{number}").parse().unwrap();
    let names = (0..=number % 3).map(|n| format!("name-{n}.shop-{number}.example"));
    Want::new(origin, secret, names.map(|name| name.parse().unwrap()))
}

/// The names of a want as the book has them.
fn set(want: &Want) -> String {
    let names: Vec<_> = want.names().iter().map(ToString::to_string).collect();
    names.join(",")
}

/// Pebble keeps nothing when it ends: what comes back knows neither the account nor any order.
#[tokio::test]
#[ignore = "needs pebble"]
async fn two_hundred_certificates_are_issued_through_a_storm() {
    let (folder, clock) = (Folder::new(), Clock::default());
    let (door, port) = Door::open(&folder.manifests()).await;
    let mut setup = Setup::new([port, port]);
    setup.nonce_reject = 20;
    let pebble = Pebble::start(&setup).await;
    // What comes back later starts now, while nobody else takes the ports that it was given.
    let again = Pebble::start(&setup).await;
    let front = Front::start(&pebble, clock.clone()).await;
    let settings = front.settings();
    let mut policy = Policy::new(settings.id.clone());
    // Pebble chooses a profile by chance where none is asked for.
    policy.profile = Some("default".into());
    policy.parallel = 50;
    let wanted: Vec<_> = (0..WANTED).map(want).collect();
    let cas = (vec![settings], policy);
    let mut running = Running::start(&folder, door, cas, wanted.clone(), clock.clone()).await;
    running.settle(BEFORE).await;
    drop(pebble);
    // Whoever is under way finds it gone, and so does everybody else.
    running.quiet().await;
    assert!(front.book(|book| book.sum(|page| page.lost)) > 0);
    front.lead_to(&again);
    running.settle(WANTED).await;
    let failures = failures(&running);
    running.stop().await;
    let issued = issued(&folder, &wanted, &clock).await;
    front.book(|book| {
        println!("{}; failures: {failures:?}", summary(book));
        apart(book, &wanted);
        assert_eq!(book.accounts, 2, "one with each memory of the CA");
        assert_eq!(issued, WANTED);
    });
    for kind in [
        FailureKind::ServerInternal,
        FailureKind::RateLimited,
        FailureKind::Connection,
        FailureKind::Account,
        FailureKind::OrderInvalid,
    ] {
        assert!(failures.contains_key(&kind), "{kind:?}: {failures:?}");
    }
}

/// What went wrong, and how often.
fn failures(running: &Running) -> BTreeMap<FailureKind, u64> {
    let mut sums = BTreeMap::new();
    for status in running.statuses.borrow().values() {
        for (kind, count) in &status.failures {
            *sums.entry(*kind).or_default() += count;
        }
    }
    sums
}

/// How many were issued, each of which can be served.
async fn issued(folder: &Folder, wanted: &[Want], clock: &Clock) -> usize {
    let mut issued = 0;
    for want in wanted {
        let (chain, key) = folder.issued(want).await;
        check(&chain, &key, want.names(), Timestamp::now()).unwrap();
        check(&chain, &key, want.names(), clock.now()).unwrap();
        issued += folder.record_of(want).await.issued.len();
    }
    issued
}

/// Every name set was failed, and none was ordered twice within an hour.
fn apart(book: &Book, wanted: &[Want]) {
    for want in wanted {
        let set = set(want);
        let page = &book.sets[&set];
        assert!(!page.faults.is_empty(), "{set}: {page:?}");
        assert!(!page.made.is_empty(), "{set}: {page:?}");
        let pairs = page.made.iter().zip(page.made.iter().skip(1));
        for (one, next) in pairs {
            assert!(next.duration_since(*one) >= APART, "{set}: {page:?}");
        }
    }
    let sets = book.sets.keys().filter(|set| *set != NOBODY);
    assert_eq!(sets.count(), wanted.len());
}

fn summary(book: &Book) -> String {
    format!(
        "{} requests, {} of them failed, {} without an answer; {} orders asked for, {} made",
        book.sum(|page| page.requests),
        book.sum(|page| page.faults.len()),
        book.sum(|page| page.lost),
        book.sum(|page| page.asked),
        book.sum(|page| page.made.len()),
    )
}
