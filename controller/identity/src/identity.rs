//! An identity, parsed: who believes whom, and who one is.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::pem::{CA_FILE, CHAIN_FILE, KEY_FILE};
use crate::{IdentityError, Pem, Problem, Role, tls};

/// Who a process is, and the authorities that it believes. What is wrong with it is found when it
/// is made; only that it is not valid now is left to be found by peers, because clocks move.
#[derive(Debug, Clone)]
pub struct Identity {
    role: Role,
    authorities: Arc<RootCertStore>,
    own: Arc<CertifiedKey>,
}

impl Identity {
    /// Parses the identity of a `role`. The `origin` is for messages.
    ///
    /// # Errors
    /// When the texts are damaged, do not belong together, or are not of this role.
    pub fn parse(role: Role, pem: &Pem, origin: &str) -> Result<Self, IdentityError> {
        Self::parse_texts(role, pem).map_err(|problem| problem.at(origin))
    }

    fn parse_texts(role: Role, pem: &Pem) -> Result<Self, Problem> {
        let authorities = Arc::new(authorities(&pem.ca)?);
        let chain = certificates(CHAIN_FILE, &pem.chain)?;
        let key = PrivateKeyDer::from_pem_slice(pem.key.expose().as_bytes())
            .map_err(in_file(KEY_FILE))?;
        let own = CertifiedKey::from_der(chain, key, &tls::provider()).map_err(Problem::Key)?;
        tls::verify_as_peer(role, &authorities, &own.cert)
            .map_err(|error| Problem::Refused { role, error })?;
        Ok(Self {
            role,
            authorities,
            own: Arc::new(own),
        })
    }

    /// Whose identity it is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How connections of a `peer` are accepted: HTTP/2 over TLS 1.3, with a certificate of that
    /// role, asked for anew on every connection.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn server(&self, peer: Role) -> Result<Arc<ServerConfig>, rustls::Error> {
        tls::server(&self.authorities, &self.own, peer)
    }

    /// How to connect to a peer; its role is asked for by [`Role::server_name`].
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn client(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        tls::client(&self.authorities, &self.own)
    }
}

fn authorities(bundle: &str) -> Result<RootCertStore, Problem> {
    let mut store = RootCertStore::empty();
    for authority in certificates(CA_FILE, bundle)? {
        store.add(authority).map_err(Problem::Authority)?;
    }
    Ok(store)
}

/// The certificates of a file, of which there must be one at least.
fn certificates(file: &'static str, text: &str) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let found = found.map_err(in_file(file))?;
    if found.is_empty() {
        return Err(in_file(file)(rustls_pki_types::pem::Error::NoItemsFound));
    }
    Ok(found)
}

fn in_file(file: &'static str) -> impl Fn(rustls_pki_types::pem::Error) -> Problem {
    move |error| Problem::Pem { file, error }
}
