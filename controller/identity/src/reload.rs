//! The TLS configuration of an identity in a folder, made anew when the folder changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConfig, ServerConfig};

use crate::files::{self, Version};
use crate::{Identity, IdentityError, Problem, Role};

type Make<C> = dyn Fn(&Identity) -> Result<Arc<C>, rustls::Error> + Send + Sync;

/// A TLS configuration that follows a folder. Connections keep what they were made with; whoever
/// makes the next one refreshes first, which costs a few looks at files that did not change.
pub struct Reload<C> {
    role: Role,
    folder: PathBuf,
    make: Box<Make<C>>,
    seen: Option<Version>,
    config: Option<Arc<C>>,
}

impl Reload<ServerConfig> {
    /// To be a `role` from the `folder`, and accept connections of a `peer`. Reads nothing yet.
    pub fn server(role: Role, folder: &Path, peer: Role) -> Self {
        Self::new(role, folder, move |identity| identity.server(peer))
    }
}

impl Reload<ClientConfig> {
    /// To be a `role` from the `folder`, and connect. Reads nothing yet.
    pub fn client(role: Role, folder: &Path) -> Self {
        Self::new(role, folder, Identity::client)
    }
}

impl<C> Reload<C> {
    fn new(
        role: Role,
        folder: &Path,
        make: impl Fn(&Identity) -> Result<Arc<C>, rustls::Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            role,
            folder: folder.to_path_buf(),
            make: Box::new(make),
            seen: None,
            config: None,
        }
    }

    /// The configuration of the last identity that was good.
    pub fn config(&self) -> Option<Arc<C>> {
        self.config.clone()
    }

    /// Looks whether the folder has changed, and says whether the configuration has.
    ///
    /// # Errors
    /// When it changed to something that cannot be used, which is said once for each change. The
    /// configuration stays as it was.
    pub fn refresh(&mut self) -> Result<bool, IdentityError> {
        if self.seen.as_ref() == Some(&files::version(&self.folder)) {
            return Ok(false);
        }
        let (version, read) = files::read(&self.folder);
        self.seen = Some(version);
        let origin = self.folder.display().to_string();
        let pem = read.map_err(|problem| problem.at(&origin))?;
        let identity = Identity::parse(self.role, &pem, &origin)?;
        let config = (self.make)(&identity).map_err(|error| Problem::from(error).at(&origin))?;
        self.config = Some(config);
        Ok(true)
    }
}
