//! One try for a certificate: an order from its beginning, or from where it was left.
//!
//! What must be known to go on is saved before each step that it is needed for, so that whoever is
//! stopped at any of them goes on with the same order.

use portreeve_table::Secret;
use tokio::sync::RwLock;

use crate::advance::may_have_ordered;
use crate::authority::{Authority, Connect, Ordering};
use crate::check::check_issued;
use crate::csr::{csr, generate};
use crate::doors::Doors;
use crate::engine::Engine;
use crate::entry::Entry;
use crate::failure::{Failure, FailureKind};
use crate::plan;
use crate::record::Ordered;
use crate::status::Phase;
use crate::store::{CaId, Mark, Store, StoreError};
use crate::want::Want;

/// Why a try ended without a certificate.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It failed, and that is to be kept.
    Failed(Failure),
    /// Somebody else goes on with it, or nothing can be kept.
    Store(StoreError),
    /// A bound was reached while it waited for its turn.
    Spent,
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One try.
pub(crate) struct Attempt<'a, S, D, C: Connect> {
    pub(crate) engine: &'a Engine<S, D, C>,
    pub(crate) want: &'a Want,
    pub(crate) kept: &'a mut Entry,
    pub(crate) ca: &'a CaId,
    /// The chain that the new one will be instead of, where there is one.
    pub(crate) replaces: Option<&'a str>,
}

type Order<C> = <<C as Connect>::Ca as Authority>::Order;

impl<S: Store, D: Doors, C: Connect> Attempt<'_, S, D, C> {
    /// Orders, or goes on with the order at `url`, until the certificate is in its Secret.
    pub(crate) async fn run(&mut self, url: Option<&str>) -> Result<(), Ended> {
        let engine = self.engine;
        let _room = engine.accounts.room(self.ca).await?;
        let now = engine.now();
        engine.board.say(self.want, |status| {
            status.phase = Phase::Ordering(self.ca.clone());
            status.attempted = Some(now);
        });
        let ca = engine.accounts.ca(&engine.store, self.ca, now).await?;
        let mut order = match url {
            Some(url) => ca.read().await.resume(url).await?,
            None => self.order(&ca).await?,
        };
        self.prove(&mut order).await?;
        let (chain, key) = self.finalize(&mut order).await?;
        self.keep(&chain, &key).await
    }

    /// Asks for an order. That it is about to be asked for is saved before, and its URL after.
    async fn order(&mut self, ca: &RwLock<C::Ca>) -> Result<Order<C>, Ended> {
        let engine = self.engine;
        let is_begun = self
            .kept
            .record
            .pending
            .as_ref()
            .is_some_and(|p| p.ca == *self.ca);
        if !is_begun {
            let key = self.generate().await?;
            self.kept.record.begin(engine.now(), self.ca, key);
        }
        let order = self.reserve()?;
        self.kept.save(&engine.store).await?;
        let record = &self.kept.record;
        let is_again = record.pending.as_ref().is_some_and(|p| p.tries > 1);
        let replaces = self.replaces.filter(|_| !record.plain && !is_again);
        let account = ca.read().await;
        let names = self.want.names();
        let made = match account.order(names, self.profile(), replaces).await {
            Ok(made) => made,
            Err(failure) if may_have_ordered(failure.kind) => return Err(failure.into()),
            Err(failure) => {
                self.kept.record.not_made(&order, failure.kind);
                engine.ledger(|ledger| ledger.not_ordered(&order));
                return Err(failure.into());
            }
        };
        engine.board.say(self.want, |status| status.ordered += 1);
        self.kept.record.made(made.url());
        self.kept.save(&engine.store).await?;
        Ok(made)
    }

    /// Counts the order that is about to be asked for, if there may still be one.
    fn reserve(&mut self) -> Result<Ordered, Ended> {
        let (engine, now) = (self.engine, self.engine.now());
        let is_staging = engine.policy.is_staging(self.ca);
        let names = self.want.names();
        engine.ledger(|ledger| {
            let limits = &engine.policy.limits;
            let free = ledger.ask(now, self.ca, names, is_staging, limits);
            free.map_err(|_| Ended::Spent)?;
            let order = self.kept.record.ask(now, self.ca);
            ledger.ordered(&order);
            Ok(order)
        })
    }

    /// A fresh key. RSA takes so long that it is made elsewhere.
    async fn generate(&self) -> Result<Secret<String>, Failure> {
        let key_type = self.want.key_type.unwrap_or(self.engine.policy.key_type);
        let made = tokio::task::spawn_blocking(move || generate(key_type)).await;
        made.unwrap_or_else(|error| {
            Err(Failure::new(FailureKind::Configuration, error.to_string()))
        })
    }

    /// The profile is the CA's own, so that the one of last resort is not asked for it.
    fn profile(&self) -> Option<&str> {
        let policy = &self.engine.policy;
        let profile = self.want.profile.as_deref().or(policy.profile.as_deref());
        profile.filter(|_| *self.ca == policy.primary || policy.is_staging(self.ca))
    }

    /// Proves the names: every proxy must answer before the CA is told to look.
    async fn prove(&mut self, order: &mut Order<C>) -> Result<(), Ended> {
        let Engine {
            store,
            doors,
            board,
            policy,
            ..
        } = self.engine;
        let prefer = plan::challenge(self.want, &self.kept.record, policy);
        let staged = order.stage(prefer).await?;
        if !staged.is_empty() {
            board.phase(self.want, Phase::Answering);
            let (id, origin) = (&self.kept.id, &self.want.origin);
            store.put_challenges(id, origin, &staged).await?;
            doors
                .open(&staged)
                .await
                .map_err(|closed| Failure::new(FailureKind::DoorsClosed, closed.to_string()))?;
        }
        board.phase(self.want, Phase::Validating);
        order.tell().await?;
        Ok(order.ready().await?)
    }

    /// The certificate and its key.
    async fn finalize(&mut self, order: &mut Order<C>) -> Result<(String, Secret<String>), Ended> {
        self.engine.board.phase(self.want, Phase::Finalizing);
        let Some(pending) = &self.kept.record.pending else {
            let detail = "the key of the order is gone";
            return Err(Failure::new(FailureKind::Store, detail).into());
        };
        let (key, names) = (pending.key.clone(), self.want.names());
        order.finalize(&csr(names, &key)?).await?;
        let chain = order.certificate().await?;
        check_issued(&chain, &key, names, self.engine.now())?;
        Ok((chain, key))
    }

    /// Puts the certificate into its Secret, unless it is one that nobody trusts, and ends the order.
    async fn keep(&mut self, chain: &str, key: &Secret<String>) -> Result<(), Ended> {
        let Engine { store, policy, .. } = self.engine;
        let (now, is_staging) = (self.engine.now(), policy.is_staging(self.ca));
        if !is_staging {
            let mark = Mark {
                issuer: self.ca.clone(),
                names: self.want.names().to_vec(),
            };
            store
                .put_certificate(&self.want.secret, chain, key, &mark)
                .await?;
        }
        store
            .put_challenges(&self.kept.id, &self.want.origin, &[])
            .await?;
        if is_staging {
            self.kept.record.proven(self.ca);
            return Ok(self.kept.save(store).await?);
        }
        self.kept.record.issued(now, self.ca);
        self.kept.save(store).await?;
        self.engine
            .ledger(|ledger| ledger.issued(self.want.names(), now));
        self.engine
            .board
            .say(self.want, |status| status.issued += 1);
        Ok(())
    }
}
