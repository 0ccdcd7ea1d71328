//! One order (RFC 8555, section 7.1.6), from what it asks to be proven to its certificate.
//!
//! Each step can be taken again: what the CA has come to already is not done a second time, so that
//! whoever goes on with an order by its URL takes the steps from the first.

use instant_acme::{Account, AuthorizationStatus, ChallengeStatus, OrderStatus};

use super::authorization::{failed, invalid, name, pick, stage};
use super::call::ask;
use super::chain;
use super::poll::Poll;
use super::problem::{About, Problem};
use crate::failure::{Failure, FailureKind};
use crate::staged::Staged;
use crate::want::ChallengeChoice;

/// One order.
pub struct Order {
    inner: instant_acme::Order,
    account: Account,
    preferred_chain: Option<Box<str>>,
    prefer: ChallengeChoice,
    remark: Option<String>,
}

impl Order {
    pub(super) fn new(
        inner: instant_acme::Order,
        account: Account,
        preferred_chain: Option<Box<str>>,
    ) -> Self {
        Self {
            inner,
            account,
            preferred_chain,
            prefer: ChallengeChoice::default(),
            remark: None,
        }
    }

    /// Where it can be gone on with.
    pub fn url(&self) -> &str {
        self.inner.url()
    }

    /// The challenges that must be answered: of each name that the CA does not take for proven
    /// already, the one of the kind that is preferred, or the one that it was told of before.
    ///
    /// # Errors
    /// [`FailureKind::OrderInvalid`] and what the CA saw when a name cannot be proven any more;
    /// [`FailureKind::Configuration`] when the CA offers no challenge of that kind.
    pub async fn stage(&mut self, prefer: ChallengeChoice) -> Result<Vec<Staged>, Failure> {
        self.prefer = prefer;
        if *self.status() != OrderStatus::Pending {
            return Ok(Vec::new());
        }
        self.authorizations().await?;
        let mut staged: Vec<Result<Staged, Failure>> = Vec::new();
        let mut dead = Vec::new();
        let mut all = self.inner.authorizations();
        while let Some(Ok(mut authorization)) = all.next().await {
            let status = authorization.status;
            let name = name(&authorization)?;
            match status {
                AuthorizationStatus::Valid => {}
                AuthorizationStatus::Pending => {
                    let kind = pick(&authorization, prefer, &name)?;
                    staged.extend(authorization.challenge(kind).map(|challenge| {
                        let key = challenge.key_authorization();
                        stage(&challenge, key.as_str(), name)
                    }));
                }
                _ => dead.push(failed(&authorization, name)),
            }
        }
        match dead.is_empty() {
            true => staged.into_iter().collect(),
            false => Err(invalid(dead)),
        }
    }

    /// Tells the CA that the challenges are answered; those that it was told of before are left out.
    ///
    /// # Errors
    /// What the CA says, at the first one that it refuses.
    pub async fn tell(&mut self) -> Result<(), Failure> {
        self.refresh().await?;
        if *self.status() != OrderStatus::Pending {
            return Ok(());
        }
        self.authorizations().await?;
        let mut all = self.inner.authorizations();
        while let Some(Ok(mut authorization)) = all.next().await {
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let name = name(&authorization)?;
            let kind = pick(&authorization, self.prefer, &name)?;
            let Some(mut challenge) = authorization.challenge(kind) else {
                continue;
            };
            if challenge.status != ChallengeStatus::Pending {
                continue;
            }
            let told = ask!(About::Order, challenge.set_ready());
            told.map_err(|(failure, _)| failure)?;
        }
        Ok(())
    }

    /// Waits up to five minutes until the CA takes every name for proven.
    ///
    /// # Errors
    /// What the CA saw at each name when it does not; [`FailureKind::Timeout`] when it does not say.
    pub async fn ready(&mut self) -> Result<(), Failure> {
        self.until(|status| *status != OrderStatus::Pending).await?;
        match self.status() {
            OrderStatus::Invalid => Err(self.why().await),
            _ => Ok(()),
        }
    }

