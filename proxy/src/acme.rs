//! Certificates by ACME without a cluster: the engine's issuer, with its state in a directory and
//! this process' own listeners to answer for it.
//!
//! What it brings reaches the table like every other manifest: it must never touch the table itself,
//! nor block the control thread. Only [`Acme`] knows the engine's settings; in a cluster there is
//! none of it here.

mod doors;
mod report;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod wants;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use portreeve_acme::{AcmeSettings, ChallengeChoice, Directory, Issuer, SettingsError, Want};
use tokio::sync::watch;

pub(crate) use doors::Listening;
use doors::Own;
pub use state::StateError;
use wants::Wants;

use crate::metrics::Metrics;
use crate::options::Options;

/// Whose Secrets the challenges are, which nobody but us writes.
const NAMESPACE: &str = "portreeve";

/// Why no certificates can be ordered.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// A CA is named, and no place for what it gives.
    #[error(
        "--acme-directory needs --acme-dir DIR, where the account, certificates and their keys are kept"
    )]
    NoState,
    /// A controller orders them for its proxies.
    #[error(
        "--{0} goes only with --manifests; in a cluster give --acme-directory to the controller"
    )]
    Cluster(&'static str),
    /// The directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The flags cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// What ACME needs of this process, and this process of ACME.
pub(crate) struct Acme {
    state: Directory,
    settings: AcmeSettings,
    /// With whom and how, where a CA is named; without one, what is there is served.
    issuing: Option<portreeve_acme::Acme>,
    doors: Own,
    told: watch::Sender<Arc<Vec<Want>>>,
    /// What was told since the beginning, so that the first word is not missed.
    wants: watch::Receiver<Arc<Vec<Want>>>,
}

impl Acme {
    /// Reads what the flags name, and takes the directory for this process; `None` when there is no
    /// ACME here.
    ///
    /// # Errors
    /// When flags do not go together or name what cannot be read, or the directory is not to be had.
    pub(crate) fn open(options: &Options) -> Result<Option<Self>, AcmeError> {
        let settings = options.acme.clone();
        let issuing = settings.acme()?;
        let (manifests, folder) = match (&options.manifests, &options.acme_dir) {
            (Some(manifests), Some(folder)) => (manifests, folder),
            (Some(_), None) if issuing.is_some() => return Err(AcmeError::NoState),
            (None, Some(_)) => return Err(AcmeError::Cluster("acme-dir")),
            (None, None) if issuing.is_some() => return Err(AcmeError::Cluster("acme-directory")),
            (_, None) => return Ok(None),
        };
        let (told, wants) = watch::channel(Arc::default());
        Ok(Some(Self {
            state: state::open(folder, manifests, NAMESPACE)?,
            settings,
            issuing,
            doors: Own::new()?,
            told,
            wants,
        }))
    }

    /// Where certificates and challenges are, as manifests.
    pub(crate) fn manifests(&self) -> PathBuf {
        self.state.manifests()
    }

    /// Who is to be told what is wanted; nobody, when nothing is ordered.
    pub(crate) fn wants(&self) -> Option<Wants> {
        let is_told = self.issuing.is_some();
        is_told.then(|| Wants::new(self.told.clone()))
    }

    /// The same options of translation, with what ACME may do.
    pub(crate) fn allow(
        &self,
        options: portreeve_translate::Options,
    ) -> portreeve_translate::Options {
        if self.issuing.is_none() {
            return options;
        }
        let allowed = self.settings.acme_allow.iter();
        let allowed = allowed.map(|it| (it.namespace.to_string(), it.hosts.clone()));
        portreeve_translate::Options {
            acme: true,
            tls_acme: self.settings.acme_tls_acme,
            acme_allowed: allowed.collect(),
            challenges: Some(NAMESPACE.into()),
            ..options
        }
    }

    /// Orders and renews for as long as the process lives, once it is known what is wanted, and says
    /// how things stand.
    ///
    /// It can be dropped at any moment: whoever opens the directory next goes on from there.
    pub(crate) async fn run(self, listening: Listening, metrics: Arc<Metrics>) {
        let Some(portreeve_acme::Acme { cas, mut policy }) = self.issuing else {
            // The directory stays ours.
            return std::future::pending().await;
        };
        if policy.challenge == ChallengeChoice::Any {
            policy.challenge = listening.choice();
        }
        let mut wants = self.wants;
        drop(self.told);
        let doors = self.doors.listening(listening);
        let clock = Arc::new(Timestamp::now);
        let (issuer, statuses) = Issuer::new(self.state, doors, cas, policy, clock);
        // That nothing is wanted before anything was read is no sign that nobody wants it.
        if wants.changed().await.is_ok() {
            tokio::join!(issuer.run(wants), report::follow(statuses, metrics));
        }
    }
}
