//! Certificates that were not ordered.

use jiff::Timestamp;
use portreeve_acme::{FailureKind, KeyType, check, generate};
use portreeve_table::Secret;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use super::support::scripted::Answer;
use super::{connected, is, name, order};

/// A chain, and the key of its leaf.
pub(crate) struct Issued {
    pub(crate) chain: String,
    leaf: String,
    root: String,
    key: Secret<String>,
}

/// A certificate for `of`, by a CA of its own.
pub(crate) fn issue(of: &str) -> Issued {
    issue_until(of, 2100)
}

fn issue_until(of: &str, year: i32) -> Issued {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.distinguished_name.push(DnType::CommonName, "Root");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let root_pem = root.self_signed(&root_key).unwrap().pem();
    let issuer = Issuer::new(root, root_key);
    let key = generate(KeyType::EcdsaP256).unwrap();
    let mut leaf = CertificateParams::new([of.to_owned()]).unwrap();
    leaf.use_authority_key_identifier_extension = true;
    leaf.not_before = date_time_ymd(2020, 1, 1);
    leaf.not_after = date_time_ymd(year, 1, 1);
    let pair = KeyPair::from_pem(key.expose()).unwrap();
    let leaf = leaf.signed_by(&pair, &issuer).unwrap().pem();
    Issued {
        chain: leaf.clone() + &root_pem,
        leaf,
        root: root_pem,
        key,
    }
}

#[tokio::test]
async fn what_was_not_ordered_is_not_used() {
    let (right, other) = (issue("shop.example"), issue("other.example"));
    let (expired, stranger) = (issue_until("shop.example", 2021), issue("shop.example"));
    let broken = right.leaf.clone() + &stranger.root;
    let (script, ca) = connected().await;
    script.say("/order/1", [Answer::json(&script.order("valid"))]);
    for (chain, key, said) in [
        (&right.chain, &right.key, None),
        (&right.leaf, &right.key, None),
        (&other.chain, &other.key, Some("it is not for shop.example")),
        (
            &expired.chain,
            &expired.key,
            Some("it expired on 2021-01-01"),
        ),
        (
            &right.chain,
            &stranger.key,
            Some("it is for another key than ours"),
        ),
        (&broken, &right.key, Some("its chain is broken")),
        (
            &"<html>".to_owned(),
            &right.key,
            Some("not a certificate chain"),
        ),
    ] {
        script.say("/certificate/1", [Answer::new(200, chain.clone())]);
        let mut order = order(&ca).await.unwrap();
        order.ready().await.unwrap();
        let got = order.certificate().await.unwrap();
        match (check(&got, key, &[name()], Timestamp::now()), said) {
            (Ok(held), None) => assert_eq!(held.names, [name()]),
            (Err(failure), Some(said)) => is(&failure, FailureKind::BadCertificate, said),
            (other, _) => panic!("{said:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_fetched_is_told() {
    let (script, ca) = connected().await;
    script.say("/order/1", [Answer::json(&script.order("valid"))]);
    script.say(
        "/certificate/1",
        [Answer::problem(500, "serverInternal", "lost")],
    );
    let mut order = order(&ca).await.unwrap();
    is(
        &order.certificate().await.unwrap_err(),
        FailureKind::ServerInternal,
        "lost",
    );
    let mut order = super::order(&ca).await.unwrap();
    script.say("/order/1", [Answer::json(&script.order("ready"))]);
    is(
        &order.certificate().await.unwrap_err(),
        FailureKind::OrderInvalid,
        "not asked for",
    );
}

#[tokio::test]
async fn what_a_ca_says_of_renewing_is_taken_only_where_it_can_be_meant() {
    let (script, ca) = connected().await;
    let chain = issue("shop.example").chain;
    assert_eq!(
        ca.renewal_info(&chain).await.unwrap(),
        None,
        "the CA does not know it"
    );
    let path = chain_path(&chain);
    script.say(&path, [Answer::new(200, "<html>")]);
    is(
        &ca.renewal_info(&chain).await.unwrap_err(),
        FailureKind::Malformed,
        "RFC 9773",
    );
    script.say(&path, [Answer::new(503, "")]);
    is(
        &ca.renewal_info(&chain).await.unwrap_err(),
        FailureKind::ServerInternal,
        "503",
    );
    let window =
        r#"{"suggestedWindow":{"start":"2030-01-02T04:00:00Z","end":"2030-01-03T04:00:00Z"}}"#;
    script.say(&path, [Answer::new(200, window)]);
    let ari = ca.renewal_info(&chain).await.unwrap().unwrap();
    assert_eq!(ari.start, "2030-01-02T04:00:00Z".parse().unwrap());
    let alone = rcgen::generate_simple_self_signed(["shop.example".to_owned()]).unwrap();
    assert_eq!(ca.renewal_info(&alone.cert.pem()).await.unwrap(), None);
}

/// Where the renewal information of a chain's leaf is (RFC 9773, section 4.1).
fn chain_path(chain: &str) -> String {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    let leaf = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
    let id = instant_acme::CertificateIdentifier::try_from(&leaf).unwrap();
    format!("/renewal/{id}")
}
