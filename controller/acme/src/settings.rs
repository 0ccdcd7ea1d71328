//! The flags of ACME, which the controller and the standalone proxy have in common, so that the two
//! cannot be told differently.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Args};
use portreeve_table::{HostPattern, Secret};

use crate::account::{CaSettings, ExternalAccount};
use crate::policy::Policy;
use crate::renewal::OFTEN;
use crate::store::CaId;
use crate::want::{ChallengeChoice, KeyType};

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The directory of a CA: a URL, or a word for one that everybody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryUrl(Option<CaId>);

/// Why a text is not the directory of a CA.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the https:// URL of an ACME directory, letsencrypt or letsencrypt-staging")]
pub struct DirectoryUrlError(String);

impl FromStr for DirectoryUrl {
    type Err = DirectoryUrlError;

    fn from_str(text: &str) -> Result<Self, DirectoryUrlError> {
        let url = match text {
            "" => return Ok(Self(None)),
            "letsencrypt" => LETS_ENCRYPT,
            "letsencrypt-staging" => LETS_ENCRYPT_STAGING,
            url => url,
        };
        let parsed: Option<http::Uri> = url.parse().ok();
        let is_https = |uri: &http::Uri| uri.scheme_str() == Some("https") && uri.host().is_some();
        match parsed.filter(is_https) {
            Some(_) => Ok(Self(Some(CaId::new(url)))),
            None => Err(DirectoryUrlError(text.into())),
        }
    }
}

/// Whose certificates may be for which hosts: `NAMESPACE=HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// A namespace, or `*` for each.
    pub namespace: Box<str>,
    /// Its hosts.
    pub hosts: HostPattern,
}

/// Why a text does not say who may have certificates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not NAMESPACE=HOST, such as shop=*.shop.example")]
pub struct AllowedError(String);

impl FromStr for Allowed {
    type Err = AllowedError;

    fn from_str(text: &str) -> Result<Self, AllowedError> {
        let error = || AllowedError(text.into());
        let (namespace, hosts) = text.split_once('=').ok_or_else(error)?;
        let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_name = !namespace.is_empty() && namespace.bytes().all(is_letter);
        if namespace != "*" && !is_name {
            return Err(error());
        }
        Ok(Self {
            namespace: namespace.into(),
            hosts: hosts.parse().map_err(|_| error())?,
        })
    }
}

