//! One TLS Secret to one certificate with its key, checked that they belong together.
//!
//! Messages name what is wrong and never show what is in the Secret.

use std::fmt;
use std::sync::{Arc, OnceLock};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use portreeve_table::{HostPattern, Secret};
use rustls::InconsistentKeys;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::object::ObjectKey;

/// A Secret that does not show its data, and is read as a certificate only once however many
/// snapshots hold it: checking a key costs more than all else about an Ingress.
#[derive(Clone)]
pub struct SecretObject(Arc<Shared>);

struct Shared {
    secret: Arc<KubeSecret>,
    certificate: OnceLock<Result<Arc<Certificate>, SecretError>>,
}

impl SecretObject {
    /// Wraps a Secret.
    pub fn new(secret: Arc<KubeSecret>) -> Self {
        let certificate = OnceLock::new();
        Self(Arc::new(Shared {
            secret,
            certificate,
        }))
    }

    /// The Secret itself, data and all.
    pub fn secret(&self) -> &KubeSecret {
        &self.0.secret
    }

    pub(crate) fn certificate(&self) -> Result<Arc<Certificate>, SecretError> {
        let read = || Certificate::read(&self.0.secret).map(Arc::new);
        self.0.certificate.get_or_init(read).clone()
    }
}

impl fmt::Debug for SecretObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = ObjectKey::of(&self.0.secret.metadata);
        write!(f, "Secret({key}, [redacted])")
    }
}

/// A certificate that can be served.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// The chain as PEM, leaf first, and nothing else.
    pub chain: Box<str>,
    /// The key as PEM.
    pub key: Secret<String>,
    /// The names that the leaf covers.
    pub covers: Vec<HostPattern>,
    /// In seconds since 1970.
    pub not_after: i64,
}

/// Why a Secret cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("it does not exist")]
    Missing,
    #[error("it has no {0}")]
    Absent(&'static str),
    #[error("{0} is not PEM text")]
    NotPem(&'static str),
    #[error("a certificate in tls.crt cannot be read")]
    BadCertificate,
    #[error("tls.key is of a kind that is not supported; RSA, ECDSA and Ed25519 keys are")]
    BadKey,
    #[error("tls.key does not belong to the first certificate in tls.crt")]
    KeyMismatch,
}

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

impl Certificate {
    /// Reads a Secret of type `kubernetes.io/tls`. The key may be PKCS #1, PKCS #8 or SEC 1.
    pub(crate) fn read(secret: &KubeSecret) -> Result<Self, SecretError> {
        let chain = field(secret, CERTIFICATE)?;
        let key = field(secret, KEY)?;
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
        let certificates = certificates.map_err(|_| SecretError::NotPem(CERTIFICATE))?;
        let chain = pem(&certificates)?;
        let leaf = certificates
            .first()
            .ok_or(SecretError::NotPem(CERTIFICATE))?
            .clone();
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes());
        let private = private.map_err(|_| SecretError::NotPem(KEY))?;
        check_pair(certificates, &private)?;
        let (_, leaf) =
            X509Certificate::from_der(&leaf).map_err(|_| SecretError::BadCertificate)?;
        Ok(Self {
            chain,
            key: Secret::new(key.into()),
            covers: names(&leaf),
            not_after: leaf.validity().not_after.timestamp(),
        })
    }

    /// Whether a client that asks for a name of `host` would accept this certificate.
    pub(crate) fn covers(&self, host: &HostPattern) -> bool {
        self.covers.iter().any(|covered| match host {
            HostPattern::Exact(name) => covered.matches(name),
            wildcard => covered == wildcard,
        })
    }
}

fn field<'s>(secret: &'s KubeSecret, name: &'static str) -> Result<&'s str, SecretError> {
    let data = secret.data.as_ref().and_then(|data| data.get(name));
    let bytes = &data
        .filter(|bytes| !bytes.0.is_empty())
        .ok_or(SecretError::Absent(name))?
        .0;
    std::str::from_utf8(bytes).map_err(|_| SecretError::NotPem(name))
}

fn check_pair(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'_>,
) -> Result<(), SecretError> {
    let key = any_supported_type(key).map_err(|_| SecretError::BadKey)?;
    match CertifiedKey::new(chain, key).keys_match() {
        // `Unknown` means that the key cannot say which public key is its own.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err(SecretError::KeyMismatch),
        Err(_) => Err(SecretError::BadCertificate),
    }
}

