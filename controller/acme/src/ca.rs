//! One CA and the account with it: orders, renewal information, and the account itself.
//!
//! Every call is bounded in time and size, and what the CA answers is believed no further than its
//! form. Nothing here is kept: whoever calls keeps credentials and orders' URLs.

mod account;
mod ari;
mod authorization;
mod call;
mod chain;
mod client;
mod dial;
mod directory;
mod note;
mod order;
mod poll;
mod problem;
mod retry_after;
mod roots;

use instant_acme::{Account, Identifier, NewOrder};
use portreeve_table::Secret;

pub use order::Order;

use self::account::Existing;
use self::call::ask;
use self::client::Client;
use self::directory::Directory;
use self::problem::About;
use crate::account::CaSettings;
use crate::ari::Ari;
use crate::failure::{Failure, FailureKind};
use crate::want::Name;

/// The problem of an order that replaces what another order replaced already (RFC 9773, section 5).
const ALREADY_REPLACED: &str = "urn:ietf:params:acme:error:alreadyReplaced";

/// One CA with an account.
pub struct Ca {
    settings: CaSettings,
    client: Client,
    directory: Directory,
    account: Account,
}

impl Ca {
    /// Reads the CA's directory, and makes sure that there is an account: the one of `credentials`,
    /// or a new one when there are none, or when that one is unknown to the CA or deactivated.
    ///
    /// Gives the credentials of a new account, which must be kept: whoever loses them asks for one
    /// account after the other, and CAs limit those.
    ///
    /// # Errors
    /// When the CA cannot be reached, the account cannot be used or made, or its settings are wrong.
    pub async fn connect(
        settings: &CaSettings,
        credentials: Option<&Secret<String>>,
    ) -> Result<(Self, Option<Secret<String>>), Failure> {
        let client = Client::new(settings.roots.as_deref())?;
        let directory = Directory::read(&client, settings.id.url()).await?;
        let existing = match credentials {
            Some(kept) => account::load(&client, settings, kept).await?,
            None => Existing::Gone,
        };
        let (account, new) = match existing {
            Existing::Valid(account) => (account, None),
            Existing::Gone => {
                let (account, new) = account::create(&client, settings, &directory).await?;
                (account, Some(new))
            }
        };
        let ca = Self {
            settings: settings.clone(),
            client,
            directory,
            account,
        };
        Ok((ca, new))
    }

    /// Orders a certificate for `names`.
    ///
    /// `replaces` is the chain that it will be instead of; it is told the CA where the CA takes it
    /// (RFC 9773, section 5), and left out where it does not.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] when the CA has no such profile, else what the CA says.
    pub async fn order(
        &self,
        names: &[Name],
        profile: Option<&str>,
        replaces: Option<&str>,
    ) -> Result<Order, Failure> {
        self.directory.offers(profile)?;
        let replaces = replaces.filter(|_| self.directory.renewal_info.is_some());
        match self.new_order(names, profile, replaces).await {
            Err(failure)
                if replaces.is_some() && failure.problem.as_deref() == Some(ALREADY_REPLACED) =>
            {
                self.new_order(names, profile, None).await
            }
            answer => answer,
        }
    }

    async fn new_order(
        &self,
        names: &[Name],
        profile: Option<&str>,
        replaces: Option<&str>,
    ) -> Result<Order, Failure> {
        let identifiers: Vec<_> = names.iter().map(identifier).collect();
        let made = ask!(About::Order, async {
            let mut order = NewOrder::new(&identifiers);
            if let Some(profile) = profile {
                order = order.profile(profile);
            }
            if let Some(id) = replaces.and_then(ari::identify) {
                order = order.replaces(id);
            }
            self.account.new_order(&order).await
        });
        match made {
            Ok((inner, _)) => Ok(self.have(inner)),
            // It was made, and what came with it is not as it should be: another order would be a
            // second one.
            Err((failure, notes)) => match notes.location {
                Some(url) => self.resume(&url).await,
                None => Err(failure),
            },
        }
    }

    /// Goes on with the order at `url`, whatever it has come to.
    ///
    /// # Errors
    /// [`FailureKind::OrderInvalid`] when the CA has none there.
    pub async fn resume(&self, url: &str) -> Result<Order, Failure> {
        let found = ask!(About::Order, self.account.order(url.to_owned()));
        let (inner, _) = found.map_err(|(failure, _)| failure)?;
        Ok(self.have(inner))
    }

    fn have(&self, inner: instant_acme::Order) -> Order {
        let preferred = self.settings.preferred_chain.clone();
        Order::new(inner, self.account.clone(), preferred)
    }

    /// When the CA wants the certificate of `chain` (PEM) renewed; `None` when it does not say.
    ///
    /// # Errors
    /// When the CA cannot be reached, is in trouble, or says what cannot be meant.
    pub async fn renewal_info(&self, chain: &str) -> Result<Option<Ari>, Failure> {
        match self.directory.renewal_info.as_deref() {
            Some(url) => ari::ask(&self.client, url, chain).await,
            None => Ok(None),
        }
    }

    /// Gives the account a fresh key, and gives the credentials that hold it, which must be kept
    /// before anything else is done: the old ones are worth nothing from now on.
    ///
    /// Challenges that are staged are void by it, so no order may be under way.
    /// When the CA's answer or what it leads to is lost, so is the account, and a new one is made.
    ///
    /// # Errors
    /// [`FailureKind::Configuration`] when the CA cannot do it, else what the CA says.
    pub async fn roll_over(&mut self) -> Result<Secret<String>, Failure> {
        if self.directory.key_change.is_none() {
            let detail = "the CA offers no change of an account's key: set --acme-key-rollover 0";
            return Err(Failure::new(FailureKind::Configuration, detail));
        }
        let changed = ask!(About::Account, self.account.update_key());
        let (credentials, _) = changed.map_err(|(failure, _)| failure)?;
        account::keep(&credentials)
    }

    /// Tells the CA whom it may write to, instead of whom it was told before.
    ///
    /// # Errors
    /// [`FailureKind::Account`] when it does not take the addresses.
    pub async fn update_contacts(&self) -> Result<(), Failure> {
        let contacts = account::contacts(&self.settings);
        let contacts: Vec<_> = contacts.iter().map(String::as_str).collect();
        let told = ask!(About::Account, self.account.update_contacts(&contacts));
        told.map(|_| ()).map_err(|(failure, _)| failure)
    }

    /// By which names the CA is allowed in CAA records (RFC 8659); none when it does not say.
    pub fn caa_identities(&self) -> &[String] {
        &self.directory.meta.caa_identities
    }

    /// The page with the terms that the account agreed to, where the CA names one.
    pub fn terms_of_service(&self) -> Option<&str> {
        self.directory.meta.terms_of_service.as_deref()
    }
}

fn identifier(name: &Name) -> Identifier {
    match name {
        Name::Dns(name) => Identifier::Dns(name.to_string()),
        Name::Ip(address) => Identifier::Ip(*address),
    }
}
