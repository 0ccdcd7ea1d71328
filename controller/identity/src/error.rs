//! Why there is no identity.

use std::io;

use crate::Role;

/// Why an identity cannot be used, and whose it is.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct IdentityError {
    /// The folder or the Secret.
    pub origin: String,
    /// What is wrong there.
    #[source]
    pub problem: Problem,
}

/// What is wrong with an identity.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file is not there, or not for us.
    #[error("{file} cannot be read: {error}; see that it is mounted and who may read it")]
    Read {
        /// Its name.
        file: &'static str,
        /// What the kernel said.
        error: io::Error,
    },
    /// The files are of different versions.
    #[error("its files changed each time they were read; replace the folder as a whole")]
    Restless,
    /// A text is not what it should be.
    #[error("{file} is not PEM: {error}; delete it to have it made anew")]
    Pem {
        /// Its name.
        file: &'static str,
        /// What the parser said.
        error: rustls_pki_types::pem::Error,
    },
    /// An authority is not one.
    #[error("ca.crt holds what is no authority: {0}; delete it to have it made anew")]
    Authority(rustls::Error),
    /// The key is another's.
    #[error("tls.key does not belong to tls.crt: {0}; replace both together")]
    Key(rustls::Error),
    /// Peers would not take it.
    #[error(
        "tls.crt is not a certificate of the role {role} by an authority in ca.crt: {error}; \
         see that the identity of this role is mounted, or delete it to have it made anew"
    )]
    Refused {
        /// Whose it should be.
        role: Role,
        /// What a peer would say.
        error: rustls::Error,
    },
    /// From the TLS library.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Problem {
    /// Says where the problem is.
    pub(crate) fn at(self, origin: impl Into<String>) -> IdentityError {
        IdentityError {
            origin: origin.into(),
            problem: self,
        }
    }
}
