//! The one list of annotations, and what a record of it says.
//!
//! Parsing, documentation and tests all come from this list: an annotation that is not in it
//! does not exist.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::settings::Settings;
use super::value::ValueError;
use super::{access, acme, affinity, auth, backend, observe, routing, tls, traffic};

/// One annotation.
#[derive(Clone, Copy, Debug)]
pub struct Annotation {
    /// Its name, without a prefix.
    pub name: &'static str,
    /// Another name for the same.
    pub alias: Option<&'static str>,
    /// What stands for its value in the documentation.
    pub value: &'static str,
    /// What holds when it is absent; empty when nothing does.
    pub default: &'static str,
    /// A value that does something.
    pub example: &'static str,
    /// What it does, in sentences.
    pub doc: &'static str,
    /// What its value is to whoever guards a cluster.
    pub holds: Holds,
    /// Whether it is ours alone: ingress-nginx has none of its name, so it is not read under that
    /// prefix.
    pub is_own: bool,
    /// What is done about it.
    pub effect: Effect,
}

/// What a value is to whoever guards a cluster: the policies in `deploy` are made from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Nothing that concerns more than its Ingress.
    Setting,
    /// Configuration of nginx, which may say anything.
    Configuration,
    /// The name of an object, with or without its namespace and a slash before it.
    Object,
    /// Names of hosts, separated by commas.
    Hosts,
    /// Whether each host of a rule is also meant with `www.` before it, or without.
    Www,
}

/// What is done about an annotation.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    /// It is parsed into the settings.
    Set {
        /// What a bad value does.
        on_error: OnError,
        /// Parses a value into the settings.
        set: fn(&str, &mut Settings) -> Result<(), ValueError>,
    },
    /// It tunes a machinery that does not exist here, and its absence cannot be seen.
    Hint,
    /// It is not offered.
    Refused(Refusal),
}

/// What a bad value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The default is used, with a warning.
    Ignore,
    /// The routes of the Ingress answer 503.
    Refuse,
}

/// Why an annotation is not offered, and what that means for an Ingress that has it.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// Why, in a sentence.
    pub why: &'static str,
    /// What to do instead, in a sentence.
    pub instead: &'static str,
    /// What happens to the Ingress.
    pub consequence: Consequence,
    /// Whether a value asks for nothing, so that nothing happens.
    pub harmless: fn(&str) -> bool,
}

/// What happens to an Ingress with an annotation that is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// It is served without, with a warning.
    Warns,
    /// Its routes answer 503: served without, they would be less protected than asked.
    Closes,
    /// It is left out: served without, it would take traffic that is another Ingress'.
    LeavesOut,
}

/// A record to fill in.
pub(super) const UNSET: Annotation = Annotation {
    name: "",
    alias: None,
    value: "",
    default: "",
    example: "",
    doc: "",
    holds: Holds::Setting,
    is_own: false,
    effect: Effect::Hint,
};

/// A group of annotations with its heading in the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// Its annotations, sorted by name.
    pub annotations: &'static [Annotation],
}

/// Every annotation, in groups.
pub const ANNOTATIONS: [Group; 9] = [
    routing::GROUP,
    backend::GROUP,
    affinity::GROUP,
    access::GROUP,
    auth::GROUP,
    tls::GROUP,
    acme::GROUP,
    traffic::GROUP,
    observe::GROUP,
];

/// Every annotation.
pub fn all() -> impl Iterator<Item = &'static Annotation> {
    ANNOTATIONS.iter().flat_map(|group| group.annotations)
}

/// The annotation of this name or alias.
pub(super) fn find(name: &str) -> Option<&'static Annotation> {
    static BY_NAME: LazyLock<HashMap<&str, &Annotation>> = LazyLock::new(|| {
        let names = all().flat_map(|a| [Some((a.name, a)), a.alias.map(|alias| (alias, a))]);
        names.flatten().collect()
    });
    BY_NAME.get(name).copied()
}

/// Puts what was parsed into its place.
pub(super) fn put<T>(
    place: &mut Option<T>,
    parsed: Result<T, ValueError>,
) -> Result<(), ValueError> {
    *place = Some(parsed?);
    Ok(())
}

/// For [`Refusal::harmless`]: every value asks for something.
pub(super) fn never(_: &str) -> bool {
    false
}

/// For [`Refusal::harmless`]: `false` asks for nothing.
pub(super) fn if_false(value: &str) -> bool {
    super::value::boolean(value) == Ok(false)
}

/// For [`Refusal::harmless`]: `true` is how it is anyway.
pub(super) fn if_true(value: &str) -> bool {
    super::value::boolean(value) == Ok(true)
}

/// For [`Refusal::harmless`]: `off` asks for nothing.
pub(super) fn if_off(value: &str) -> bool {
    value == "off"
}
