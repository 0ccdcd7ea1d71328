//! The parts that a process can play.

use std::fmt;

use rustls_pki_types::{DnsName, ServerName};

/// The names that certificates carry. Nobody resolves them.
const CONTROLLER: &str = "controller.portreeve.internal";
const PROXY: &str = "proxy.portreeve.internal";
const ADMISSION: &str = "admission.portreeve.internal";

/// The part that the holder of a certificate plays. Its name is a DNS name in the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Hands out configuration.
    Controller,
    /// Serves traffic by it.
    Proxy,
    /// Says of objects whether they can be served. Who asks it is the API server, which is none of
    /// these, has no certificate of theirs, and knows it by the names of its Service.
    Admission,
}

impl Role {
    /// Every role, in order: first those without whom nothing is served.
    pub const ALL: [Self; 3] = [Self::Controller, Self::Proxy, Self::Admission];

    /// One word, as in names of folders and Secrets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Proxy => "proxy",
            Self::Admission => "admission",
        }
    }

    /// The DNS name that the role's certificates carry, whatever others they carry besides.
    pub fn dns_name(self) -> &'static str {
        match self {
            Self::Controller => CONTROLLER,
            Self::Proxy => PROXY,
            Self::Admission => ADMISSION,
        }
    }

    /// The same name, as TLS asks for it.
    pub fn server_name(self) -> ServerName<'static> {
        let name = DnsName::try_from(self.dns_name());
        // The names are constants, and a test goes through all of them.
        ServerName::DnsName(name.unwrap_or_else(|_| unreachable!()))
    }

    /// Whether it is connected to, and not the one that connects.
    pub fn is_server(self) -> bool {
        match self {
            Self::Controller | Self::Admission => true,
            Self::Proxy => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
