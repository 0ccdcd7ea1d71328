//! The kinds that are watched.

use std::fmt;

use portreeve_translate::Kind;

/// A kind that can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watched {
    /// A kind that is translated.
    Translated(Kind),
    /// Whose labels may decide which objects count.
    Namespace,
}

impl Watched {
    /// The kind as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Translated(kind) => kind.as_str(),
            Self::Namespace => "Namespace",
        }
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which of the translated kinds are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds {
    secrets: bool,
    endpoints: bool,
    /// The namespace of the ConfigMaps that are.
    parameters: Option<Box<str>>,
}

impl Kinds {
    /// Every kind but ConfigMaps.
    pub fn all() -> Self {
        Self {
            secrets: true,
            endpoints: true,
            parameters: None,
        }
    }

    /// The kinds that a review depends on: neither Secrets, which are then unknown, nor endpoints,
    /// of which there are many and which no Ingress names.
    pub fn for_reviews() -> Self {
        Self {
            secrets: false,
            endpoints: false,
            parameters: None,
        }
    }

    /// The ConfigMaps of this namespace as well, for the settings of classes: elsewhere there may
    /// be many, and who may write one there need not be who may say how a class is read.
    #[must_use]
    pub fn with_parameters(mut self, namespace: &str) -> Self {
        self.parameters = Some(namespace.into());
        self
    }

    pub(crate) fn has_secrets(&self) -> bool {
        self.secrets
    }

    pub(crate) fn parameters(&self) -> Option<&str> {
        self.parameters.as_deref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Kind> {
        let all = Kind::ALL.into_iter();
        all.filter(|kind| match kind {
            Kind::Secret => self.secrets,
            Kind::EndpointSlice => self.endpoints,
            Kind::ConfigMap => self.parameters.is_some(),
            _ => true,
        })
    }
}
