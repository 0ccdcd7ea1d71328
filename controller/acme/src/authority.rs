//! What the engine asks of a CA: the seam at which its tests put one that lives in memory.

use std::future::Future;

use portreeve_table::Secret;

use crate::account::CaSettings;
use crate::ari::Ari;
use crate::ca::{Ca, Order};
use crate::failure::Failure;
use crate::staged::Staged;
use crate::want::{ChallengeChoice, Name};

/// Where accounts are had.
pub(crate) trait Connect: Send + Sync + 'static {
    type Ca: Authority;

    /// The account of `credentials`, or a new one with the credentials to keep.
    fn connect(
        &self,
        settings: &CaSettings,
        credentials: Option<&Secret<String>>,
    ) -> impl Future<Output = Result<(Self::Ca, Option<Secret<String>>), Failure>> + Send;
}

/// One CA, as one account.
pub(crate) trait Authority: Send + Sync + 'static {
    type Order: Ordering;

    fn order(
        &self,
        names: &[Name],
        profile: Option<&str>,
        replaces: Option<&str>,
    ) -> impl Future<Output = Result<Self::Order, Failure>> + Send;

    fn resume(&self, url: &str) -> impl Future<Output = Result<Self::Order, Failure>> + Send;

    fn renewal_info(
        &self,
        chain: &str,
    ) -> impl Future<Output = Result<Option<Ari>, Failure>> + Send;

    fn roll_over(&mut self) -> impl Future<Output = Result<Secret<String>, Failure>> + Send;

    fn update_contacts(&self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// One order. Each call does nothing when the order is beyond it already.
pub(crate) trait Ordering: Send {
    fn url(&self) -> &str;

    fn stage(
        &mut self,
        prefer: ChallengeChoice,
    ) -> impl Future<Output = Result<Vec<Staged>, Failure>> + Send;

    fn tell(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    fn ready(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    fn finalize(&mut self, csr: &[u8]) -> impl Future<Output = Result<(), Failure>> + Send;

    fn certificate(&mut self) -> impl Future<Output = Result<String, Failure>> + Send;
}

/// Real CAs.
pub(crate) struct Real;

impl Connect for Real {
    type Ca = Ca;

    async fn connect(
        &self,
        settings: &CaSettings,
        credentials: Option<&Secret<String>>,
    ) -> Result<(Ca, Option<Secret<String>>), Failure> {
        Ca::connect(settings, credentials).await
    }
}

impl Authority for Ca {
    type Order = Order;

    async fn order(
        &self,
        names: &[Name],
        profile: Option<&str>,
        replaces: Option<&str>,
    ) -> Result<Order, Failure> {
        self.order(names, profile, replaces).await
    }

    async fn resume(&self, url: &str) -> Result<Order, Failure> {
        self.resume(url).await
    }

    async fn renewal_info(&self, chain: &str) -> Result<Option<Ari>, Failure> {
        self.renewal_info(chain).await
    }

    async fn roll_over(&mut self) -> Result<Secret<String>, Failure> {
        self.roll_over().await
    }

    async fn update_contacts(&self) -> Result<(), Failure> {
        self.update_contacts().await
    }
}

impl Ordering for Order {
    fn url(&self) -> &str {
        self.url()
    }

    async fn stage(&mut self, prefer: ChallengeChoice) -> Result<Vec<Staged>, Failure> {
        self.stage(prefer).await
    }

    async fn tell(&mut self) -> Result<(), Failure> {
        self.tell().await
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        self.ready().await
    }

    async fn finalize(&mut self, csr: &[u8]) -> Result<(), Failure> {
        self.finalize(csr).await
    }

    async fn certificate(&mut self) -> Result<String, Failure> {
        self.certificate().await
    }
}
