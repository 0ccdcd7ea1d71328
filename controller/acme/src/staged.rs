//! A challenge as proxies must answer it, before the CA is told to look.

use portreeve_table::{Origin, Token};
use serde::{Deserialize, Serialize};

use crate::want::Name;

/// How a challenge is answered.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum ChallengeKind {
    /// By the key authorization under `/.well-known/acme-challenge/` (RFC 8555, section 8.3).
    #[default]
    #[serde(rename = "http-01")]
    Http01,
    /// By a certificate of its own in a handshake for `acme-tls/1` (RFC 8737).
    #[serde(rename = "tls-alpn-01")]
    TlsAlpn01,
}

/// One challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Staged {
    /// What the CA asks for.
    pub token: Token,
    /// The name that is being proven.
    pub host: Name,
    /// What is answered; it is no secret, since whoever asks for the token is told.
    pub key_authorization: Box<str>,
    /// How it is answered.
    pub kind: ChallengeKind,
}

/// What stands in a challenge Secret: a challenge with the Ingress whose certificate it is for.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    staged: &'a Staged,
    ingress: &'a Origin,
}

/// The type of the Secrets that hold challenges.
pub const CHALLENGE_TYPE: &str = "portreeve.dev/acme-challenge";
/// The key of such a Secret under which the list of challenges is.
pub const CHALLENGES: &str = "challenges.json";

impl Staged {
    /// The list of a challenge Secret, as JSON.
    ///
    /// # Errors
    /// Never, as far as is known: nothing in it is other than text.
    pub fn list(all: &[Self], origin: &Origin) -> Result<String, serde_json::Error> {
        let listed = |staged| Listed {
            staged,
            ingress: origin,
        };
        serde_json::to_string(&all.iter().map(listed).collect::<Vec<_>>())
    }
}
