//! Renewal information: when a CA wants one certificate renewed (RFC 9773).

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use instant_acme::CertificateIdentifier;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;

use super::client::{Client, Why};
use super::problem::{About, of_call};
use super::retry_after::retry_after;
use crate::ari::Ari;
use crate::failure::{Failure, FailureKind, words};

/// When a CA is asked again that does not say when.
const DEFAULT: Duration = Duration::from_secs(6 * 60 * 60);
/// The bounds of what it may say (section 4.3.2).
const BOUNDS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(24 * 60 * 60)];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RenewalInfo {
    suggested_window: Window,
    #[serde(rename = "explanationURL")]
    explanation: Option<String>,
}

#[derive(Deserialize)]
struct Window {
    start: String,
    end: String,
}

/// What names a certificate to its CA (section 4.1); `None` for one that cannot be named, because
/// it does not say by which key it was signed.
pub(super) fn identify(chain: &str) -> Option<CertificateIdentifier<'static>> {
    let leaf = CertificateDer::from_pem_slice(chain.as_bytes()).ok()?;
    let id = CertificateIdentifier::try_from(&leaf).ok()?;
    Some(id.into_owned())
}

/// Asks when the certificate of `chain` is to be renewed; `None` when the CA does not know it.
pub(super) async fn ask(client: &Client, url: &str, chain: &str) -> Result<Option<Ari>, Failure> {
    let Some(id) = identify(chain) else {
        return Ok(None);
    };
    match client
        .get(&format!("{}/{id}", url.trim_end_matches('/')))
        .await
    {
        Ok(answer) => read(&answer).map(Some),
        Err(error) => match &error.why {
            // It may be another CA's.
            Why::Answer(refusal) if matches!(refusal.status.as_u16(), 400 | 404 | 410) => Ok(None),
            _ => Err(of_call(&error, About::Order)),
        },
    }
}

fn read(answer: &Response<Bytes>) -> Result<Ari, Failure> {
    let info: RenewalInfo = serde_json::from_slice(answer.body()).map_err(wrong)?;
    let window = info.suggested_window;
    let time = |text: &str| text.parse::<Timestamp>().map_err(wrong);
    let (start, end) = (time(&window.start)?, time(&window.end)?);
    if end <= start {
        return Err(wrong("the window ends before it begins"));
    }
    let [least, most] = BOUNDS;
    Ok(Ari {
        start,
        end,
        ask_again_in: retry_after(answer.headers())
            .unwrap_or(DEFAULT)
            .clamp(least, most),
        explanation: info.explanation.map(|url| words(url).into()),
    })
}

fn wrong(why: impl std::fmt::Display) -> Failure {
    let detail = format!("the CA's renewal information is not what RFC 9773 says: {why}");
    Failure::new(FailureKind::Malformed, detail)
}

#[cfg(test)]
mod tests;
