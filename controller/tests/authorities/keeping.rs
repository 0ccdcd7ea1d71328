//! Whoever keeps certificates in a place and tells the API server of them, by a clock that is set.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use portreeve_controller::lease::Leadership;
use portreeve_controller::pki::{Home, Keeper, Told};
use portreeve_controller::webhook::Teller;
use portreeve_controller::{Counts, Guard};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::place::Place;

pub(crate) struct Keeping {
    pub(crate) counts: Arc<Counts>,
    /// What the keeper has heard that the API server has been told.
    told: watch::Sender<Told>,
    clock: Arc<AtomicI64>,
    _running: JoinSet<()>,
}

/// Where certificates are.
pub(crate) fn pki(place: &Place) -> PathBuf {
    place.folder.join("pki")
}

impl Keeping {
    /// Keeps them as at a time, for as long as this lives.
    pub(crate) fn start(place: &Place, at: Timestamp) -> Self {
        Self::start_with(place, at, place.name)
    }

    /// The same while there is no configuration to tell them by.
    pub(crate) fn start_in_silence(place: &Place, at: Timestamp) -> Self {
        Self::start_with(place, at, "nobody")
    }

    fn start_with(place: &Place, at: Timestamp, configuration: &str) -> Self {
        let home = Home::Directory(pki(place));
        let clock = Arc::new(AtomicI64::new(at.as_second()));
        let set = Arc::clone(&clock);
        let now = move || Timestamp::from_second(set.load(Ordering::Relaxed)).unwrap();
        let (keeper, _own) = Keeper::new(home, place.name, Leadership::always(), now);
        let (_, leads) = watch::channel(true);
        let counts = Arc::new(Counts::default());
        let (teller, tells) = Teller::new(
            place.client.clone(),
            Guard::new(leads, || true),
            configuration,
            place.name,
            keeper.believed(),
            Arc::clone(&counts),
        );
        let (told, hears) = watch::channel(Told::Nothing);
        let mut running = JoinSet::new();
        running.spawn(keeper.waiting_for(hears).run());
        running.spawn(teller.run());
        running.spawn(pass_on(tells, told.clone()));
        Self {
            counts,
            told,
            clock,
            _running: running,
        }
    }

    /// It is another time now, and the keeper looks.
    pub(crate) fn set(&self, now: Timestamp) {
        self.clock.store(now.as_second(), Ordering::Relaxed);
        self.told.send_modify(|_| {});
    }

    /// What the API server has been told.
    pub(crate) fn told(&self) -> Told {
        self.told.borrow().clone()
    }
}

async fn pass_on(mut tells: watch::Receiver<Told>, told: watch::Sender<Told>) {
    while tells.changed().await.is_ok() {
        told.send_replace(tells.borrow_and_update().clone());
    }
}
