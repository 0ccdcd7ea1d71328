//! ACME's state in Secrets: ours in our own namespace, certificates where Ingresses look for them.
//!
//! Whether this controller still leads is asked before every write. A Secret that does not bear our
//! mark is never written, and no key is ever logged.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams, Preconditions};
use kube::{Api, Client};
use portreeve_acme::{CHALLENGE_TYPE, CHALLENGES, CaId, Kept, Mark, Record, Staged};
use portreeve_acme::{Store, StoreError, Version, WantId};
use portreeve_table::{CertKey, Origin, Secret};
use tokio::time::timeout;

use super::mark;
use crate::guard::Guard;
use crate::refusal::{is_conflict, refusal};

#[cfg(test)]
mod tests;

/// How long the API server has for one call.
const CALL: Duration = Duration::from_secs(10);

/// The keys of our Secrets.
const ACCOUNT: &str = "account.json";
const RECORD: &str = "record.json";
const CHAIN: &str = "tls.crt";
const KEY: &str = "tls.key";

/// ACME's state in Secrets.
pub struct Secrets {
    client: Client,
    guard: Guard,
    namespace: String,
}

type Data = BTreeMap<String, ByteString>;

impl Secrets {
    /// State in the Secrets of `namespace`, which is our own, for as long as `guard` says so.
    pub fn new(client: Client, guard: Guard, namespace: &str) -> Self {
        Self {
            client,
            guard,
            namespace: namespace.into(),
        }
    }

    fn own(&self, name: &str) -> Place {
        self.place(&self.namespace, name)
    }

    fn of(&self, key: &CertKey) -> Place {
        self.place(&key.namespace, &key.secret)
    }

