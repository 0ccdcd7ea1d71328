//! A Pod's volumes as folders, written before it starts and kept up to date while it runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use tokio::time::Instant;

use super::Shared;
use super::atomic::{self, Files};
use super::fields;
use super::root::Mount;
use super::source::{Part, Source, source};
use super::token::Token;

/// Far enough away for a volume that has nothing to renew.
const LONG: Duration = Duration::from_secs(24 * 3600);

/// The volumes of one Pod.
pub(crate) struct Volumes {
    shared: Shared,
    pod: Pod,
    addresses: Vec<String>,
    folder: PathBuf,
    sources: BTreeMap<String, Source>,
    written: BTreeMap<String, Files>,
    version: u64,
    tokens: BTreeMap<(Option<String>, i64), Token>,
}

impl Volumes {
    /// Reads what the Pod wants; nothing is written yet.
    pub(crate) fn new(
        shared: &Shared,
        pod: &Pod,
        addresses: &[String],
        folder: &Path,
    ) -> Result<Self, String> {
        let volumes = pod
            .spec
            .iter()
            .flat_map(|spec| spec.volumes.iter().flatten());
        let sources = volumes.map(|volume| Ok((volume.name.clone(), source(volume)?)));
        Ok(Self {
            shared: shared.clone(),
            pod: pod.clone(),
            addresses: addresses.to_vec(),
            folder: folder.join("volumes"),
            sources: sources.collect::<Result<_, String>>()?,
            written: BTreeMap::new(),
            version: 0,
            tokens: BTreeMap::new(),
        })
    }

    /// Writes what has changed. An error is what is missing: to try again when objects change.
    pub(crate) async fn refresh(&mut self) -> Result<(), String> {
        for (name, source) in self.sources.clone() {
            let folder = self.folder.join(&name);
            let failed = |error| format!("{}: {error}", folder.display());
            if !matches!(source, Source::Host(_)) {
                fs::create_dir_all(&folder).map_err(failed)?;
            }
            let Source::Files { parts, mode } = source else {
                continue;
            };
            let mut files = Files::new();
            for part in &parts {
                self.add(part, &mut files)
                    .await
                    .map_err(|error| format!("volume {name}: {error}"))?;
            }
            if self.written.get(&name) != Some(&files) {
                self.version += 1;
                atomic::write(&folder, self.version, &files, mode).map_err(failed)?;
                self.written.insert(name, files);
            }
        }
        Ok(())
    }

    /// Keeps the files up to date for ever. What is missing keeps its last content.
    pub(crate) async fn follow(&mut self) {
        let mut changes = self.shared.objects.changes();
        loop {
            let renew = self.tokens.values().map(|token| token.renew).min();
            let renew = renew.unwrap_or_else(|| Instant::now() + LONG);
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep_until(renew) => {}
            }
            let _ = self.refresh().await;
        }
    }

    async fn add(&mut self, part: &Part, files: &mut Files) -> Result<(), String> {
        match part {
            Part::Object {
                kind,
                name,
                items,
                optional,
            } => {
                let namespace = self.pod.metadata.namespace.as_deref().unwrap_or_default();
                let data = self.shared.objects.data(*kind, namespace, name);
                let data = match data {
                    None if *optional => return Ok(()),
                    data => data.ok_or_else(|| format!("there is no {kind:?} {name}"))?,
                };
                let Some(items) = items else {
                    files.extend(data.into_iter().map(|(key, value)| (key.into(), value)));
                    return Ok(());
                };
                for item in items {
                    let missing = || format!("{kind:?} {name} has no key {}", item.key);
                    match data.get(&item.key) {
                        None if *optional => {}
                        value => {
                            let value = value.ok_or_else(missing)?.clone();
                            files.insert(item.path.clone().into(), value);
                        }
                    }
                }
            }
            Part::Fields(items) => files.extend(items.iter().filter_map(|item| self.field(item))),
            Part::Token {
                path,
                audience,
                seconds,
            } => {
                let token = self.token(audience.clone(), *seconds).await?;
                files.insert(path.clone().into(), token.into_bytes());
            }
        }
        Ok(())
    }

    /// Resources have no meaning for a process: only fields have a value.
    fn field(
        &self,
        item: &k8s_openapi::api::core::v1::DownwardAPIVolumeFile,
    ) -> Option<(PathBuf, Vec<u8>)> {
        let path = &item.field_ref.as_ref()?.field_path;
        let value = fields::value(&self.pod, &self.addresses, path)?;
        Some((item.path.clone().into(), value.into_bytes()))
    }

    async fn token(&mut self, audience: Option<String>, seconds: i64) -> Result<String, String> {
        let key = (audience, seconds);
        let known = self
            .tokens
            .get(&key)
            .filter(|token| token.renew > Instant::now());
        if let Some(token) = known {
            return Ok(token.text.clone());
        }
        let token = Token::request(&self.shared.client, &self.pod, key.0.clone(), seconds).await;
        let token = token.map_err(|error| error.to_string())?;
        let text = token.text.clone();
        self.tokens.insert(key, token);
        Ok(text)
    }

    /// What a container sees of them.
    pub(crate) fn mounts(&self, container: &Container) -> Result<Vec<Mount>, String> {
        let mounts = container.volume_mounts.iter().flatten().map(|mount| {
            let unknown = || format!("there is no volume {}", mount.name);
            let source = self.sources.get(&mount.name).ok_or_else(unknown)?;
            let folder = match source {
                Source::Host(path) => path.clone(),
                _ => self.folder.join(&mount.name),
            };
            let part = mount.sub_path.as_deref().unwrap_or_default();
            Ok(Mount {
                at: mount.mount_path.clone().into(),
                source: if part.is_empty() {
                    folder
                } else {
                    folder.join(part)
                },
                read_only: mount.read_only == Some(true) && !matches!(source, Source::Host(_)),
            })
        });
        mounts.collect()
    }
}
