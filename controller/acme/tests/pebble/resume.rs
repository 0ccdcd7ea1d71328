//! Whoever goes on with an order by its URL gets its certificate, wherever it was left.

use jiff::Timestamp;
use portreeve_acme::{ChallengeChoice, FailureKind, KeyType, check, csr, generate};

use super::{Scene, connect, names};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Left {
    Ordered,
    Staged,
    Told,
    Ready,
    Finalized,
    Downloaded,
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn an_order_is_gone_on_with_wherever_it_was_left() {
    let scene = Scene::new(|_| {}).await;
    let (ca, credentials) = scene.account().await;
    for left in [
        Left::Ordered,
        Left::Staged,
        Left::Told,
        Left::Ready,
        Left::Finalized,
        Left::Downloaded,
    ] {
        let of = names(&[
            &format!("{left:?}.example").to_ascii_lowercase(),
            "shop.example",
        ]);
        let key = generate(KeyType::EcdsaP256).unwrap();
        let request = csr(&of, &key).unwrap();
        let mut order = ca.order(&of, None, None).await.unwrap();
        if left >= Left::Staged {
            let staged = order.stage(ChallengeChoice::Any).await.unwrap();
            scene.responder.answer(&staged);
        }
        if left >= Left::Told {
            order.tell().await.unwrap();
        }
        if left >= Left::Ready {
            order.ready().await.unwrap();
        }
        if left >= Left::Finalized {
            order.finalize(&request).await.unwrap();
        }
        if left >= Left::Downloaded {
            order.certificate().await.unwrap();
        }
        let url = order.url().to_owned();
        drop(order);
        let (ca, _) = connect(&scene.pebble.settings(), Some(&credentials))
            .await
            .unwrap();
        let mut order = ca.resume(&url).await.unwrap();
        assert_eq!(order.url(), url);
        let chain = scene
            .go_on(&mut order, ChallengeChoice::Any, &key, &of)
            .await;
        let chain = chain.unwrap_or_else(|failure| panic!("{left:?}: {failure}"));
        check(&chain, &key, &of, Timestamp::now()).unwrap();
    }
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn an_order_that_a_ca_does_not_know_is_gone() {
    let scene = Scene::new(|_| {}).await;
    let (ca, _) = scene.account().await;
    let url = scene
        .pebble
        .directory()
        .replace("/dir", "/my-order/made-up");
    let gone = ca.resume(&url).await.err().unwrap();
    assert_eq!(gone.kind, FailureKind::OrderInvalid, "{gone}");
}
