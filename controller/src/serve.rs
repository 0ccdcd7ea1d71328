//! Keeps proxies up to date.
