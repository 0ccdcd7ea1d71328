//! Whether somebody keeps the configuration up to date.

use std::sync::atomic::{AtomicU8, Ordering};

/// How a controller and the running configuration stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    /// There is none, and none is missed.
    Unneeded,
    /// None was heard yet: what is served, if anything is, was kept from before.
    Awaited,
    /// A controller keeps it up to date.
    Fresh,
    /// One did, and is gone.
    Lost,
}

/// The same, to be read and set by anybody.
#[derive(Debug, Default)]
pub(crate) struct ContactCell(AtomicU8);

impl ContactCell {
    pub(crate) fn get(&self) -> Contact {
        match self.0.load(Ordering::Relaxed) {
            1 => Contact::Awaited,
            2 => Contact::Fresh,
            3 => Contact::Lost,
            _ => Contact::Unneeded,
        }
    }

    /// Who never came cannot be lost.
    pub(crate) fn set(&self, contact: Contact) {
        let number = match contact {
            Contact::Unneeded => 0,
            Contact::Awaited => 1,
            Contact::Fresh => 2,
            Contact::Lost if self.get() == Contact::Awaited => 1,
            Contact::Lost => 3,
        };
        self.0.store(number, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_came_is_not_lost() {
        let cell = ContactCell::default();
        assert_eq!(cell.get(), Contact::Unneeded);
        for (set, expected) in [
            (Contact::Awaited, Contact::Awaited),
            (Contact::Lost, Contact::Awaited),
            (Contact::Fresh, Contact::Fresh),
            (Contact::Lost, Contact::Lost),
            (Contact::Fresh, Contact::Fresh),
        ] {
            cell.set(set);
            assert_eq!(cell.get(), expected);
        }
    }
}
