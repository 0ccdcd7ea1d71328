//! The kinds that are watched.

use portreeve_translate::Kind;

use crate::watched::Watched;

/// Which kinds are translated, and so watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds {
    secrets: bool,
    endpoints: bool,
    /// The namespace of the ConfigMaps that are.
    parameters: Option<Box<str>>,
    namespaces: bool,
    /// The namespace of the challenges that are.
    challenges: Option<Box<str>>,
}

impl Kinds {
    /// Every kind but ConfigMaps and Namespaces, and no challenges.
    pub fn all() -> Self {
        Self {
            secrets: true,
            endpoints: true,
            parameters: None,
            namespaces: false,
            challenges: None,
        }
    }

    /// The kinds that a review depends on: neither Secrets, which are then unknown, nor endpoints,
    /// of which there are many and which no Ingress names.
    pub fn for_reviews() -> Self {
        Self {
            secrets: false,
            endpoints: false,
            ..Self::all()
        }
    }

    /// The ConfigMaps of this namespace as well, for the settings of classes: elsewhere there may
    /// be many, and who may write one there need not be who may say how a class is read.
    #[must_use]
    pub fn with_parameters(mut self, namespace: &str) -> Self {
        self.parameters = Some(namespace.into());
        self
    }

    /// Namespaces as well, for the hosts that they list. When they are watched only for their
    /// labels, none is translated.
    #[must_use]
    pub fn with_namespaces(mut self) -> Self {
        self.namespaces = true;
        self
    }

    /// The Secrets of ACME challenges in this namespace as well.
    #[must_use]
    pub fn with_challenges(mut self, namespace: &str) -> Self {
        self.challenges = Some(namespace.into());
        self
    }

    pub(crate) fn has_namespaces(&self) -> bool {
        self.namespaces
    }

    pub(crate) fn has_secrets(&self) -> bool {
        self.secrets
    }

    pub(crate) fn parameters(&self) -> Option<&str> {
        self.parameters.as_deref()
    }

    pub(crate) fn challenges(&self) -> Option<&str> {
        self.challenges.as_deref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Watched> {
        let all = Kind::ALL.into_iter();
        let all = all.filter(|kind| match kind {
            Kind::Secret => self.secrets,
            Kind::EndpointSlice => self.endpoints,
            Kind::ConfigMap => self.parameters.is_some(),
            Kind::Namespace => self.namespaces,
            _ => true,
        });
        let challenges = self.challenges.iter().map(|_| Watched::Challenges);
        all.map(Watched::Kind).chain(challenges)
    }
}
