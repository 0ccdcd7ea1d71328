//! Tells the issuer which certificates are wanted, as the manifests say it.
//!
//! A Secret in people's own manifests is never ordered for, whatever it bears: it goes before ours
//! of the same name, so that one that we renewed would not be served.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use portreeve_acme::{ChallengeChoice, KeyType, NameError, Want};
use portreeve_table::{CertKey, ChallengeKind};
use portreeve_translate::{CertificateWanted, Content, Object};
use tokio::sync::watch;

/// The Secrets that there are, by who wrote them.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// What each of ours holds, as a hash.
    ours: BTreeMap<CertKey, u64>,
    /// In which file each of people's own stands.
    theirs: BTreeMap<CertKey, String>,
}

impl Standing {
    /// Adds the Secrets among these objects.
    pub(crate) fn add(&mut self, objects: &[Object], is_ours: bool) {
        for object in objects {
            let Content::Secret(secret) = &object.content else {
                continue;
            };
            let reference = object.reference();
            let key = CertKey {
                namespace: reference.namespace.clone(),
                secret: reference.name.clone(),
            };
            if is_ours {
                let mut hasher = DefaultHasher::new();
                for (field, bytes) in secret.secret().data.iter().flatten() {
                    (field, &bytes.0).hash(&mut hasher);
                }
                self.ours.insert(key, hasher.finish());
            } else {
                let file = object.source.as_deref().unwrap_or_default();
                self.theirs.insert(key, file.into());
            }
        }
    }
}

/// Who is told what is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wants(watch::Sender<Arc<Vec<Want>>>);

impl Wants {
    pub(super) fn new(told: watch::Sender<Arc<Vec<Want>>>) -> Self {
        Self(told)
    }

    /// Tells all that is wanted; returns what is to be said about the rest.
    pub(crate) fn tell(&self, wanted: &[CertificateWanted], standing: &Standing) -> Vec<String> {
        let (mut wants, mut left) = (Vec::new(), Vec::new());
        for wanted in wanted {
            let key = &wanted.secret;
            match (standing.theirs.get(key), want(wanted)) {
                (Some(file), _) => left.push(format!(
                    "acme {key}: left alone, because this Secret stands in {file}; \
                     take it out of there to have its certificate ordered and renewed"
                )),
                (None, Ok(mut want)) => {
                    let hash = standing.ours.get(key);
                    want.seen = hash.map(|hash| hash.to_string().into());
                    wants.push(want);
                }
                (None, Err(error)) => left.push(format!("acme {key}: none is ordered: {error}")),
            }
        }
        // Even nothing is something to be told the first time.
        self.0.send_replace(Arc::new(wants));
        left
    }
}

fn want(wanted: &CertificateWanted) -> Result<Want, NameError> {
    let names: Result<Vec<_>, _> = wanted.names.iter().map(|name| name.parse()).collect();
    let mut want = Want::new(wanted.origin.clone(), wanted.secret.clone(), names?);
    want.profile.clone_from(&wanted.profile);
    want.key_type = wanted.key_type.map(key_type);
    want.challenge = wanted.challenge.map(challenge);
    Ok(want)
}

fn key_type(of: portreeve_translate::KeyType) -> KeyType {
    match of {
        portreeve_translate::KeyType::EcdsaP256 => KeyType::EcdsaP256,
        portreeve_translate::KeyType::EcdsaP384 => KeyType::EcdsaP384,
        portreeve_translate::KeyType::Rsa2048 => KeyType::Rsa2048,
        portreeve_translate::KeyType::Rsa4096 => KeyType::Rsa4096,
    }
}

fn challenge(of: portreeve_translate::ChallengeChoice) -> ChallengeChoice {
    match of {
        portreeve_translate::ChallengeChoice::Any => ChallengeChoice::Any,
        portreeve_translate::ChallengeChoice::Only(ChallengeKind::Http01) => {
            ChallengeChoice::Http01
        }
        portreeve_translate::ChallengeChoice::Only(ChallengeKind::TlsAlpn01) => {
            ChallengeChoice::TlsAlpn01
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_translate::manifest::{self, Limits};

    fn objects(file: &str, data: &str) -> Vec<Object> {
        let secret = format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: web, namespace: t}}, data: {data}}}"
        );
        manifest::parse(file, &secret, &Limits::default())
            .unwrap()
            .0
    }

    fn wanted() -> CertificateWanted {
        CertificateWanted {
            origin: portreeve_table::Origin {
                namespace: "t".into(),
                name: "web".into(),
            },
            secret: "t/web".parse().unwrap(),
            names: vec!["a.example".into(), "192.0.2.1".into()],
            profile: Some("short".into()),
            key_type: Some(portreeve_translate::KeyType::Rsa2048),
            challenge: Some(portreeve_translate::ChallengeChoice::Only(
                ChallengeKind::TlsAlpn01,
            )),
        }
    }

    #[test]
    fn what_is_wanted_is_told_as_it_was_asked_for() {
        let (told, wants) = watch::channel(Arc::default());
        assert!(
            Wants::new(told)
                .tell(&[wanted()], &Standing::default())
                .is_empty()
        );
        let want = &wants.borrow()[0];
        let names: Vec<_> = want.names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a.example", "192.0.2.1"]);
        assert_eq!(want.profile.as_deref(), Some("short"));
        assert_eq!(want.key_type, Some(KeyType::Rsa2048));
        assert_eq!(want.challenge, Some(ChallengeChoice::TlsAlpn01));
        assert_eq!(want.seen, None);
    }

    #[test]
    fn another_content_of_our_secret_is_seen() {
        let seen = |data: &str| {
            let (told, wants) = watch::channel(Arc::default());
            let mut standing = Standing::default();
            standing.add(&objects("ours.yaml", data), true);
            Wants::new(told).tell(&[wanted()], &standing);
            let want: &Want = &wants.borrow()[0];
            want.seen.clone()
        };
        assert_eq!(seen("{tls.crt: YQ==}"), seen("{tls.crt: YQ==}"));
        assert_ne!(seen("{tls.crt: YQ==}"), seen("{tls.crt: Yg==}"));
    }

    #[test]
    fn a_secret_among_peoples_own_manifests_is_left_alone_and_named_with_its_file() {
        let (told, mut wants) = watch::channel(Arc::default());
        let mut standing = Standing::default();
        standing.add(&objects("mine.yaml", "{}"), false);
        standing.add(&objects("ours.yaml", "{}"), true);
        let left = Wants::new(told).tell(&[wanted()], &standing);
        assert!(wants.borrow_and_update().is_empty());
        assert!(
            left[0].contains("t/web") && left[0].contains("mine.yaml"),
            "{left:?}"
        );
    }
}
