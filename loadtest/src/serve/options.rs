//! What `serve` is told: which addresses, under which names, with which fixed answers.
//!
//! A service can be written on the command line or as a line of a file; both read the same words.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::answer::{Answer, AnswerError};
use super::identity::{self, IdentityError};
use super::service::Service;

/// The options of `portreeve-loadtest serve`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Listen here as the service NAME; port 0 takes a free one. May be given several times.
    #[arg(long, value_name = "ADDR[=NAME]")]
    pub listen: Vec<Listen>,

    /// Start the services of this file: lines of `ADDR=NAME [tls] [STATUS:TEXT | STATUS:@FILE]`.
    #[arg(long, value_name = "FILE")]
    pub backends: Option<PathBuf>,

    /// Every request to the service NAME gets this answer; @FILE stands for a file's content.
    #[arg(long, value_name = "NAME=STATUS:TEXT")]
    pub answer: Vec<NamedAnswer>,

    /// Serve TLS on the listeners of `--listen`, with a certificate made at start unless one is given.
    #[arg(long)]
    pub tls: bool,

    /// The certificate chain for TLS, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// The private key for TLS, as PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Answer GET /bytes/N and nothing else, over HTTP/1.1, as cheaply as a backend can.
    #[arg(long)]
    pub measure: bool,
}

/// Why the options do not describe services.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// A listener's address does not parse.
    #[error("{0:?} is not an address; write one such as 127.0.0.1:9001 or [::1]:9001=shop")]
    Address(String),
    /// A fixed answer does not parse.
    #[error("the answer {text:?}: {source}")]
    Answer {
        /// What was written.
        text: String,
        /// What is wrong with it.
        source: AnswerError,
    },
    /// `--answer` without a name.
    #[error("{0:?} has no service; write NAME=STATUS:TEXT such as default=404:nothing")]
    Unnamed(String),
    /// An answer for a service that does not exist.
    #[error("there is no service {0:?} to give an answer to; name it with --listen ADDR={0}")]
    UnknownService(String),
    /// The file of services cannot be read.
    #[error("cannot read {file}: {source}")]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the file of services is wrong.
    #[error("{file}, line {line}: {source}")]
    Line {
        /// The file.
        file: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong there.
        source: Box<OptionsError>,
    },
    /// No service was asked for.
    #[error("nothing to serve; give --listen ADDR=NAME or --backends FILE")]
    Nothing,
    /// TLS cannot be set up.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// A listener: an address and the name of the service behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where to listen.
    pub address: SocketAddr,
    /// What the service calls itself.
    pub name: String,
}

impl FromStr for Listen {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let (address, name) = text.split_once('=').unwrap_or((text, "echo"));
        let address = address.parse();
        Ok(Self {
            address: address.map_err(|_| OptionsError::Address(text.into()))?,
            name: name.into(),
        })
    }
}

/// A fixed answer and the service it is for, as `--answer` takes them.
#[derive(Clone, Debug)]
pub struct NamedAnswer {
    /// The service.
    pub name: String,
    /// Its answer.
    pub answer: Answer,
}

impl FromStr for NamedAnswer {
    type Err = OptionsError;

    fn from_str(text: &str) -> Result<Self, OptionsError> {
        let unnamed = || OptionsError::Unnamed(text.into());
        let (name, answer) = text.split_once('=').ok_or_else(unnamed)?;
        Ok(Self {
            name: name.into(),
            answer: read_answer(answer, Path::new(""))?,
        })
    }
}

fn read_answer(text: &str, folder: &Path) -> Result<Answer, OptionsError> {
    Answer::read(text, folder).map_err(|source| OptionsError::Answer {
        text: text.into(),
        source,
    })
}

impl Options {
    /// The services to start and where, in the order they were written.
    pub(super) fn services(&self) -> Result<Vec<(SocketAddr, Service)>, OptionsError> {
        let mut services = Vec::new();
        for listen in &self.listen {
            let tls = self.tls || self.tls_cert.is_some();
            services.push(self.service(listen.clone(), tls, None)?);
        }
        if let Some(file) = &self.backends {
            services.extend(self.services_of(file)?);
        }
        if services.is_empty() {
            return Err(OptionsError::Nothing);
        }
        for NamedAnswer { name, answer } in &self.answer {
            let unknown = || OptionsError::UnknownService(name.clone());
            let mut named = services
                .iter_mut()
                .filter(|(_, s)| &s.name == name)
                .peekable();
            named.peek().ok_or_else(unknown)?;
            named.for_each(|(_, service)| service.answer = Some(answer.clone()));
        }
        Ok(services)
    }

    fn service(
        &self,
        listen: Listen,
        tls: bool,
        answer: Option<Answer>,
    ) -> Result<(SocketAddr, Service), OptionsError> {
        let pair = self.tls_cert.as_deref().zip(self.tls_key.as_deref());
        let tls = match (tls, pair) {
            (false, _) => None,
            (true, Some((cert, key))) => Some(identity::from_files(cert, key)?),
            (true, None) => Some(identity::self_signed(&listen.name)?),
        };
        let service = Service {
            name: listen.name,
            answer,
            tls: tls.map(Arc::new),
            canned: self.measure,
        };
        Ok((listen.address, service))
    }

    fn services_of(&self, file: &Path) -> Result<Vec<(SocketAddr, Service)>, OptionsError> {
        let unreadable = |source| OptionsError::File {
            file: file.into(),
            source,
        };
        let text = fs::read_to_string(file).map_err(unreadable)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut services = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let service = self
                .line(line, folder)
                .map_err(|source| OptionsError::Line {
                    file: file.into(),
                    line: number + 1,
                    source: Box::new(source),
                });
            services.push(service?);
        }
        Ok(services)
    }

    fn line(&self, line: &str, folder: &Path) -> Result<(SocketAddr, Service), OptionsError> {
        let (listen, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let (tls, answer) = match rest.trim().strip_prefix("tls") {
            Some(answer) => (true, answer.trim()),
            None => (false, rest.trim()),
        };
        let answer = (!answer.is_empty()).then(|| read_answer(answer, folder));
        self.service(listen.parse()?, tls, answer.transpose()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_address_service_tls_and_answer() {
        let options = Options::default();
        for (line, name, tls, status) in [
            ("127.0.0.1:9001", "echo", false, None),
            ("127.0.0.1:9001=shop", "shop", false, None),
            ("[::1]:0=shop   tls", "shop", true, None),
            ("127.0.0.1:1=none 404:not here", "none", false, Some(404)),
            ("127.0.0.1:1=none tls 503:", "none", true, Some(503)),
        ] {
            let (_, service) = options.line(line, Path::new("")).unwrap();
            let answered = service.answer.map(|answer| answer.status.as_u16());
            assert_eq!((&*service.name, answered), (name, status), "{line}");
            assert_eq!(service.tls.is_some(), tls, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_the_fix() {
        for (text, expected) in [
            ("localhost:1=a", "write one such as 127.0.0.1:9001"),
            ("127.0.0.1:1=a 99:x", "from 200 to 599"),
            ("127.0.0.1:1=a nothing", "STATUS:TEXT"),
        ] {
            let error = Options::default().line(text, Path::new("")).unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn an_answer_needs_its_service() {
        let options = Options {
            listen: vec!["127.0.0.1:0=shop".parse().unwrap()],
            answer: vec!["shop2=404:x".parse().unwrap()],
            ..Options::default()
        };
        let error = options.services().unwrap_err();
        assert!(error.to_string().contains("shop2"), "{error}");
    }
}
