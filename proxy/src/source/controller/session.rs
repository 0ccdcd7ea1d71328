//! One session with a controller.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use portreeve_table::{
    Delta, Hello, LineBuffer, LineTooLong, Lines, SCHEMA, Seq, ToController, ToProxy, Told, Verdict,
};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::connect::{ConnectError, Stream, connect};
use crate::source::{Cache, Sink};
use crate::wiring::say;

/// How long a controller may be silent: it gives a sign of life every five seconds.
const SILENCE: Duration = Duration::from_secs(15);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("it is gone")]
    Gone,
    #[error("it has been silent for too long")]
    Silent,
    #[error("what it says cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    TooLong(#[from] LineTooLong),
}

/// What a session changes, and what has come of the delta that is being told.
pub(super) struct Session<'s> {
    sink: &'s Sink,
    cache: &'s Cache,
    node: &'s str,
    delta: Delta,
    unread: Vec<Told>,
    was_useful: bool,
}

impl<'s> Session<'s> {
    pub(super) fn new(sink: &'s Sink, cache: &'s Cache, node: &'s str) -> Self {
        Self {
            sink,
            cache,
            node,
            delta: Delta::default(),
            unread: Vec::new(),
            was_useful: false,
        }
    }

    /// Follows one controller until that ends; says why it did, and whether anything came of it.
    pub(super) async fn run(
        mut self,
        address: SocketAddr,
        tls: Arc<ClientConfig>,
    ) -> (Ended, bool) {
        let ended = match self.follow(address, tls).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        };
        (ended, self.was_useful)
    }

    async fn follow(
        &mut self,
        address: SocketAddr,
        tls: Arc<ClientConfig>,
    ) -> Result<std::convert::Infallible, Ended> {
        let mut stream = connect(address, tls).await?;
        let hello = ToController {
            hello: Some(self.hello()),
            ..ToController::default()
        };
        stream.say(&hello).await?;
        let mut read = LineBuffer::default();
        loop {
            while let Some(line) = read.next_line() {
                if let Some(answer) = self.hear(address, line)? {
                    stream.say(&answer).await?;
                }
            }
            let frame = timeout(SILENCE, stream.incoming.frame()).await;
            let frame = frame.map_err(|_| Ended::Silent)?.ok_or(Ended::Gone)?;
            let frame = frame.map_err(|_| Ended::Gone)?;
            if let Some(data) = frame.data_ref() {
                read.push(data, Lines::LIMIT)?;
            }
        }
    }

    fn hello(&self) -> Hello {
        Hello {
            node: self.node.into(),
            schema: SCHEMA,
            have: self.sink.have(),
        }
    }

    /// Takes in a line; returns what to answer.
    fn hear(&mut self, address: SocketAddr, line: &[u8]) -> Result<Option<ToController>, Ended> {
        let message: ToProxy<'_> = serde_json::from_slice(line)?;
        if let Some(part) = message.delta {
            self.unread.append(&mut part.read(&mut self.delta));
        }
        Ok(message.synced.map(|synced| {
            if !self.was_useful {
                say(format_args!(
                    "portreeve-proxy: controller {address}: up to date"
                ));
            }
            self.was_useful = true;
            self.apply(synced)
        }))
    }

    /// Applies a whole delta, and says what of it could not be.
    fn apply(&mut self, Seq { seq }: Seq) -> ToController {
        let delta = std::mem::take(&mut self.delta);
        let mut rejected = std::mem::take(&mut self.unread);
        let refused = self.sink.apply(delta).into_iter().map(|refused| Told {
            key: refused.key.to_string().into(),
            error: refused.error.to_string(),
        });
        rejected.extend(refused);
        self.sink.is_told(&rejected);
        self.cache.changed();
        let nack = (!rejected.is_empty()).then_some(Verdict { seq, rejected });
        ToController {
            ack: nack.is_none().then_some(Seq { seq }),
            nack,
            ..ToController::default()
        }
    }
}

impl Stream {
    async fn say(&mut self, message: &ToController) -> Result<(), Ended> {
        let line = serde_json::to_string(message)? + "\n";
        let sent = timeout(SILENCE, self.outgoing.send_data(line.into())).await;
        sent.map_err(|_| Ended::Silent)?.map_err(|_| Ended::Gone)
    }
}
