//! Orders, accounts and renewal information against pebble, a real CA.

#![forbid(unsafe_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod orders;
mod resume;

use jiff::Timestamp;
use portreeve_acme::{
    Ca, CaSettings, ChallengeChoice, Failure, Held, KeyType, Name, Order, check, csr, generate,
};
use portreeve_table::Secret;

use support::pebble::{Pebble, Setup};
use support::responder::Responder;

/// A pebble and what answers its challenges.
struct Scene {
    pebble: Pebble,
    responder: Responder,
}

impl Scene {
    /// One whose pebble is as `change` makes it.
    async fn new(change: impl FnOnce(&mut Setup)) -> Self {
        let responder = Responder::start().await;
        let mut setup = Setup::new(responder.ports());
        change(&mut setup);
        let pebble = Pebble::start(&setup).await;
        Self { pebble, responder }
    }

    /// A new account, and its credentials.
    async fn account(&self) -> (Ca, Secret<String>) {
        let (ca, new) = connect(&self.pebble.settings(), None).await.unwrap();
        (ca, new.unwrap())
    }

    /// Takes an order from wherever it stands to its certificate.
    async fn go_on(
        &self,
        order: &mut Order,
        prefer: ChallengeChoice,
        key: &Secret<String>,
        of: &[Name],
    ) -> Result<String, Failure> {
        let staged = order.stage(prefer).await?;
        self.responder.answer(&staged);
        order.tell().await?;
        order.ready().await?;
        order.finalize(&csr(of, key)?).await?;
        order.certificate().await
    }

    /// Orders and gets a certificate that was checked.
    async fn issue(&self, ca: &Ca, of: &[&str]) -> (String, Held) {
        let (of, key) = (names(of), generate(KeyType::EcdsaP256).unwrap());
        let mut order = ca.order(&of, None, None).await.unwrap();
        let chain = self
            .go_on(&mut order, ChallengeChoice::Any, &key, &of)
            .await
            .unwrap();
        let held = check(&chain, &key, &of, Timestamp::now()).unwrap();
        (chain, held)
    }
}

async fn connect(
    settings: &CaSettings,
    credentials: Option<&Secret<String>>,
) -> Result<(Ca, Option<Secret<String>>), Failure> {
    Ca::connect(settings, credentials).await
}

fn names(names: &[&str]) -> Vec<Name> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}
