//! One service: what it calls itself and what makes it differ from the others.

use std::sync::Arc;

use rustls::ServerConfig;

use super::answer::Answer;

/// What stands behind one listener.
#[derive(Debug)]
pub(super) struct Service {
    /// The name it gives in its answers.
    pub(super) name: String,
    /// Its only answer, when it has only one.
    pub(super) answer: Option<Answer>,
    /// Set when it speaks TLS.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Whether it gives canned answers, for measurements.
    pub(super) canned: bool,
}
