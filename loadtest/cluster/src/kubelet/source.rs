//! Where the files of a Pod's volume come from, read from its manifest.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection};

use super::objects::Kind;

/// A volume of a Pod.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// A folder that lives as long as the Pod, in memory.
    Empty,
    /// A folder or file of this machine.
    Host(PathBuf),
    /// Files that are written for the Pod and kept up to date.
    Files { parts: Vec<Part>, mode: u32 },
}

/// What some files of a volume are made from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// The keys of an object, or those that are listed, under other names.
    Object {
        kind: Kind,
        name: String,
        items: Option<Vec<KeyToPath>>,
        optional: bool,
    },
    /// Fields of the Pod, each in a file.
    Fields(Vec<DownwardAPIVolumeFile>),
    /// A token of the Pod's service account.
    Token {
        path: String,
        audience: Option<String>,
        seconds: i64,
    },
}

/// Where the files of `volume` come from, or why they cannot.
pub(crate) fn source(volume: &Volume) -> Result<Source, String> {
    let files = |part, mode: Option<i32>| {
        Ok(Source::Files {
            parts: vec![part],
            mode: mode_or_usual(mode),
        })
    };
    if volume.empty_dir.is_some() {
        Ok(Source::Empty)
    } else if let Some(host) = &volume.host_path {
        Ok(Source::Host(host.path.clone().into()))
    } else if let Some(it) = &volume.secret {
        let name = it.secret_name.as_deref().unwrap_or_default();
        files(
            object(Kind::Secret, name, &it.items, it.optional),
            it.default_mode,
        )
    } else if let Some(it) = &volume.config_map {
        files(
            object(Kind::ConfigMap, &it.name, &it.items, it.optional),
            it.default_mode,
        )
    } else if let Some(it) = &volume.downward_api {
        files(
            Part::Fields(it.items.clone().unwrap_or_default()),
            it.default_mode,
        )
    } else if let Some(it) = &volume.projected {
        let parts = it
            .sources
            .iter()
            .flatten()
            .map(|one| part(one, &volume.name));
        Ok(Source::Files {
            parts: parts.collect::<Result<_, _>>()?,
            mode: mode_or_usual(it.default_mode),
        })
    } else {
        Err(format!(
            "volume {}: only emptyDir, hostPath, secret, configMap, downwardAPI and projected are supported here",
            volume.name
        ))
    }
}

fn mode_or_usual(mode: Option<i32>) -> u32 {
    mode.and_then(|mode| u32::try_from(mode).ok())
        .unwrap_or(0o644)
}

fn object(kind: Kind, name: &str, items: &Option<Vec<KeyToPath>>, optional: Option<bool>) -> Part {
    Part::Object {
        kind,
        name: name.into(),
        items: items.clone(),
        optional: optional == Some(true),
    }
}

fn part(one: &VolumeProjection, volume: &str) -> Result<Part, String> {
    if let Some(it) = &one.secret {
        Ok(object(Kind::Secret, &it.name, &it.items, it.optional))
    } else if let Some(it) = &one.config_map {
        Ok(object(Kind::ConfigMap, &it.name, &it.items, it.optional))
    } else if let Some(it) = &one.downward_api {
        Ok(Part::Fields(it.items.clone().unwrap_or_default()))
    } else if let Some(it) = &one.service_account_token {
        Ok(Part::Token {
            path: it.path.clone(),
            audience: it.audience.clone().filter(|audience| !audience.is_empty()),
            seconds: it.expiration_seconds.unwrap_or(3600),
        })
    } else {
        Err(format!(
            "volume {volume}: this projection is not supported here"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(volume: serde_json::Value) -> Result<Source, String> {
        source(&serde_json::from_value(volume).unwrap())
    }

    #[test]
    fn every_kind_of_volume_is_read() {
        let secret = read(json!({"name": "a", "secret": {"secretName": "s", "defaultMode": 256}}));
        let part = object(Kind::Secret, "s", &None, None);
        assert_eq!(
            secret,
            Ok(Source::Files {
                parts: vec![part],
                mode: 0o400
            })
        );
        assert_eq!(
            read(json!({"name": "a", "emptyDir": {"medium": "Memory"}})),
            Ok(Source::Empty)
        );
        assert_eq!(
            read(json!({"name": "a", "hostPath": {"path": "/x"}})),
            Ok(Source::Host("/x".into()))
        );
        assert!(read(json!({"name": "a", "nfs": {"server": "x", "path": "/"}})).is_err());
    }

    #[test]
    fn the_volume_that_every_pod_gets_has_three_parts() {
        let volume = read(json!({"name": "a", "projected": {"sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
        ]}}));
        let Ok(Source::Files { parts, mode: 0o644 }) = volume else {
            panic!("{volume:?}");
        };
        assert!(matches!(&parts[0], Part::Token { path, seconds: 3607, .. } if path == "token"));
        assert!(matches!(
            &parts[1],
            Part::Object {
                kind: Kind::ConfigMap,
                items: Some(_),
                ..
            }
        ));
        assert!(matches!(&parts[2], Part::Fields(items) if items.len() == 1));
    }
}
