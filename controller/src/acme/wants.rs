//! What Ingresses want, in the words of the engine.

use std::sync::Arc;

use portreeve_acme::{ChallengeChoice, KeyType, Name, Want};
use portreeve_table::ChallengeKind;
use portreeve_translate::{CertificateWanted, Translation};

/// Everything that is wanted.
pub(super) fn wants(translation: &Translation) -> Arc<Vec<Want>> {
    let wants = translation.wants.iter();
    let wants = wants.map(|wanted| {
        let mut want = want(wanted);
        want.seen = seen(wanted, translation);
        want
    });
    Arc::new(wants.collect())
}

fn want(wanted: &CertificateWanted) -> Want {
    let names = wanted.names.iter();
    // What could not be asked for was found out when it was translated.
    let names = names.filter_map(|name| name.parse::<Name>().ok());
    let mut want = Want::new(wanted.origin.clone(), wanted.secret.clone(), names);
    want.profile = wanted.profile.clone();
    want.key_type = wanted.key_type.map(key_type);
    want.challenge = wanted.challenge.map(choice);
    want
}

/// What is served from the Secret: whenever that is another, the Secret is looked at anew.
fn seen(wanted: &CertificateWanted, translation: &Translation) -> Option<Box<str>> {
    let served = translation.config.certs.get(&wanted.secret)?;
    Some(format!("{:032x}", served.hash()).into())
}

fn key_type(wanted: portreeve_translate::KeyType) -> KeyType {
    match wanted {
        portreeve_translate::KeyType::EcdsaP256 => KeyType::EcdsaP256,
        portreeve_translate::KeyType::EcdsaP384 => KeyType::EcdsaP384,
        portreeve_translate::KeyType::Rsa2048 => KeyType::Rsa2048,
        portreeve_translate::KeyType::Rsa4096 => KeyType::Rsa4096,
    }
}

fn choice(wanted: portreeve_translate::ChallengeChoice) -> ChallengeChoice {
    use portreeve_translate::ChallengeChoice::{Any, Only};
    match wanted {
        Any => ChallengeChoice::Any,
        Only(ChallengeKind::Http01) => ChallengeChoice::Http01,
        Only(ChallengeKind::TlsAlpn01) => ChallengeChoice::TlsAlpn01,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::networking::v1::Ingress;
    use portreeve_translate::{Object, Options, Snapshot, translate};
    use serde_json::json;

    fn translated(annotations: &serde_json::Value) -> Translation {
        let ingress = json!({
            "metadata": {"namespace": "shop", "name": "web", "annotations": annotations},
            "spec": {
                "rules": [{"host": "b.example"}, {"host": "a.example"}],
                "tls": [{"hosts": ["b.example", "a.example"], "secretName": "web-tls"}],
            },
        });
        let ingress: Ingress = serde_json::from_value(ingress).unwrap();
        let (snapshot, _) = Snapshot::from_objects([Object::from(ingress)]);
        let options = Options {
            acme: true,
            ..Options::standalone()
        };
        translate(&snapshot, &options)
    }

    #[test]
    fn what_an_ingress_wants_is_what_the_engine_is_told() {
        let annotations = json!({
            "portreeve.dev/acme": "true",
            "portreeve.dev/acme-profile": "shortlived",
            "portreeve.dev/acme-key-type": "rsa-2048",
            "portreeve.dev/acme-challenge": "tls-alpn-01",
        });
        let wants = wants(&translated(&annotations));
        let [want] = &wants[..] else {
            panic!("{wants:?}");
        };
        let names: Vec<_> = want.names().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a.example", "b.example"]);
        assert_eq!(want.secret.to_string(), "shop/web-tls");
        assert_eq!(want.origin.to_string(), "shop/web");
        assert_eq!(want.profile.as_deref(), Some("shortlived"));
        assert_eq!(want.key_type, Some(KeyType::Rsa2048));
        assert_eq!(want.challenge, Some(ChallengeChoice::TlsAlpn01));
        assert_eq!(want.seen, None);
    }

    #[test]
    fn every_word_has_its_own() {
        for kind in portreeve_translate::KeyType::ALL {
            let there = serde_json::to_value(key_type(kind)).unwrap();
            assert_eq!(there, kind.as_str());
        }
        for text in ["any", "http-01", "tls-alpn-01"] {
            let there = serde_json::to_value(choice(text.parse().unwrap())).unwrap();
            assert_eq!(there, text);
        }
    }
}
