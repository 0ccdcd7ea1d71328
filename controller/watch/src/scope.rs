//! Which namespaces count.

/// The namespaces whose objects count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Every namespace.
    #[default]
    All,
    /// One, with permissions in that namespace alone. IngressClasses have no namespace, so it may
    /// be forbidden to read them; there are none then.
    One(String),
    /// Those that have labels, as a label selector. What is in the others is watched, as a server
    /// cannot select by it, and does not count.
    Selected(String),
}
