//! What is read from a chain.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

#[test]
fn names_and_dates_are_those_of_the_leaf() {
    let names = [
        "b.example",
        "a.example",
        "*.c.example",
        "10.0.0.1",
        "fd00::1",
    ];
    let mut params = CertificateParams::new(names.map(String::from)).unwrap();
    params.not_before = date_time_ymd(2030, 1, 1);
    params.not_after = date_time_ymd(2030, 4, 1);
    let key = KeyPair::generate().unwrap();
    let leaf = params.self_signed(&key).unwrap();
    let other = rcgen::generate_simple_self_signed(["z.example".to_owned()]).unwrap();
    let held = Held::read(&(leaf.pem() + &other.cert.pem())).unwrap();
    let expected = ["a.example", "b.example", "10.0.0.1", "fd00::1"];
    assert_eq!(held.names, expected.map(|name| name.parse().unwrap()));
    assert_eq!(held.not_before, "2030-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(held.lifetime().as_hours(), 90 * 24);
    let alone = Held::read(&leaf.pem()).unwrap();
    assert_eq!(alone.fingerprint, held.fingerprint);
    assert_ne!(
        Held::read(&other.cert.pem()).unwrap().fingerprint,
        held.fingerprint
    );
}

#[test]
fn what_is_no_chain_is_refused() {
    let key = KeyPair::generate().unwrap().serialize_pem();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in ["", "hello", &key, broken] {
        assert!(Held::read(text).is_err(), "{text}");
    }
}
