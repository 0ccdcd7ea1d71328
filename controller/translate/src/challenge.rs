//! Secrets of ACME challenges to what proxies answer.
//!
//! Only those of one namespace count, because whoever could write one elsewhere could answer for
//! somebody else's host.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use portreeve_table::{Challenge, ChallengeKind, Identifier, Origin, Shared, Token};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::object::{Kind, ObjectKey};
use crate::options::Options;
use crate::secret::SecretObject;
use crate::snapshot::Snapshot;

/// The type of Secrets that hold challenges.
pub const CHALLENGE_TYPE: &str = "portreeve.dev/acme-challenge";

/// The field of such a Secret that holds a list of [`WrittenChallenge`]s as JSON.
pub const CHALLENGE_FIELD: &str = "challenges.json";

/// One challenge as it stands in a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenChallenge {
    /// The token, which no other challenge has.
    pub token: Token,
    /// The name or the address that is being proven.
    pub host: Identifier,
    /// What to answer, or to make a digest of: the token, a dot and the account key's thumbprint
    /// (RFC 8555, section 8.1).
    pub key_authorization: Box<str>,
    /// How the authority asks.
    #[serde(default)]
    pub kind: ChallengeKind,
    /// The Ingress whose certificate is being proven.
    pub ingress: Origin,
}

impl WrittenChallenge {
    /// Whether it answers with its own token.
    fn is_authorized(&self) -> bool {
        let rest = self.key_authorization.strip_prefix(self.token.as_str());
        let thumbprint = rest.and_then(|rest| rest.strip_prefix('.'));
        thumbprint.is_some_and(|thumbprint| thumbprint.parse::<Token>().is_ok())
    }
}

impl From<WrittenChallenge> for Challenge {
    fn from(written: WrittenChallenge) -> Self {
        Self {
            origin: written.ingress,
            host: written.host,
            key_authorization: written.key_authorization,
            kind: written.kind,
        }
    }
}

/// All challenges that are to be answered; what cannot be is added to `found`.
pub(crate) fn challenges(
    snapshot: &Snapshot,
    options: &Options,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<Token, Shared<Challenge>> {
    let mut challenges = BTreeMap::new();
    let namespace = options.challenges.as_deref();
    let secrets = namespace.into_iter().flat_map(|it| snapshot.secrets_in(it));
    for (key, secret) in secrets.filter(|(_, secret)| is_it(secret)) {
        match entries(secret) {
            Err(why) => found.push(invalid(key, String::new(), why)),
            Ok(entries) => {
                for (place, entry) in entries.into_iter().enumerate() {
                    let taken = read(entry).and_then(|written| add(&mut challenges, written));
                    found.extend(
                        taken
                            .err()
                            .map(|why| invalid(key, format!("[{place}]"), why)),
                    );
                }
            }
        }
    }
    challenges
}

fn is_it(secret: &SecretObject) -> bool {
    secret.secret().type_.as_deref() == Some(CHALLENGE_TYPE)
}

// The words of a parser quote what they read, and a Secret is never quoted.

fn entries(secret: &SecretObject) -> Result<Vec<Value>, &'static str> {
    let data = secret.secret().data.as_ref();
    let bytes = data.and_then(|data| data.get(CHALLENGE_FIELD));
    let bytes = bytes.ok_or("it is not there")?;
    serde_json::from_slice(&bytes.0).map_err(|_| "it is not a list as JSON")
}

fn read(entry: Value) -> Result<WrittenChallenge, &'static str> {
    let written: WrittenChallenge = serde_json::from_value(entry).map_err(|_| {
        "it has not a token, a host, a keyAuthorization, a kind and an ingress as they should be"
    })?;
    let is_authorized = written.is_authorized();
    is_authorized
        .then_some(written)
        .ok_or("its keyAuthorization is not its token, a dot and a thumbprint")
}

fn add(
    challenges: &mut BTreeMap<Token, Shared<Challenge>>,
    written: WrittenChallenge,
) -> Result<(), &'static str> {
    let token = written.token.clone();
    let challenge = Shared::new(Challenge::from(written));
    match challenges.entry(token) {
        Entry::Vacant(free) => drop(free.insert(challenge)),
        Entry::Occupied(first) if *first.get() == challenge => {}
        Entry::Occupied(_) => return Err("another challenge has its token already"),
    }
    Ok(())
}

fn invalid(key: &ObjectKey, place: String, why: &str) -> Diagnostic {
    let message = format!("This is not answered: {why}.");
    Diagnostic::new(Code::ChallengeInvalid, key.reference(Kind::Secret), message)
        .field(format!("data[{CHALLENGE_FIELD}]{place}"))
        .hint("nothing by hand: whoever orders certificates writes and removes it")
}
