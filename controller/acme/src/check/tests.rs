//! Certificates that are not what was ordered.

use jiff::ToSpan;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};

use super::*;

/// A CA's own certificate with its key.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn root(name: &str) -> Authority {
    let key = KeyPair::generate().unwrap();
    let params = params(name);
    let pem = params.self_signed(&key).unwrap().pem();
    Authority {
        pem,
        issuer: Issuer::new(params, key),
    }
}

fn intermediate(name: &str, root: &Authority) -> Authority {
    let key = KeyPair::generate().unwrap();
    let params = params(name);
    let pem = params.signed_by(&key, &root.issuer).unwrap().pem();
    Authority {
        pem,
        issuer: Issuer::new(params, key),
    }
}

/// A leaf of `issuer` for the year 2030, and its key.
fn leaf(names: &[&str], issuer: &Authority) -> (String, Secret<String>) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2030, 1, 1);
    params.not_after = date_time_ymd(2031, 1, 1);
    let pem = params.signed_by(&key, &issuer.issuer).unwrap().pem();
    (pem, Secret::new(key.serialize_pem()))
}

fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// The middle of the year.
fn june() -> Timestamp {
    at("2030-06-01T00:00:00Z")
}

/// What is said of a certificate that must not be used.
fn refused(chain: &str, key: &Secret<String>, of: &[&str], now: Timestamp) -> String {
    let failure = check(chain, key, &names(of), now).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadCertificate);
    assert!(
        failure
            .detail
            .starts_with("the certificate that the CA issued cannot be used: ")
    );
    failure.detail
}

#[test]
fn what_was_ordered_is_taken() {
    let root = root("Root");
    let between = intermediate("Between", &root);
    let (pem, key) = leaf(&["a.example", "10.0.0.1"], &between);
    for chain in [
        pem.clone(),
        pem.clone() + &between.pem,
        pem.clone() + &between.pem + &root.pem,
    ] {
        for wanted in [&["10.0.0.1"][..], &["10.0.0.1", "a.example"]] {
            let held = check(&chain, &key, &names(wanted), june()).unwrap();
            assert_eq!(held.not_after, at("2031-01-01T00:00:00Z"));
        }
    }
}

#[test]
fn other_names_are_refused() {
    let root = root("Root");
    let (pem, key) = leaf(&["a.example"], &root);
    let said = refused(
        &(pem + &root.pem),
        &key,
        &["a.example", "b.example"],
        june(),
    );
    assert!(said.ends_with("it is not for b.example"), "{said}");
}

#[test]
fn what_is_issued_is_for_no_other_names() {
    let root = root("Root");
    let (pem, key) = leaf(&["a.example", "b.example"], &root);
    let chain = pem + &root.pem;
    let issued = |wanted: &[&str]| check_issued(&chain, &key, &names(wanted), june());
    assert_eq!(issued(&["a.example", "b.example"]), Ok(()));
    for (wanted, said) in [
        (
            "a.example",
            "it is also for b.example, which was not ordered",
        ),
        (
            "b.example",
            "it is also for a.example, which was not ordered",
        ),
        ("c.example", "it is not for c.example"),
    ] {
        let failure = issued(&[wanted]).unwrap_err();
        assert!(failure.detail.ends_with(said), "{failure}");
    }
}

#[test]
fn another_key_is_refused() {
    let root = root("Root");
    let (pem, _) = leaf(&["a.example"], &root);
    let (_, other) = leaf(&["a.example"], &root);
    let said = refused(&(pem + &root.pem), &other, &["a.example"], june());
    assert!(said.ends_with("it is for another key than ours"), "{said}");
}

#[test]
fn a_broken_chain_is_refused() {
    let (root, stranger) = (root("Root"), root("Stranger"));
    let same_name = self::root("Root");
    let (pem, key) = leaf(&["a.example"], &root);
    for next in [&stranger, &same_name] {
        let said = refused(&(pem.clone() + &next.pem), &key, &["a.example"], june());
        assert!(said.contains("its chain is broken"), "{said}");
    }
    let said = refused(&(stranger.pem + &pem), &key, &["a.example"], june());
    assert!(said.contains("it is not for a.example"), "{said}");
}

#[test]
fn what_is_no_chain_is_refused() {
    let (_, key) = leaf(&["a.example"], &root("Root"));
    for chain in ["", "<html>", key.expose()] {
        let said = refused(chain, &key, &["a.example"], june());
        assert!(said.contains("not a certificate chain"), "{said}");
    }
}

#[test]
fn clocks_may_differ_by_a_day() {
    let root = root("Root");
    let (pem, key) = leaf(&["a.example"], &root);
    let chain = pem + &root.pem;
    let begin = at("2030-01-01T00:00:00Z");
    let wanted = names(&["a.example"]);
    assert!(check(&chain, &key, &wanted, begin - 24.hours()).is_ok());
    let said = refused(&chain, &key, &["a.example"], begin - 25.hours());
    assert!(said.contains("not valid before 2030-01-01"), "{said}");
    let end = at("2031-01-01T00:00:00Z");
    assert!(check(&chain, &key, &wanted, end - 1.second()).is_ok());
    let said = refused(&chain, &key, &["a.example"], end);
    assert!(said.contains("it expired on 2031-01-01"), "{said}");
}
