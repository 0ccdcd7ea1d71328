//! What a CA says of itself (RFC 8555, section 7.1.1).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::client::Client;
use super::problem::{About, of_call};
use crate::failure::{Failure, FailureKind};

/// A CA's directory, as far as it is needed beside what the CA's client reads of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Directory {
    /// Without it, what was read is something else.
    #[serde(rename = "newOrder")]
    _new_order: String,
    /// Where an account's key is changed.
    pub(super) key_change: Option<String>,
    /// Where renewal information is (RFC 9773).
    pub(super) renewal_info: Option<String>,
    #[serde(default)]
    pub(super) meta: Meta,
}

/// What a directory says of the CA.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    pub(super) terms_of_service: Option<String>,
    pub(super) external_account_required: bool,
    pub(super) caa_identities: Vec<String>,
    profiles: BTreeMap<String, String>,
}

impl Directory {
    /// Reads the directory at `url`.
    pub(super) async fn read(client: &Client, url: &str) -> Result<Self, Failure> {
        let answer = client.get(url).await;
        let answer = answer.map_err(|error| of_call(&error, About::Account))?;
        serde_json::from_slice(answer.body()).map_err(|error| {
            let detail = format!("{url} is not the URL of an ACME directory: {error}");
            Failure::new(FailureKind::Malformed, detail)
        })
    }

    /// Makes sure that the CA has `profile`.
    pub(super) fn offers(&self, profile: Option<&str>) -> Result<(), Failure> {
        let Some(profile) = profile else {
            return Ok(());
        };
        if self.meta.profiles.contains_key(profile) {
            return Ok(());
        }
        let offered: Vec<_> = self.meta.profiles.keys().map(String::as_str).collect();
        let detail = match offered.as_slice() {
            [] => format!("profile {profile:?}: the CA has no profiles"),
            some => format!("profile {profile:?}: the CA has {}", some.join(", ")),
        };
        let mut failure = Failure::new(FailureKind::Configuration, detail);
        failure.problem = Some("urn:ietf:params:acme:error:invalidProfile".into());
        Err(failure)
    }
}
