//! From an order to a certificate, in each of the ways that there are.

use jiff::Timestamp;
use portreeve_acme::{
    ChallengeChoice, ChallengeKind, FailureKind, KeyType, Name, check, csr, generate,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::parse_x509_certificate;

use super::support::https::Https;
use super::support::pebble::{common_name, issuers};
use super::support::process::free;
use super::{Scene, connect, names};

#[tokio::test]
#[ignore = "needs pebble"]
async fn names_and_addresses_are_proven_over_http() {
    let scene = Scene::new(|_| {}).await;
    let (ca, _) = scene.account().await;
    let (_, held) = scene
        .issue(&ca, &["a.shop.example", "b.shop.example", "127.0.0.1"])
        .await;
    assert_eq!(
        held.names,
        names(&["a.shop.example", "b.shop.example", "127.0.0.1"])
    );
    let asked = scene.responder.asked();
    assert!(asked.len() >= 3, "each name was looked at: {asked:?}");
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn names_are_proven_over_tls_where_nothing_answers_http() {
    let scene = Scene::new(|setup| setup.ports[0] = free().port()).await;
    let (ca, _) = scene.account().await;
    let of = names(&["a.shop.example", "b.shop.example"]);
    let key = generate(KeyType::EcdsaP384).unwrap();
    let mut order = ca.order(&of, None, None).await.unwrap();
    let staged = order.stage(ChallengeChoice::TlsAlpn01).await.unwrap();
    assert!(
        staged
            .iter()
            .all(|one| one.kind == ChallengeKind::TlsAlpn01)
            && staged.len() == 2
    );
    let chain = scene
        .go_on(&mut order, ChallengeChoice::TlsAlpn01, &key, &of)
        .await
        .unwrap();
    check(&chain, &key, &of, Timestamp::now()).unwrap();
    let mut order = ca
        .order(&names(&["c.shop.example"]), None, None)
        .await
        .unwrap();
    let refused = scene
        .go_on(&mut order, ChallengeChoice::Http01, &key, &of)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, FailureKind::Challenge, "{refused}");
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn an_rsa_key_is_certified() {
    let scene = Scene::new(|_| {}).await;
    let (ca, _) = scene.account().await;
    let (of, key) = (
        names(&["shop.example"]),
        generate(KeyType::Rsa2048).unwrap(),
    );
    let mut order = ca.order(&of, None, None).await.unwrap();
    let chain = scene
        .go_on(&mut order, ChallengeChoice::Any, &key, &of)
        .await
        .unwrap();
    check(&chain, &key, &of, Timestamp::now()).unwrap();
    let leaf = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
    let (_, leaf) = parse_x509_certificate(&leaf).unwrap();
    assert_eq!(leaf.public_key().parsed().unwrap().key_size(), 2048);
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_profile_decides_how_long_a_certificate_lives() {
    let scene = Scene::new(|_| {}).await;
    let (ca, _) = scene.account().await;
    for (profile, days) in [("shortlived", 6), ("default", 90)] {
        let (of, key) = (
            names(&["shop.example"]),
            generate(KeyType::EcdsaP256).unwrap(),
        );
        let mut order = ca.order(&of, Some(profile), None).await.unwrap();
        let chain = scene
            .go_on(&mut order, ChallengeChoice::Any, &key, &of)
            .await
            .unwrap();
        let held = check(&chain, &key, &of, Timestamp::now()).unwrap();
        let hours = held.lifetime().as_hours();
        assert!(
            (days * 24 - 1..=days * 24).contains(&hours),
            "{profile}: {hours} hours"
        );
    }
    let refused = ca
        .order(&names(&["shop.example"]), Some("made-up"), None)
        .await;
    let refused = refused.err().unwrap();
    assert_eq!(refused.kind, FailureKind::Configuration);
    assert_eq!(
        refused.detail,
        "profile \"made-up\": the CA has default, shortlived"
    );
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn what_a_ca_says_of_a_name_is_told() {
    let scene = Scene::new(|_| {}).await;
    let (ca, _) = scene.account().await;
    let refused = ca
        .order(&names(&["blocked.example", "shop.example"]), None, None)
        .await;
    let refused = refused.err().unwrap();
    assert_eq!(refused.kind, FailureKind::RejectedIdentifier, "{refused}");
    assert!(refused.detail.contains("blocked.example"), "{refused}");
    let of = names(&["a.shop.example", "b.shop.example"]);
    let mut order = ca.order(&of, None, None).await.unwrap();
    let staged = order.stage(ChallengeChoice::Http01).await.unwrap();
    let (answered, _) = staged
        .iter()
        .cloned()
        .partition::<Vec<_>, _>(|one| one.host == of[0]);
    scene.responder.answer(&answered);
    order.tell().await.unwrap();
    let failed = order.ready().await.unwrap_err();
    assert_eq!(failed.kind, FailureKind::Challenge, "{failed}");
    let told: Vec<_> = failed
        .subproblems
        .iter()
        .map(|sub| sub.name.clone())
        .collect();
    assert_eq!(told, [Name::Dns("b.shop.example".into())]);
    assert!(
        failed
            .problem
            .unwrap()
            .starts_with("urn:ietf:params:acme:error:")
    );
    // The order is dead, and whoever goes on with it hears the same.
    let mut order = ca.resume(order.url()).await.unwrap();
    assert_eq!(
        order.ready().await.unwrap_err().kind,
        FailureKind::Challenge
    );
    assert!(order.finalize(&[]).await.is_err());
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_certificate_is_renewed_when_its_ca_says() {
    let scene = Scene::new(|_| {}).await;
    let (ca, _) = scene.account().await;
    let (chain, held) = scene.issue(&ca, &["shop.example"]).await;
    let ari = ca.renewal_info(&chain).await.unwrap().unwrap();
    assert!(held.not_before < ari.start && ari.start < ari.end && ari.end < held.not_after);
    assert_eq!(ari.ask_again_in.as_secs(), 6 * 60 * 60);
    let (of, key) = (
        names(&["shop.example"]),
        generate(KeyType::EcdsaP256).unwrap(),
    );
    // The second order replaces what was replaced already, and is made all the same.
    for _ in 0..2 {
        let mut order = ca.order(&of, None, Some(&chain)).await.unwrap();
        let renewed = scene
            .go_on(&mut order, ChallengeChoice::Any, &key, &of)
            .await;
        check(&renewed.unwrap(), &key, &of, Timestamp::now()).unwrap();
    }
    let other = Scene::new(|_| {}).await;
    let (foreign, _) = other
        .issue(&other.account().await.0, &["shop.example"])
        .await;
    assert_eq!(ca.renewal_info(&foreign).await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_preferred_chain_is_taken_where_it_is_offered() {
    let scene = Scene::new(|setup| setup.alternate_roots = 2).await;
    let (_, credentials) = scene.account().await;
    let https = Https::new(&scene.pebble.root);
    for number in [0, 2, 1] {
        let root = https.get(&scene.pebble.root_url(number)).await;
        let root = common_name(&root);
        let mut settings = scene.pebble.settings();
        settings.preferred_chain = Some(root.as_str().into());
        let (ca, new) = connect(&settings, Some(&credentials)).await.unwrap();
        assert!(new.is_none());
        let (chain, _) = scene.issue(&ca, &["shop.example"]).await;
        assert!(
            issuers(&chain).contains(&root),
            "{number}: {:?}",
            issuers(&chain)
        );
    }
    let mut settings = scene.pebble.settings();
    settings.preferred_chain = Some("Nobody's Root".into());
    let (ca, _) = connect(&settings, Some(&credentials)).await.unwrap();
    let (of, key) = (
        names(&["shop.example"]),
        generate(KeyType::EcdsaP256).unwrap(),
    );
    let mut order = ca.order(&of, None, None).await.unwrap();
    let chain = scene
        .go_on(&mut order, ChallengeChoice::Any, &key, &of)
        .await
        .unwrap();
    check(&chain, &key, &of, Timestamp::now()).unwrap();
    assert!(order.remark().unwrap().contains("Nobody's Root"));
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn one_nonce_in_five_may_be_refused() {
    let scene = Scene::new(|setup| setup.nonce_reject = 20).await;
    let (ca, credentials) = scene.account().await;
    for number in 0..20 {
        scene.issue(&ca, &[&format!("shop-{number}.example")]).await;
    }
    let (_, new) = connect(&scene.pebble.settings(), Some(&credentials))
        .await
        .unwrap();
    assert!(
        new.is_none(),
        "a refused nonce is no reason for another account"
    );
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_name_that_is_proven_is_not_proven_again() {
    let scene = Scene::new(|setup| setup.authz_reuse = 100).await;
    let (ca, _) = scene.account().await;
    scene.issue(&ca, &["a.shop.example"]).await;
    let of = names(&["a.shop.example", "b.shop.example"]);
    let mut order = ca.order(&of, None, None).await.unwrap();
    let staged = order.stage(ChallengeChoice::Any).await.unwrap();
    let hosts: Vec<_> = staged.iter().map(|one| one.host.to_string()).collect();
    assert_eq!(hosts, ["b.shop.example"]);
    let key = generate(KeyType::EcdsaP256).unwrap();
    let chain = scene
        .go_on(&mut order, ChallengeChoice::Any, &key, &of)
        .await
        .unwrap();
    check(&chain, &key, &of, Timestamp::now()).unwrap();
    let mut order = ca.order(&of, None, None).await.unwrap();
    assert_eq!(order.stage(ChallengeChoice::Any).await.unwrap(), []);
    order.tell().await.unwrap();
    order.ready().await.unwrap();
    order.finalize(&csr(&of, &key).unwrap()).await.unwrap();
}
