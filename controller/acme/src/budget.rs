//! How much may be ordered, so that no CA has to say no.
//!
//! The bounds are those of Let's Encrypt, which are the narrowest that are known.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::record::{Ordered, Record};
use crate::renewal::later;
use crate::store::CaId;
use crate::want::Name;

/// How long what was issued counts.
pub(crate) const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long an order counts for its account.
const ACCOUNT: Duration = Duration::from_secs(3 * 3600);
/// How far orders for the same names at one CA are apart after one that failed.
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// How much may be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Certificates for exactly the same names in a week.
    pub per_names: usize,
    /// New orders of one account in three hours.
    pub per_account: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_names: 5,
            per_account: 300,
        }
    }
}

/// Which bound is reached, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) until: Timestamp,
    pub(crate) which: Bound,
}

/// A bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// Certificates for exactly the same names in a week.
    Names,
    /// New orders of one account in three hours.
    Account,
}

/// What was ordered and issued, over all wants.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    orders: BTreeMap<CaId, Vec<Timestamp>>,
    issued: BTreeMap<Vec<Name>, Vec<Timestamp>>,
}

impl Ledger {
    /// Counts what is kept of one want.
    pub(crate) fn load(&mut self, record: &Record) {
        for Ordered { at, ca } in &record.ordered {
            self.orders.entry(ca.clone()).or_default().push(*at);
        }
        let issued = self.issued.entry(record.names.clone()).or_default();
        issued.extend(&record.issued);
    }

    /// Counts an order.
    pub(crate) fn ordered(&mut self, order: &Ordered) {
        let orders = self.orders.entry(order.ca.clone()).or_default();
        orders.retain(|at| counts(order.at, *at, ACCOUNT));
        orders.push(order.at);
    }

    /// Takes an order back that the CA did not make.
    pub(crate) fn not_ordered(&mut self, order: &Ordered) {
        let orders = self.orders.entry(order.ca.clone()).or_default();
        if let Some(index) = orders.iter().position(|at| *at == order.at) {
            orders.swap_remove(index);
        }
    }

    /// Counts a certificate.
    pub(crate) fn issued(&mut self, names: &[Name], now: Timestamp) {
        let issued = self.issued.entry(names.to_vec()).or_default();
        issued.retain(|at| counts(now, *at, WEEK));
        issued.push(now);
    }

    /// Whether there may be one more order.
    ///
    /// # Errors
    /// The bound that is reached.
    pub(crate) fn ask(
        &self,
        now: Timestamp,
        ca: &CaId,
        names: &[Name],
        is_staging: bool,
        limits: &Limits,
    ) -> Result<(), Spent> {
        // What staging issues is for nobody, and costs nothing.
        let issued = self.issued.get(names).filter(|_| !is_staging);
        let orders = self.orders.get(ca);
        free(now, issued, WEEK, limits.per_names, Bound::Names)?;
        free(now, orders, ACCOUNT, limits.per_account, Bound::Account)
    }
}

/// Whether fewer than `most` of `all` are less than `window` ago; otherwise from when on they are.
fn free(
    now: Timestamp,
    all: Option<&Vec<Timestamp>>,
    window: Duration,
    most: usize,
    which: Bound,
) -> Result<(), Spent> {
    let all = all.map(Vec::as_slice).unwrap_or_default();
    let mut all: Vec<_> = all.iter().filter(|at| counts(now, **at, window)).collect();
    all.sort_unstable();
    let Some(first) = all.len().checked_sub(most.max(1)) else {
        return Ok(());
    };
    match all.get(first) {
        Some(at) => Err(Spent {
            until: later(**at, window),
            which,
        }),
        None => Ok(()),
    }
}

/// Whether what was at `at` is less than `window` ago. What is yet to come was noted by a clock that
/// was wrong, and does not count.
pub(crate) fn counts(now: Timestamp, at: Timestamp, window: Duration) -> bool {
    let ago = now.duration_since(at);
    ago >= SignedDuration::ZERO && ago < SignedDuration::try_from(window).unwrap_or_default()
}

#[cfg(test)]
mod tests;