/// A chain as PEM, written anew: whatever else stood in the text, between its markers too, might be
/// a key, and a chain is not secret.
fn pem(certificates: &[CertificateDer<'_>]) -> Result<Box<str>, SecretError> {
    let mut text = String::new();
    for certificate in certificates {
        let (rest, _) =
            X509Certificate::from_der(certificate).map_err(|_| SecretError::BadCertificate)?;
        // The API's own type knows base64.
        let base64 = serde_json::to_value(ByteString(certificate.to_vec()));
        let base64 = base64.ok().filter(|_| rest.is_empty());
        let base64 = base64.as_ref().and_then(Value::as_str);
        let base64 = base64.ok_or(SecretError::BadCertificate)?;
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in base64.as_bytes().chunks(64) {
            text.extend(line.iter().copied().map(char::from));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    Ok(text.into())
}

/// The DNS names of a certificate; the common name counts only where there are none.
fn names(leaf: &X509Certificate<'_>) -> Vec<HostPattern> {
    let alternative = leaf.subject_alternative_name().ok().flatten();
    let alternative = alternative.map_or(&[][..], |extension| &extension.value.general_names);
    let dns = alternative.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    let mut names: Vec<_> = dns.collect();
    if names.is_empty() {
        let common = leaf.subject().iter_common_name();
        names.extend(common.filter_map(|name| name.as_str().ok()));
    }
    names
        .into_iter()
        .filter_map(|name| HostPattern::parse(name).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256,
    };
    use x509_parser::der_parser::parse_der;

    fn secret(chain: &str, key: &str) -> KubeSecret {
        let data = [(CERTIFICATE, chain), (KEY, key)];
        let data = data.map(|(name, text)| (name.into(), ByteString(text.into())));
        KubeSecret {
            data: Some(data.into()),
            ..KubeSecret::default()
        }
    }

    fn pem_text(label: &str, der: Vec<u8>) -> String {
        let base64 = serde_json::to_value(ByteString(der)).unwrap();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            base64.as_str().unwrap()
        )
    }

    /// What a PKCS #8 key wraps: PKCS #1 for RSA, SEC 1 for elliptic curves.
    fn unwrapped(key: &KeyPair) -> Vec<u8> {
        let der = key.serialize_der();
        let (_, outer) = parse_der(&der).unwrap();
        outer.as_sequence().unwrap()[2].as_slice().unwrap().to_vec()
    }

    #[test]
    fn keys_of_every_kind_are_read() {
        for (algorithm, label) in [
            (&PKCS_RSA_SHA256, Some("RSA PRIVATE KEY")),
            (&PKCS_ECDSA_P256_SHA256, Some("EC PRIVATE KEY")),
            (&PKCS_ED25519, None),
        ] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let parameters = CertificateParams::new(["a.example".to_string()]).unwrap();
            let chain = parameters.self_signed(&key).unwrap().pem();
            let own = label.map(|label| pem_text(label, unwrapped(&key)));
            for key in [Some(key.serialize_pem()), own].into_iter().flatten() {
                let read = Certificate::read(&secret(&chain, &key));
                assert!(read.is_ok(), "{label:?}: {:?}", read.err());
            }
        }
    }

    #[test]
    fn a_key_beside_the_chain_is_not_shown_with_it() {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(["a.example".to_string()]).unwrap();
        let chain = parameters.self_signed(&key).unwrap().pem();
        let both = format!("{}{chain}# a comment\n{chain}", key.serialize_pem());
        let read = Certificate::read(&secret(&both, &key.serialize_pem())).unwrap();
        assert!(!read.chain.contains("KEY"));
        assert_eq!(read.chain.matches("BEGIN CERTIFICATE").count(), 2);
        assert_eq!(&*read.chain, chain.repeat(2).replace("\r\n", "\n"));
    }

    #[test]
    fn a_key_between_the_markers_of_a_certificate_is_not_shown() {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(["a.example".to_string()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let secret_part = key.serialize_pem().lines().nth(1).unwrap().to_string();
        let appended = pem_text(
            "CERTIFICATE",
            [certificate.der().as_ref(), &key.serialize_der()].concat(),
        );
        let alone = certificate.pem() + &pem_text("CERTIFICATE", key.serialize_der());
        let whole =
            certificate
                .pem()
                .replacen("-----\n", &format!("-----\n{}", key.serialize_pem()), 1);
        for chain in [appended, alone, whole] {
            let read = Certificate::read(&secret(&chain, &key.serialize_pem()));
            let shown = read.map(|read| read.chain).unwrap_or_default();
            assert!(!shown.contains(&secret_part), "{shown}");
        }
    }

    #[test]
    fn names_are_covered_as_clients_see_it() {
        let names = ["a.example", "*.b.example"];
        let certificate = Certificate {
            chain: "".into(),
            key: Secret::new(String::new()),
            covers: names
                .iter()
                .map(|name| HostPattern::parse(name).unwrap())
                .collect(),
            not_after: 0,
        };
        for (name, expected) in [
            ("a.example", true),
            ("x.b.example", true),
            ("*.b.example", true),
            ("b.example", false),
            ("x.y.b.example", false),
            ("*.a.example", false),
        ] {
            let host = HostPattern::parse(name).unwrap();
            assert_eq!(certificate.covers(&host), expected, "{name}");
        }
    }
}