    fn place(&self, namespace: &str, name: &str) -> Place {
        Place {
            api: Api::namespaced(self.client.clone(), namespace),
            guard: self.guard.clone(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// One Secret, there or not.
struct Place {
    api: Api<v1::Secret>,
    guard: Guard,
    namespace: String,
    name: String,
}

impl Place {
    async fn read(&self) -> Result<Option<v1::Secret>, StoreError> {
        self.ask(self.api.get_opt(&self.name)).await
    }

    /// The text under a key, if there is a Secret.
    async fn text(&self, key: &str) -> Result<Option<(Secret<String>, Version)>, StoreError> {
        let Some(mut secret) = self.read().await? else {
            return Ok(None);
        };
        let text = text(&mut secret, key).ok_or_else(|| self.unreadable(key))?;
        Ok(Some((text, version(&secret.metadata))))
    }

    /// Writes it: in place of the version that `metadata` is of, or anew where it is of none.
    async fn put(
        &self,
        metadata: ObjectMeta,
        type_: &str,
        data: Data,
    ) -> Result<Version, StoreError> {
        self.may_write()?;
        let is_new = metadata.resource_version.is_none();
        let secret = v1::Secret {
            metadata,
            type_: Some(type_.into()),
            data: Some(data),
            ..v1::Secret::default()
        };
        let post = PostParams::default();
        let written = match is_new {
            true => self.ask(self.api.create(&post, &secret)).await?,
            false => {
                self.ask(self.api.replace(&self.name, &post, &secret))
                    .await?
            }
        };
        Ok(version(&written.metadata))
    }

    /// What it has beside its data, as far as it is there already.
    fn metadata(&self, before: Option<v1::Secret>) -> ObjectMeta {
        let before = before.map(|before| before.metadata);
        before.unwrap_or_else(|| mark::metadata(&self.name))
    }

    /// Takes it away; nothing there is no error.
    async fn delete(&self, preconditions: Option<Preconditions>) -> Result<(), StoreError> {
        self.may_write()?;
        let params = DeleteParams {
            preconditions,
            ..DeleteParams::default()
        };
        let deleted = timeout(CALL, self.api.delete(&self.name, &params)).await;
        match deleted {
            Ok(Err(kube::Error::Api(status))) if status.is_not_found() => Ok(()),
            Ok(answer) => answer.map(drop).map_err(|error| self.error(&error)),
            Err(_) => Err(self.silent()),
        }
    }

    fn may_write(&self) -> Result<(), StoreError> {
        let leads = self.guard.may_write();
        leads
            .then_some(())
            .ok_or_else(|| StoreError::Conflict(self.to_string()))
    }

    async fn ask<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, StoreError> {
        match timeout(CALL, call).await {
            Ok(answer) => answer.map_err(|error| self.error(&error)),
            Err(_) => Err(self.silent()),
        }
    }

    fn error(&self, error: &kube::Error) -> StoreError {
        if is_conflict(error) {
            return StoreError::Conflict(self.to_string());
        }
        let why = format!("{}; {}", refusal(error), hint(error));
        let object = self.to_string();
        StoreError::Failed { object, why }
    }

    fn silent(&self) -> StoreError {
        StoreError::Failed {
            object: self.to_string(),
            why: "the API server does not answer; it is tried again".into(),
        }
    }

    /// What is wrong is not said in the words of a parser, which quote what they read.
    fn unreadable(&self, key: &str) -> StoreError {
        StoreError::Unreadable {
            object: self.to_string(),
            why: format!("its data[{key}] is not what was written there; delete the Secret"),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret {}/{}", self.namespace, self.name)
    }
}

impl Store for Secrets {
    async fn account(&self, ca: &CaId) -> Result<Option<Secret<String>>, StoreError> {
        let found = self.own(&mark::account(ca)).text(ACCOUNT).await?;
        Ok(found.map(|(text, _)| text))
    }

    async fn put_account(&self, ca: &CaId, credentials: &Secret<String>) -> Result<(), StoreError> {
        let place = self.own(&mark::account(ca));
        let metadata = place.metadata(place.read().await?);
        let data = data([(ACCOUNT, credentials.expose())]);
        place
            .put(metadata, mark::ACCOUNT_TYPE, data)
            .await
            .map(drop)
    }

    async fn records(&self) -> Result<Vec<WantId>, StoreError> {
        let all = self.own("portreeve-acme-order");
        let only = ListParams::default().fields(&format!("type={}", mark::ORDER_TYPE));
        let found = all.ask(all.api.list_metadata(&only)).await?;
        let names = found.items.into_iter().filter_map(|it| it.metadata.name);
        Ok(names.filter_map(|name| mark::of_order(&name)).collect())
    }

    async fn record(&self, id: &WantId) -> Result<Option<(Record, Version)>, StoreError> {
        let place = self.own(&mark::order(id));
        let Some((text, version)) = place.text(RECORD).await? else {
            return Ok(None);
        };
        let record = serde_json::from_str(text.expose());
        let record = record.map_err(|_| place.unreadable(RECORD))?;
        Ok(Some((record, version)))
    }

    async fn put_record(
        &self,
        id: &WantId,
        record: &Record,
        version: Option<&Version>,
    ) -> Result<Version, StoreError> {
        let place = self.own(&mark::order(id));
        let json = serde_json::to_string(record).map_err(|error| StoreError::Failed {
            object: place.to_string(),
            why: error.to_string(),
        })?;
        let data = data([(RECORD, &json)]);
        let metadata = ObjectMeta {
            resource_version: version.map(|Version(version)| version.to_string()),
            ..mark::metadata(&place.name)
        };
        place.put(metadata, mark::ORDER_TYPE, data).await
    }

    async fn remove_record(&self, id: &WantId) -> Result<(), StoreError> {
        self.own(&mark::order(id)).delete(None).await
    }

    async fn certificate(&self, key: &CertKey) -> Result<Kept, StoreError> {
        let Some(mut secret) = self.of(key).read().await? else {
            return Ok(Kept::Nothing);
        };
        if !mark::is_marked(&secret) {
            return Ok(Kept::Foreign);
        }
        // One that was handed over may have nothing in it yet.
        let chain = text(&mut secret, CHAIN).map(|chain| chain.expose().clone());
        let key = text(&mut secret, KEY);
        Ok(Kept::Ours {
            chain: chain.unwrap_or_default(),
            key: key.unwrap_or_else(|| Secret::new(String::new())),
        })
    }

    async fn put_certificate(
        &self,
        key: &CertKey,
        chain: &str,
        private: &Secret<String>,
        mark: &Mark,
    ) -> Result<(), StoreError> {
        let place = self.of(key);
        let before = place.read().await?;
        if before.as_ref().is_some_and(|it| !mark::is_marked(it)) {
            return Err(StoreError::Foreign(place.to_string()));
        }
        let mut metadata = place.metadata(before);
        mark::mark(&mut metadata, mark);
        let data = data([(CHAIN, chain), (KEY, private.expose())]);
        place.put(metadata, mark::TLS_TYPE, data).await.map(drop)
    }

    async fn remove_certificate(&self, key: &CertKey) -> Result<(), StoreError> {
        let place = self.of(key);
        let Some(secret) = place.read().await? else {
            return Ok(());
        };
        if !mark::is_marked(&secret) {
            return Err(StoreError::Foreign(place.to_string()));
        }
        let only_this = Preconditions {
            resource_version: secret.metadata.resource_version,
            uid: secret.metadata.uid,
        };
        place.delete(Some(only_this)).await
    }

    async fn put_challenges(
        &self,
        id: &WantId,
        origin: &Origin,
        challenges: &[Staged],
    ) -> Result<(), StoreError> {
        let place = self.own(&mark::challenge(id));
        if challenges.is_empty() {
            return place.delete(None).await;
        }
        let list = Staged::list(challenges, origin).map_err(|error| StoreError::Failed {
            object: place.to_string(),
            why: error.to_string(),
        })?;
        let metadata = place.metadata(place.read().await?);
        let data = data([(CHALLENGES, &list)]);
        place.put(metadata, CHALLENGE_TYPE, data).await.map(drop)
    }
}

/// Takes the text under a key out of a Secret; what is no text is no text of ours.
fn text(secret: &mut v1::Secret, key: &str) -> Option<Secret<String>> {
    let ByteString(bytes) = secret.data.as_mut()?.remove(key)?;
    String::from_utf8(bytes).ok().map(Secret::new)
}

fn data<const N: usize>(fields: [(&str, &str); N]) -> Data {
    let bytes = |(key, text): (&str, &str)| (key.into(), ByteString(text.as_bytes().to_vec()));
    fields.into_iter().map(bytes).collect()
}

fn version(metadata: &ObjectMeta) -> Version {
    Version(
        metadata
            .resource_version
            .as_deref()
            .unwrap_or_default()
            .into(),
    )
}

fn hint(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::Api(status) if status.is_forbidden() => {
            "allow this ServiceAccount to get, create and update Secrets of that namespace (deploy/acme)"
        }
        kube::Error::Api(status) if status.is_not_found() => "see that the namespace exists",
        _ => "it is tried again",
    }
}
