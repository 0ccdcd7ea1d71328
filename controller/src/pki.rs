//! The certificates by which controllers and proxies know each other.
