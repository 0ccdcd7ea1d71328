//! Secrets of a namespace, each written in place of the version that was read.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1;
use kube::Api;
use kube::api::{ObjectMeta, PostParams};
use portreeve_table::Secret;
use tokio::time::timeout;

use super::{HomeError, Secrets, Version};
use crate::pki::entry::{Entry, FILES, Files};

/// How long the API server has for one call.
const CALL: Duration = Duration::from_secs(10);

impl Secrets {
    fn api(&self) -> Api<v1::Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(super) async fn load(
        &self,
        entry: Entry,
        place: String,
    ) -> Result<(Files, Version), HomeError> {
        let found = ask(self.api().get_opt(entry.secret()), place).await?;
        let Some(found) = found else {
            return Ok((Files::new(), Version::default()));
        };
        let mut data = found.data.unwrap_or_default();
        let text = |name: &'static str| {
            let ByteString(bytes) = data.remove(name)?;
            // What is not text is damaged, and is found to be when it is parsed.
            let text = String::from_utf8(bytes);
            let text = text.unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into());
            Some((name, Secret::new(text)))
        };
        let files = FILES.into_iter().filter_map(text).collect();
        Ok((files, Version(Some((found.metadata, found.type_)))))
    }

    pub(super) async fn store(
        &self,
        entry: Entry,
        files: &Files,
        version: &Version,
        place: String,
    ) -> Result<Version, HomeError> {
        let bytes = |text: &Secret<String>| ByteString(text.expose().clone().into_bytes());
        let data = files
            .iter()
            .map(|(name, text)| ((*name).into(), bytes(text)));
        let is_new = version.0.is_none();
        let (metadata, type_) = version.0.clone().unwrap_or_else(|| new(entry));
        let secret = v1::Secret {
            metadata,
            type_,
            data: Some(data.collect()),
            ..v1::Secret::default()
        };
        let (api, post) = (self.api(), PostParams::default());
        let written = if is_new {
            ask(api.create(&post, &secret), place).await?
        } else {
            ask(api.replace(entry.secret(), &post, &secret), place).await?
        };
        Ok(Version(Some((written.metadata, written.type_))))
    }
}

/// What a Secret has that is not there yet. What one has that is, it keeps.
fn new(entry: Entry) -> (ObjectMeta, Option<String>) {
    let labels = [("app.kubernetes.io/managed-by", "portreeve-controller")];
    let labels = labels.map(|(name, value)| (name.into(), value.into()));
    let metadata = ObjectMeta {
        name: Some(entry.secret().into()),
        labels: Some(BTreeMap::from(labels)),
        ..ObjectMeta::default()
    };
    (metadata, Some("kubernetes.io/tls".into()))
}

async fn ask<T>(
    call: impl Future<Output = Result<T, kube::Error>>,
    place: String,
) -> Result<T, HomeError> {
    match timeout(CALL, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(HomeError::Api { place, error }),
        Err(_) => Err(HomeError::Timeout { place }),
    }
}
