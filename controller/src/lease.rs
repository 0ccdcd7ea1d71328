//! Who writes: one of the controllers, by a Lease.