/// What an administrator says of certificates by ACME.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "ACME")]
pub struct AcmeSettings {
    /// Order certificates from the CA with this directory: a URL, `letsencrypt` or `letsencrypt-staging`.
    ///
    /// By default none are ordered. Whoever sets it agrees to the CA's terms of service.
    #[arg(
        long,
        value_name = "URL",
        env = "PORTREEVE_ACME_DIRECTORY",
        default_value = "",
        hide_default_value = true
    )]
    pub acme_directory: DirectoryUrl,

    /// Whom CAs may write to; can be given more than once.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "PORTREEVE_ACME_EMAIL",
        value_delimiter = ','
    )]
    pub acme_email: Vec<String>,

    /// Trust the certificates in this PEM file when talking to CAs, instead of the machine's.
    #[arg(long, value_name = "FILE", env = "PORTREEVE_ACME_CA_FILE")]
    pub acme_ca_file: Option<PathBuf>,

    /// Ask for certificates of this profile where an Ingress names none.
    #[arg(long, value_name = "NAME", env = "PORTREEVE_ACME_PROFILE")]
    pub acme_profile: Option<String>,

    /// Bind the account to the one that the CA calls by this key identifier.
    #[arg(
        long,
        value_name = "ID",
        env = "PORTREEVE_ACME_EAB_KID",
        requires = "acme_eab_key_file"
    )]
    pub acme_eab_kid: Option<String>,

    /// The file with the HMAC key of that account, in base64url.
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTREEVE_ACME_EAB_KEY_FILE",
        requires = "acme_eab_kid"
    )]
    pub acme_eab_key_file: Option<PathBuf>,

    /// The key of certificates where an Ingress does not say.
    #[arg(
        long,
        value_name = "TYPE",
        env = "PORTREEVE_ACME_KEY_TYPE",
        default_value = "ecdsa-p256"
    )]
    pub acme_key_type: KeyType,

    /// How hosts are proven where an Ingress does not say.
    #[arg(
        long,
        value_name = "TYPE",
        env = "PORTREEVE_ACME_CHALLENGE",
        default_value = "any"
    )]
    pub acme_challenge: ChallengeChoice,

    /// Prefer the chain whose last certificate was issued by this common name.
    #[arg(long, value_name = "NAME", env = "PORTREEVE_ACME_PREFERRED_CHAIN")]
    pub acme_preferred_chain: Option<String>,

    /// Try the CA with this directory before the first order for names; its certificates serve nobody.
    #[arg(
        long,
        value_name = "URL",
        env = "PORTREEVE_ACME_STAGING_DIRECTORY",
        default_value = "",
        hide_default_value = true
    )]
    pub acme_staging_directory: DirectoryUrl,

    /// Order from the CA with this directory when the other has failed three times.
    #[arg(
        long,
        value_name = "URL",
        env = "PORTREEVE_ACME_FALLBACK_DIRECTORY",
        default_value = "",
        hide_default_value = true
    )]
    pub acme_fallback_directory: DirectoryUrl,

    /// Bind the account with the fallback CA to the one that it calls by this key identifier.
    #[arg(
        long,
        value_name = "ID",
        env = "PORTREEVE_ACME_FALLBACK_EAB_KID",
        requires = "acme_fallback_eab_key_file"
    )]
    pub acme_fallback_eab_kid: Option<String>,

    /// The file with the HMAC key of that account, in base64url.
    #[arg(
        long,
        value_name = "FILE",
        env = "PORTREEVE_ACME_FALLBACK_EAB_KEY_FILE",
        requires = "acme_fallback_eab_kid"
    )]
    pub acme_fallback_eab_key_file: Option<PathBuf>,

    /// Order certificates for Ingresses with `kubernetes.io/tls-acme` as well.
    #[arg(long, value_name = "BOOL", env = "PORTREEVE_ACME_TLS_ACME", num_args = 0..=1, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
    pub acme_tls_acme: bool,

    /// Let this namespace have certificates for these hosts, and nobody who is not named for others;
    /// can be given more than once.
    ///
    /// By default every namespace may have certificates for hosts of its own.
    #[arg(
        long,
        value_name = "NAMESPACE=HOST",
        env = "PORTREEVE_ACME_ALLOW",
        value_delimiter = ','
    )]
    pub acme_allow: Vec<Allowed>,

    /// Take away certificates that no Ingress has asked for during so many days; 0 keeps them.
    #[arg(
        long,
        value_name = "DAYS",
        env = "PORTREEVE_ACME_PRUNE_AFTER",
        default_value_t = 0
    )]
    pub acme_prune_after: u16,

    /// Give accounts a fresh key every so many days; 0 keeps the first.
    #[arg(
        long,
        value_name = "DAYS",
        env = "PORTREEVE_ACME_KEY_ROLLOVER",
        default_value_t = 0
    )]
    pub acme_key_rollover: u16,

    /// Ask CAs after so many seconds at the latest whether a certificate is to be renewed.
    #[arg(long, value_name = "SECONDS", env = "PORTREEVE_ACME_ASK_EVERY", default_value_t = 21_600, value_parser = clap::value_parser!(u64).range(1..=OFTEN.as_secs()))]
    pub acme_ask_every: u64,
}

/// Which CAs there are, and what holds for all certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The CAs that the policy names.
    pub cas: Vec<CaSettings>,
    /// What holds for all certificates.
    pub policy: Policy,
}

