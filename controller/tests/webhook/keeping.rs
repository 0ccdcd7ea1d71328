//! Whoever keeps certificates in a place and tells the API server of them, by any clock.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use portreeve_controller::lease::Leadership;
use portreeve_controller::pki::{Home, Keeper, Told};
use portreeve_controller::webhook::Teller;
use portreeve_controller::{Counts, Guard};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::place::Place;

pub(crate) struct Keeping {
    pub(crate) told: watch::Receiver<Told>,
    pub(crate) counts: Arc<Counts>,
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
        let leads = Leadership::always();
        let (keeper, _own) = Keeper::new(home, place.name, leads, move || at);
        let (_, leads) = watch::channel(true);
        let counts = Arc::new(Counts::default());
        let (teller, told) = Teller::new(
            place.client.clone(),
            Guard::new(leads, || true),
            configuration,
            place.name,
            keeper.believed(),
            Arc::clone(&counts),
        );
        let mut running = JoinSet::new();
        running.spawn(keeper.waiting_for(told.clone()).run());
        running.spawn(teller.run());
        Self {
            told,
            counts,
            _running: running,
        }
    }
}
