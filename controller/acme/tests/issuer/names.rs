//! Certificates for many names, and for names of other scripts.

use portreeve_acme::{Name, Want};

use super::support::door::Door;
use super::support::folder::Folder;
use super::support::pebble::{Pebble, Setup};
use super::support::running::is_issued;
use super::{issued, start, want};

/// Gets `want` with one order.
async fn get(want: &Want) {
    let folder = Folder::new();
    let (door, port) = Door::open(&folder.manifests()).await;
    let pebble = Pebble::start(&Setup::new([port, port])).await;
    let mut running = start(&folder, &pebble, door, want).await;
    running.until(is_issued).await;
    running.stop().await;
    assert_eq!(issued(&folder, want).await.names, want.names());
    assert_eq!(folder.record_of(want).await.ordered.len(), 1);
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_hundred_names_are_one_order() {
    let names: Vec<_> = (0..100).map(|n| format!("tenant-{n}.example")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let want = want(&names);
    assert_eq!(want.names().len(), 100);
    get(&want).await;
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_name_of_another_script_is_ordered_in_its_a_label_form() {
    assert!("bücher.example".parse::<Name>().is_err());
    get(&want(&["xn--bcher-kva.example", "xn--fiqs8s.xn--fiqz9s"])).await;
}
