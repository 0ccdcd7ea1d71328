//! The accounts with the CAs that are used: each is connected when it is first needed, and kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use portreeve_table::Secret;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, RwLock, Semaphore, SemaphorePermit};

use crate::account::CaSettings;
use crate::authority::{Authority, Connect};
use crate::budget::counts;
use crate::failure::{Failure, FailureKind};
use crate::record::reveal;
use crate::store::{CaId, Store, StoreError};

/// For how long nobody else tries to connect after somebody could not.
const PAUSE: Duration = Duration::from_secs(30);

/// What is kept of an account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    /// What the CA's client reads, as JSON.
    #[serde(serialize_with = "reveal")]
    credentials: Secret<String>,
    /// When its key was made.
    made: Timestamp,
    /// Whom the CA was told that it may write to.
    emails: Vec<Box<str>>,
}

/// All CAs that are used.
pub(crate) struct Accounts<C: Connect> {
    connect: C,
    homes: BTreeMap<CaId, Home<C::Ca>>,
    parallel: u32,
}

struct Home<A> {
    settings: CaSettings,
    state: Mutex<State<A>>,
    /// One for each order that may be under way.
    room: Semaphore,
}

struct State<A> {
    ca: Option<Arc<RwLock<A>>>,
    /// An account that was made and could not be kept: it is kept before another is made.
    unkept: Option<Opened<A>>,
    failed: Option<(Timestamp, Failure)>,
}

/// A CA, with what is to be kept of its account.
struct Opened<A> {
    ca: A,
    kept: Option<Kept>,
}

impl<C: Connect> Accounts<C> {
    pub(crate) fn new(
        connect: C,
        cas: impl IntoIterator<Item = CaSettings>,
        parallel: usize,
    ) -> Self {
        let parallel = u32::try_from(parallel.max(1)).unwrap_or(u32::MAX);
        let home = |settings: CaSettings| {
            let state = State {
                ca: None,
                unkept: None,
                failed: None,
            };
            let home = Home {
                settings: settings.clone(),
                state: Mutex::new(state),
                room: Semaphore::new(usize::try_from(parallel).unwrap_or(usize::MAX)),
            };
            (settings.id, home)
        };
        Self {
            connect,
            homes: cas.into_iter().map(home).collect(),
            parallel,
        }
    }

    /// Waits until one more order may be under way.
    pub(crate) async fn room(&self, id: &CaId) -> Result<SemaphorePermit<'_>, Failure> {
        let room = self.home(id)?.room.acquire().await;
        room.map_err(|_| unknown(id))
    }

    /// The account with a CA.
    pub(crate) async fn ca(
        &self,
        store: &impl Store,
        id: &CaId,
        now: Timestamp,
    ) -> Result<Arc<RwLock<C::Ca>>, Failure> {
        let home = self.home(id)?;
        let mut state = home.state.lock().await;
        if let Some(ca) = &state.ca {
            return Ok(Arc::clone(ca));
        }
        if let Some((at, failure)) = &state.failed
            && counts(now, *at, PAUSE)
        {
            return Err(failure.clone());
        }
        match self.open(store, home, &mut state, now).await {
            Ok(ca) => Ok(Arc::clone(state.ca.insert(Arc::new(RwLock::new(ca))))),
            Err(failure) => {
                state.failed = Some((now, failure.clone()));
                Err(failure)
            }
        }
    }

    /// Has the account connected anew before it is used again, because the CA did not know it.
    pub(crate) async fn forget(&self, id: &CaId) {
        if let Ok(home) = self.home(id) {
            home.state.lock().await.ca = None;
        }
    }

    async fn open(
        &self,
        store: &impl Store,
        home: &Home<C::Ca>,
        state: &mut State<C::Ca>,
        now: Timestamp,
    ) -> Result<C::Ca, Failure> {
        let opened = match state.unkept.take() {
            Some(unkept) => unkept,
            None => self.connect(store, &home.settings, now).await?,
        };
        if let Some(kept) = &opened.kept
            && let Err(error) = write(store, &home.settings.id, kept).await
        {
            state.unkept = Some(opened);
            return Err(error.into());
        }
        Ok(opened.ca)
    }

    async fn connect(
        &self,
        store: &impl Store,
        settings: &CaSettings,
        now: Timestamp,
    ) -> Result<Opened<C::Ca>, Failure> {
        let kept = read(store, &settings.id).await?;
        let credentials = kept.as_ref().map(|kept| &kept.credentials);
        let (ca, new) = self.connect.connect(settings, credentials).await?;
        let emails = settings.emails.clone();
        let kept = match (new, kept) {
            (Some(credentials), _) => Some(Kept {
                credentials,
                made: now,
                emails,
            }),
            (None, Some(kept)) if kept.emails != emails => {
                ca.update_contacts().await?;
                Some(Kept { emails, ..kept })
            }
            (None, _) => None,
        };
        Ok(Opened { ca, kept })
    }

    /// Gives an account a fresh key whose key is older than `most`. Nothing is ordered meanwhile,
    /// because what challenges are answered with depends on the key.
    pub(crate) async fn roll_over(
        &self,
        store: &impl Store,
        id: &CaId,
        now: Timestamp,
        most: Duration,
    ) -> Result<(), Failure> {
        let home = self.home(id)?;
        let _all = home.room.acquire_many(self.parallel).await;
        match read(store, id).await? {
            Some(kept) if kept.made <= now && !counts(now, kept.made, most) => {}
            _ => return Ok(()),
        }
        let ca = self.ca(store, id, now).await?;
        let kept = Kept {
            credentials: ca.write().await.roll_over().await?,
            made: now,
            emails: home.settings.emails.clone(),
        };
        Ok(write(store, id, &kept).await?)
    }

    fn home(&self, id: &CaId) -> Result<&Home<C::Ca>, Failure> {
        self.homes.get(id).ok_or_else(|| unknown(id))
    }
}

fn unknown(id: &CaId) -> Failure {
    let detail = format!("{id} is none of the CAs that are configured");
    Failure::new(FailureKind::Configuration, detail)
}

async fn read(store: &impl Store, id: &CaId) -> Result<Option<Kept>, StoreError> {
    let Some(text) = store.account(id).await? else {
        return Ok(None);
    };
    // What is wrong with it is not said in its own words, which could hold the key.
    let kept = serde_json::from_str(text.expose()).map_err(|_| StoreError::Unreadable {
        object: format!("the account at {id}"),
        why: "it is not JSON with credentials, made and emails".into(),
    });
    kept.map(Some)
}

async fn write(store: &impl Store, id: &CaId, kept: &Kept) -> Result<(), StoreError> {
    let text = serde_json::to_string(kept).map_err(|error| StoreError::Failed {
        object: format!("the account at {id}"),
        why: error.to_string(),
    })?;
    store.put_account(id, &Secret::new(text)).await
}
