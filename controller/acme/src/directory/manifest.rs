//! The Secrets that certificates and challenges are kept in, as manifests.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portreeve_table::{CertKey, Secret};
use serde::{Deserialize, Serialize};

use crate::staged::{CHALLENGE_TYPE, CHALLENGES};
use crate::store::{ISSUER, Kept, MANAGED_BY, Mark, NAMES};

const CHAIN: &str = "tls.crt";
const KEY: &str = "tls.key";

/// A Secret (Kubernetes API, v1).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    api_version: String,
    kind: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default, rename = "type")]
    form: String,
    /// In base64; some of it is private.
    #[serde(default)]
    data: BTreeMap<String, String>,
}

#[derive(Default, Serialize, Deserialize)]
struct Metadata {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Manifest {
    fn new(namespace: &str, name: &str, form: &str, data: &[(&str, &str)]) -> Self {
        let (key, value) = MANAGED_BY;
        let encoded = data
            .iter()
            .map(|(k, v)| (k.to_string(), STANDARD.encode(v)));
        Self {
            api_version: "v1".into(),
            kind: "Secret".into(),
            metadata: Metadata {
                namespace: namespace.into(),
                name: name.into(),
                labels: BTreeMap::from([(key.into(), value.into())]),
                annotations: BTreeMap::new(),
            },
            form: form.into(),
            data: encoded.collect(),
        }
    }

    /// A certificate with our mark.
    pub(super) fn certificate(
        key: &CertKey,
        chain: &str,
        private: &Secret<String>,
        mark: &Mark,
    ) -> Self {
        let data = [(CHAIN, chain), (KEY, private.expose())];
        let mut manifest = Self::new(&key.namespace, &key.secret, "kubernetes.io/tls", &data);
        manifest.metadata.annotations = BTreeMap::from([
            (ISSUER.into(), mark.issuer.url().into()),
            (NAMES.into(), mark.names()),
        ]);
        manifest
    }

    /// A list of challenges.
    pub(super) fn challenges(namespace: &str, name: &str, list: &str) -> Self {
        Self::new(namespace, name, CHALLENGE_TYPE, &[(CHALLENGES, list)])
    }

    /// What is written.
    pub(super) fn text(&self) -> Result<Secret<String>, serde_json::Error> {
        serde_json::to_string_pretty(self).map(Secret::new)
    }

    pub(super) fn entry(&self, key: &str) -> Option<String> {
        let bytes = STANDARD.decode(self.data.get(key)?).ok()?;
        String::from_utf8(bytes).ok()
    }
}

/// What a file that is there holds. What we cannot read was not written by us.
pub(super) fn kept(text: &Secret<String>) -> Kept {
    match serde_json::from_str::<Manifest>(text.expose()) {
        // What is missing in it is as good as nothing, and is found when it is checked.
        Ok(manifest) if manifest.metadata.annotations.contains_key(ISSUER) => Kept::Ours {
            chain: manifest.entry(CHAIN).unwrap_or_default(),
            key: Secret::new(manifest.entry(KEY).unwrap_or_default()),
        },
        _ => Kept::Foreign,
    }
}