/// Why flags cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file cannot be read.
    #[error("--{flag}: {path:?} cannot be read: {error}")]
    File {
        /// The flag that names it.
        flag: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Two CAs are one.
    #[error("--{0} names the same CA as another flag: name each once")]
    Twice(&'static str),
    /// There is a CA beside none.
    #[error("--{0} is of no use without --acme-directory: set that")]
    Alone(&'static str),
}

impl AcmeSettings {
    /// Whether certificates are to be ordered.
    pub fn is_on(&self) -> bool {
        self.acme_directory.0.is_some()
    }

    /// The CAs and the policy; `None` when nothing is to be ordered. Reads the files that flags name.
    ///
    /// # Errors
    /// Names the flag.
    pub fn acme(&self) -> Result<Option<Acme>, SettingsError> {
        let staging = &self.acme_staging_directory.0;
        let fallback = &self.acme_fallback_directory.0;
        let Some(primary) = &self.acme_directory.0 else {
            let others = [(STAGING, staging), (FALLBACK, fallback)];
            let alone = others.iter().find(|(_, ca)| ca.is_some());
            return alone.map_or(Ok(None), |(flag, _)| Err(SettingsError::Alone(flag)));
        };
        if staging.as_ref() == Some(primary) {
            return Err(SettingsError::Twice(STAGING));
        }
        if fallback.is_some() && (fallback == staging || fallback.as_ref() == Some(primary)) {
            return Err(SettingsError::Twice(FALLBACK));
        }
        Ok(Some(Acme {
            cas: self.cas(primary, staging.as_ref(), fallback.as_ref())?,
            policy: self.policy(primary, staging.as_ref(), fallback.as_ref()),
        }))
    }

    fn cas(
        &self,
        primary: &CaId,
        staging: Option<&CaId>,
        fallback: Option<&CaId>,
    ) -> Result<Vec<CaSettings>, SettingsError> {
        let path = self.acme_ca_file.as_deref();
        let roots = path.map(|path| read("acme-ca-file", path)).transpose()?;
        let external = external(
            self.acme_eab_kid.as_deref(),
            "acme-eab-key-file",
            self.acme_eab_key_file.as_deref(),
        )?;
        let fallback_external = external_of_fallback(self)?;
        let ca = |id: &CaId, external| CaSettings {
            id: id.clone(),
            roots: roots.as_deref().map(Into::into),
            emails: self.acme_email.iter().map(|e| e.as_str().into()).collect(),
            external,
            preferred_chain: self.acme_preferred_chain.as_deref().map(Into::into),
        };
        let first = std::iter::once(ca(primary, external));
        let second = staging.map(|id| ca(id, None));
        let third = fallback.map(|id| ca(id, fallback_external));
        Ok(first.chain(second).chain(third).collect())
    }

    fn policy(&self, primary: &CaId, staging: Option<&CaId>, fallback: Option<&CaId>) -> Policy {
        let days = |days: u16| (days > 0).then(|| DAY * u32::from(days));
        Policy {
            staging: staging.cloned(),
            fallback: fallback.cloned(),
            profile: self.acme_profile.as_deref().map(Into::into),
            key_type: self.acme_key_type,
            challenge: self.acme_challenge,
            ask_every: Duration::from_secs(self.acme_ask_every),
            prune_after: days(self.acme_prune_after),
            key_rollover: days(self.acme_key_rollover),
            ..Policy::new(primary.clone())
        }
    }
}

const STAGING: &str = "acme-staging-directory";
const FALLBACK: &str = "acme-fallback-directory";

fn external_of_fallback(settings: &AcmeSettings) -> Result<Option<ExternalAccount>, SettingsError> {
    external(
        settings.acme_fallback_eab_kid.as_deref(),
        "acme-fallback-eab-key-file",
        settings.acme_fallback_eab_key_file.as_deref(),
    )
}

fn external(
    kid: Option<&str>,
    flag: &'static str,
    path: Option<&Path>,
) -> Result<Option<ExternalAccount>, SettingsError> {
    let (Some(kid), Some(path)) = (kid, path) else {
        return Ok(None);
    };
    let key = Secret::new(read(flag, path)?.trim().to_owned());
    let kid = kid.into();
    Ok(Some(ExternalAccount { kid, key }))
}

fn read(flag: &'static str, path: &Path) -> Result<String, SettingsError> {
    fs::read_to_string(path).map_err(|error| SettingsError::File {
        flag,
        path: path.into(),
        error,
    })
}

impl fmt::Display for DirectoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().map_or("", CaId::url))
    }
}

#[cfg(test)]
mod tests;
