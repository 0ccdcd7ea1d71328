//! The account with a CA (RFC 8555, section 7.3): made, found again, and kept.

use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine};
use instant_acme::{Account, AccountCredentials, Error, ExternalAccountKey, Key, NewAccount};
use portreeve_table::Secret;
use serde::Deserialize;

use super::call::ask;
use super::chain::post_as_get;
use super::client::Client;
use super::directory::Directory;
use super::note::noting;
use super::problem::{About, failure};
use crate::account::{CaSettings, ExternalAccount};
use crate::failure::{Failure, FailureKind};

/// What a CA answers for an account that it does not know, or knows no longer.
const GONE: [&str; 2] = [
    "urn:ietf:params:acme:error:accountDoesNotExist",
    "urn:ietf:params:acme:error:unauthorized",
];

/// What has become of an account.
pub(super) enum Existing {
    /// It can be used.
    Valid(Account),
    /// There is none, or it is deactivated.
    Gone,
}

/// What is read of an account (section 7.1.2).
#[derive(Deserialize)]
struct State {
    status: String,
}

/// What is read of kept credentials, which are the CA's client's own.
#[derive(Deserialize)]
struct Whose {
    directory: Option<String>,
}

/// Finds the account of `kept`, and asks the CA whether it is still one.
pub(super) async fn load(
    client: &Client,
    settings: &CaSettings,
    kept: &Secret<String>,
) -> Result<Existing, Failure> {
    let whose: Whose = serde_json::from_str(kept.expose()).map_err(unreadable)?;
    if whose.directory.as_deref() != Some(settings.id.url()) {
        let whose = whose.directory.unwrap_or_default();
        let detail = format!(
            "the kept account is with {whose:?}, and not with {}",
            settings.id
        );
        return Err(Failure::new(FailureKind::Store, detail));
    }
    let builder = Account::builder_with_http(Box::new(client.clone()));
    let (found, notes) = noting(builder.from_credentials(parse(kept)?)).await;
    let account = found.map_err(|error| failure(error, &notes, About::Account))?;
    let state = post_as_get(&account, account.id(), About::Account).await;
    let status = match state {
        Ok(body) => {
            serde_json::from_slice::<State>(&body)
                .map_err(unreadable_state)?
                .status
        }
        Err(failure) if is_gone(&failure) => return Ok(Existing::Gone),
        // Either the kept key is the account's no longer, or the CA does not show accounts.
        Err(failure) if failure.kind == FailureKind::Refused => {
            return by_key(client, settings, kept).await;
        }
        Err(failure) => return Err(failure),
    };
    match status.as_str() {
        "valid" => Ok(Existing::Valid(account)),
        "deactivated" => Ok(Existing::Gone),
        // A CA that revokes an account means whoever has it, and not its key.
        other => {
            let detail = format!("the CA says that the account {} is {other}", account.id());
            Err(Failure::new(FailureKind::Account, detail))
        }
    }
}

/// Asks for the account that has the kept key (section 7.3.1).
async fn by_key(
    client: &Client,
    settings: &CaSettings,
    kept: &Secret<String>,
) -> Result<Existing, Failure> {
    let found = ask!(About::Account, async {
        let credentials = parse(kept).map_err(|failure| Error::Other(Box::new(failure)))?;
        let key = credentials.private_key();
        let pair = (
            Key::from_pkcs8_der(key.clone_key())?,
            key.clone_key().into(),
        );
        let builder = Account::builder_with_http(Box::new(client.clone()));
        builder.from_key(pair, settings.id.url().to_owned()).await
    });
    match found {
        Ok(((account, _), _)) => Ok(Existing::Valid(account)),
        Err((failure, _)) if is_gone(&failure) => Ok(Existing::Gone),
        Err((failure, _)) => Err(failure),
    }
}

fn parse(kept: &Secret<String>) -> Result<AccountCredentials, Failure> {
    serde_json::from_str(kept.expose()).map_err(unreadable)
}

fn is_gone(failure: &Failure) -> bool {
    let problem = failure.problem.as_deref().unwrap_or_default();
    failure.kind == FailureKind::Account && GONE.contains(&problem)
}

fn unreadable(error: serde_json::Error) -> Failure {
    // The error's own words could quote the key.
    let detail = format!(
        "the kept account cannot be read: line {}, column {}",
        error.line(),
        error.column()
    );
    Failure::new(FailureKind::Store, detail)
}

fn unreadable_state(error: serde_json::Error) -> Failure {
    let detail = format!("what the CA says of the account cannot be read: {error}");
    Failure::new(FailureKind::Malformed, detail)
}

/// Makes an account with a fresh key, and gives what is to be kept of it.
pub(super) async fn create(
    client: &Client,
    settings: &CaSettings,
    directory: &Directory,
) -> Result<(Account, Secret<String>), Failure> {
    if directory.meta.external_account_required && settings.external.is_none() {
        let detail = format!(
            "{} makes no account that is bound to none of its own",
            settings.id
        );
        let mut failure = Failure::new(FailureKind::Account, detail);
        failure.problem = Some("urn:ietf:params:acme:error:externalAccountRequired".into());
        return Err(failure);
    }
    let external = settings.external.as_ref().map(binding).transpose()?;
    let contacts = contacts(settings);
    let contacts: Vec<_> = contacts.iter().map(String::as_str).collect();
    let made = ask!(About::Account, async {
        let new = NewAccount {
            contact: &contacts,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let builder = Account::builder_with_http(Box::new(client.clone()));
        builder
            .create(&new, settings.id.url().to_owned(), external.as_ref())
            .await
    });
    let ((account, credentials), _) = made.map_err(|(failure, _)| failure)?;
    Ok((account, keep(&credentials)?))
}

/// The key that binds our account to one that the CA knows already.
fn binding(external: &ExternalAccount) -> Result<ExternalAccountKey, Failure> {
    let key = external.key.expose().trim();
    // Keys are given out in base64url; some CAs show them in plain base64, or with padding.
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let read = |alphabet| GeneralPurpose::new(alphabet, lenient).decode(key);
    let decoded = read(&URL_SAFE).or_else(|_| read(&STANDARD));
    let key = decoded.ok().filter(|key| !key.is_empty()).ok_or_else(|| {
        let detail =
            "the key of --acme-eab-key-file is not in base64url: copy it as the CA shows it";
        Failure::new(FailureKind::Configuration, detail)
    })?;
    Ok(ExternalAccountKey::new(external.kid.to_string(), &key))
}

/// Whom the CA may write to, as URLs.
pub(super) fn contacts(settings: &CaSettings) -> Vec<String> {
    let emails = settings.emails.iter();
    emails.map(|email| format!("mailto:{email}")).collect()
}

/// What is to be kept of an account, as JSON.
pub(super) fn keep(credentials: &AccountCredentials) -> Result<Secret<String>, Failure> {
    let text = serde_json::to_string(credentials).map_err(|error| {
        let detail = format!("the account cannot be kept: {error}");
        Failure::new(FailureKind::Store, detail)
    })?;
    Ok(Secret::new(text))
}
