//! What holds for every configuration and every request, by comparison with what is too simple to
//! be wrong.

#[cfg(test)]
mod bypass;
#[cfg(test)]
mod delta;
#[cfg(test)]
mod given;
#[cfg(test)]
mod incremental;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod oracle;
