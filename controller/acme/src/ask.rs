//! Asks whoever listens at an address what a CA would ask it.
//!
//! It believes nobody: whoever answers must answer as it was said, in time and with little.

mod verifier;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use portreeve_table::Identifier;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;

use crate::facts::{Unreachable, send};
use crate::staged::{ChallengeKind, Staged};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(2);
/// How long an answer may be, in bytes: a key authorization has about a hundred.
const MOST: usize = 4096;
/// The protocol of TLS-ALPN-01 (RFC 8737, section 6.2).
const PROTOCOL: &[u8] = b"acme-tls/1";
/// The extension that answers it: acmeIdentifier (RFC 8737, section 3).
const EXTENSION: &str = "1.3.6.1.5.5.7.1.31";

/// Why an answer is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// Nothing came in time.
    #[error("no answer in {} s", ANSWER.as_secs())]
    Silent,
    /// Nobody is there, or the connection broke, or no handshake came about.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came is no HTTP.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// It was refused.
    #[error("status {0}")]
    Status(u16),
    /// Something else is answered.
    #[error("another answer than that of this challenge")]
    Other,
    /// The name cannot stand in a request or a handshake.
    #[error("{0} cannot be asked for")]
    Name(String),
}

impl From<Unreachable> for Wrong {
    fn from(why: Unreachable) -> Self {
        match why {
            Unreachable::Silent => Self::Silent,
            Unreachable::Connect(error) => Self::Io(error),
            Unreachable::Http(error) => Self::Http(error),
            Unreachable::Body => Self::Other,
            Unreachable::Name(name) => Self::Name(name.to_string()),
        }
    }
}

/// What asks. One is enough for all questions.
#[derive(Clone, Debug)]
pub struct Asker {
    tls: Arc<ClientConfig>,
}

impl Asker {
    /// What asks with nothing but `acme-tls/1` where it asks by a handshake.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new() -> Result<Self, rustls::Error> {
        let tls = verifier::config(PROTOCOL)?;
        Ok(Self { tls })
    }

    /// Asks a challenge of whoever listens at `address`, in the challenge's own way.
    ///
    /// # Errors
    /// When it is not answered as it must be within two seconds.
    pub async fn ask(&self, address: SocketAddr, staged: &Staged) -> Result<(), Wrong> {
        let asked = async {
            match staged.kind {
                ChallengeKind::Http01 => get(address, staged).await,
                ChallengeKind::TlsAlpn01 => self.shake_hands(address, staged).await,
            }
        };
        timeout(ANSWER, asked).await.map_err(|_| Wrong::Silent)?
    }

    async fn shake_hands(&self, address: SocketAddr, staged: &Staged) -> Result<(), Wrong> {
        let name = identifier(staged)?.server_name();
        let name = ServerName::try_from(name).map_err(|error| Wrong::Name(error.to_string()))?;
        let stream = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await?;
        let (_, session) = stream.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        let digest = Sha256::digest(staged.key_authorization.as_bytes());
        let leaf = chain
            .first()
            .and_then(|der| parse_x509_certificate(der).ok());
        let is_it = leaf.is_some_and(|(_, leaf)| answered(&leaf) == Some(&digest));
        let is_right = is_it && session.alpn_protocol() == Some(PROTOCOL);
        is_right.then_some(()).ok_or(Wrong::Other)
    }
}

/// The digest that a certificate answers with: an OCTET STRING of 32 bytes in its extension.
fn answered<'a>(leaf: &X509Certificate<'a>) -> Option<&'a [u8]> {
    let mut all = leaf.extensions().iter();
    let found = all.find(|it| it.critical && it.oid.to_id_string() == EXTENSION)?;
    found.value.strip_prefix(&[4, 32])
}

async fn get(address: SocketAddr, staged: &Staged) -> Result<(), Wrong> {
    let path = format!("/.well-known/acme-challenge/{}", staged.token.as_str());
    let (answer, _connection) = send(address, &staged.host, &path).await?;
    if answer.status() != StatusCode::OK {
        return Err(Wrong::Status(answer.status().as_u16()));
    }
    let body = Limited::new(answer.into_body(), MOST).collect().await;
    let body = body.map_err(|_| Wrong::Other)?.to_bytes();
    // A CA ignores white space at the end (RFC 8555, section 8.3).
    let is_it = body.trim_ascii_end() == staged.key_authorization.as_bytes();
    is_it.then_some(()).ok_or(Wrong::Other)
}

fn identifier(staged: &Staged) -> Result<Identifier, Wrong> {
    let host = staged.host.to_string();
    host.parse().map_err(|_| Wrong::Name(host))
}

#[cfg(test)]
mod tests;