    /// Asks for the certificate with a request in DER; nothing where that was done before.
    ///
    /// # Errors
    /// [`FailureKind::OrderInvalid`] when names are still to be proven, else what the CA says.
    pub async fn finalize(&mut self, csr_der: &[u8]) -> Result<(), Failure> {
        if self.is_finalized() {
            return Ok(());
        }
        let asked = ask!(About::Order, self.inner.finalize_csr(csr_der));
        let Err((failure, _)) = asked else {
            return Ok(());
        };
        // The answer to an earlier request may have been lost.
        if failure.kind == FailureKind::OrderInvalid {
            self.refresh().await?;
        }
        match self.is_finalized() {
            true => Ok(()),
            false => Err(failure),
        }
    }

    /// Waits up to five minutes for the certificate, and gives its chain as PEM, leaf first.
    ///
    /// Where the CA offers several chains, it is the one that is preferred, and otherwise its own
    /// choice, with a [`Order::remark`].
    ///
    /// # Errors
    /// Why the CA does not issue it; [`FailureKind::Timeout`] when it does not say.
    pub async fn certificate(&mut self) -> Result<String, Failure> {
        let done = |status: &OrderStatus| *status != OrderStatus::Processing;
        self.until(done).await?;
        match self.status() {
            OrderStatus::Valid => {}
            OrderStatus::Invalid => return Err(self.why().await),
            _ => {
                let detail = "the CA was not asked for the certificate yet";
                return Err(Failure::new(FailureKind::OrderInvalid, detail));
            }
        }
        let got = ask!(About::Order, self.inner.certificate());
        let (chain, notes) = got.map_err(|(failure, _)| failure)?;
        let chain = chain.unwrap_or_default();
        let Some(issuer) = self.preferred_chain.as_deref() else {
            return Ok(chain);
        };
        let chosen = chain::choose(&self.account, chain, &notes.alternates, issuer).await?;
        if !chain::leads_to(&chosen, issuer) {
            let remark = format!(
                "the CA offers no chain that {issuer:?} issued: its own choice is taken (see \
                 --acme-preferred-chain)"
            );
            self.remark = Some(remark);
        }
        Ok(chosen)
    }

    /// What is not as it was asked for, but no failure.
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    fn status(&mut self) -> &OrderStatus {
        &self.inner.state().status
    }

    fn is_finalized(&mut self) -> bool {
        matches!(self.status(), OrderStatus::Processing | OrderStatus::Valid)
    }

    /// Asks until the CA has come to a state that is `done`.
    async fn until(&mut self, done: impl Fn(&OrderStatus) -> bool) -> Result<(), Failure> {
        let mut poll = Poll::new();
        loop {
            let asked = ask!(About::Order, async { self.inner.refresh().await.map(drop) });
            match asked {
                Ok(_) if done(self.status()) => return Ok(()),
                Ok((_, notes)) => poll.wait(notes.retry_after).await?,
                Err((failure, _)) => poll.forgive(failure).await?,
            }
        }
    }

    async fn refresh(&mut self) -> Result<(), Failure> {
        let asked = ask!(About::Order, async { self.inner.refresh().await.map(drop) });
        asked.map(drop).map_err(|(failure, _)| failure)
    }

    /// Reads every authorization that was not read since the order was.
    async fn authorizations(&mut self) -> Result<(), Failure> {
        let read = ask!(About::Order, async {
            let mut all = self.inner.authorizations();
            while let Some(next) = all.next().await {
                next?;
            }
            Ok(())
        });
        read.map(drop).map_err(|(failure, _)| failure)
    }

    /// Why the order is invalid: what the CA says of it and of each name.
    async fn why(&mut self) -> Failure {
        let own = self.inner.state().error.clone().map(Problem::from);
        let own = own.map(|problem| problem.failure(About::Name));
        let mut names = Vec::new();
        // The order's own words are enough when those of its names cannot be had any more.
        if self.authorizations().await.is_ok() {
            let mut all = self.inner.authorizations();
            while let Some(Ok(authorization)) = all.next().await {
                let alive = matches!(
                    authorization.status,
                    AuthorizationStatus::Valid | AuthorizationStatus::Pending
                );
                if !alive && let Ok(name) = name(&authorization) {
                    names.push(failed(&authorization, name));
                }
            }
        }
        match (own, names.is_empty()) {
            (Some(own), true) => own,
            (_, false) => invalid(names),
            (None, true) => {
                let detail = format!(
                    "the CA gave up the order {}, and does not say why",
                    self.url()
                );
                Failure::new(FailureKind::OrderInvalid, detail)
            }
        }
    }
}
