//! The admission webhook's certificate, as the API server sees it: by the names of its Service, and
//! by authorities that it is told of on another way than everybody else.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use portreeve_controller::lease::Leadership;
use portreeve_controller::pki::{Home, Keeper, Told};
use portreeve_identity::Role;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{Error, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::certificates::{Clock, Directory, NAMESPACE};
use crate::rotation::{DUE, note};

const LEAF: &str = "admission/tls.crt";

/// Whether a server is taken for the holder of a name by whoever believes these authorities.
fn check(leaf: &str, authorities: &str, name: &str, now: Timestamp) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(authority.unwrap())?;
    }
    let provider = Arc::new(default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    let leaf = CertificateDer::from_pem_slice(leaf.as_bytes()).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = Duration::from_secs(now.as_second().try_into().unwrap());
    let now = UnixTime::since_unix_epoch(now);
    let verified = verifier.build().unwrap();
    let verified = verified.verify_server_cert(&leaf, &[], &name, &[], now);
    verified.map(drop)
}

/// A keeper for a namespace that keeps until it has nothing more to do.
async fn keep(directory: &Directory, namespace: &str, clock: &Clock) {
    let (home, at) = (Home::Directory(directory.0.clone()), clock.clone());
    let leads = Leadership::always();
    let (keeper, _own) = Keeper::new(home, namespace, leads, move || at.now());
    let keeping = tokio::spawn(keeper.run());
    sleep(Duration::from_secs(1)).await;
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn it_is_known_by_its_service_and_as_nobody_else() {
    let (directory, clock) = (Directory::new(), Clock::new());
    keep(&directory, "edge", &clock).await;
    let (leaf, ca) = (directory.read(LEAF), directory.read("proxy/ca.crt"));
    for (name, is_its) in [
        ("portreeve-admission.edge.svc", true),
        ("portreeve-admission.edge.svc.cluster.local", true),
        (Role::Admission.dns_name(), true),
        ("portreeve-admission.shop.svc", false),
        ("portreeve-admission.edge", false),
        (Role::Controller.dns_name(), false),
        (Role::Proxy.dns_name(), false),
    ] {
        let checked = check(&leaf, &ca, name, clock.now());
        assert_eq!(checked.is_ok(), is_its, "{name}: {checked:?}");
    }
    // The others are no webhook.
    let service = "portreeve-admission.edge.svc";
    for other in ["controller/tls.crt", "proxy/tls.crt"] {
        let other = directory.read(other);
        assert!(check(&other, &ca, service, clock.now()).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn in_another_namespace_it_has_another_certificate() {
    let (directory, clock) = (Directory::new(), Clock::new());
    keep(&directory, "edge", &clock).await;
    let others = ["ca/tls.crt", "controller/tls.crt", "proxy/tls.crt"];
    let before = others.map(|file| directory.read(file));
    keep(&directory, "shop", &clock).await;
    assert_eq!(others.map(|file| directory.read(file)), before);
    let (leaf, ca) = (directory.read(LEAF), directory.read("proxy/ca.crt"));
    let name = "portreeve-admission.shop.svc";
    assert_eq!(check(&leaf, &ca, name, clock.now()), Ok(()));
    let former = "portreeve-admission.edge.svc";
    assert!(check(&leaf, &ca, former, clock.now()).is_err());
}

/// The API server is told of authorities only now and then, hours late, and believes them forty
/// minutes later, and no others any more; the webhook reads its files fifty minutes late.
#[tokio::test(start_paused = true)]
async fn the_api_server_never_takes_it_for_a_stranger() {
    let (directory, clock) = (Directory::new(), Clock::new());
    let (home, at) = (Home::Directory(directory.0.clone()), clock.clone());
    let (told, hears) = watch::channel(Told::Nothing);
    let leads = Leadership::always();
    let (keeper, _own) = Keeper::new(home, NAMESPACE, leads, move || at.now());
    let keeper = keeper.waiting_for(hears);
    let believed = keeper.believed();
    tokio::spawn(keeper.run());
    sleep(Duration::from_secs(1)).await;

    let tell = || {
        let bundle = believed.borrow().clone().unwrap();
        told.send_replace(Told::Of(bundle.clone()));
        bundle.pem().to_owned()
    };
    // All but the last day of the authority's time.
    clock.pass(DUE - SignedDuration::from_hours(24)).await;
    let (mut hears, mut shown) = (tell(), directory.read(LEAF));
    let mut believes = hears.clone();
    let (mut authorities, mut heard) = (vec![], vec![]);
    for step in 0..(6 * 24 * 4) {
        clock.pass(SignedDuration::from_mins(10)).await;
        match step % 50 {
            7 => hears = tell(),
            11 => believes.clone_from(&hears),
            _ => {}
        }
        heard.push(believes.matches("BEGIN").count());
        if step % 5 == 3 {
            shown = directory.read(LEAF);
        }
        let name = "portreeve-admission.edge.svc";
        let now = clock.now();
        assert_eq!(check(&shown, &believes, name, now), Ok(()), "{now}");
        note(&mut authorities, &directory, "ca/tls.crt");
    }
    assert_eq!(authorities.len(), 2, "the next authority has come to sign");
    heard.dedup();
    assert_eq!(heard, [1, 2, 1]);
}
