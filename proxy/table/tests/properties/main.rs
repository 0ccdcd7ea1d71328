//! What holds for every configuration and every request, by comparison with what is too simple to
//! be wrong.

#![cfg(test)]

mod bypass;
mod delta;
mod given;
mod incremental;
mod naive;
mod oracle;
mod wire;
