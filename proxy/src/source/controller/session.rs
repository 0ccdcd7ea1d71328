//! One session with a controller.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use portreeve_table::{
    Hello, LineBuffer, LineTooLong, Lines, SCHEMA, Seq, ToController, ToProxy, Told, TooFar,
    Verdict,
};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::Following;
use super::connect::Stream;
use super::telling::{Disorder, Telling};
use portreeve_process::say;

/// How long a controller may be silent: it gives a sign of life every five seconds.
const SILENCE: Duration = Duration::from_secs(15);
/// How long it may give signs of life and tell nothing, as long as something is to be told: at the
/// beginning, and in the middle of a delta. Another controller may know more.
const STUCK: Duration = Duration::from_secs(60);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("it is gone")]
    Gone,
    #[error("it has been silent for too long")]
    Silent,
    #[error("it is there, but has told nothing for too long")]
    Stuck,
    #[error("what it says cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    TooLong(#[from] LineTooLong),
    #[error("what it says makes no sense: {0}")]
    Disorder(#[from] Disorder),
    #[error(transparent)]
    TooFar(#[from] TooFar),
}

/// A session, with what has come of the delta that is being told.
pub(super) struct Session<'f, B> {
    following: &'f mut Following,
    /// Who is followed, for people.
    address: SocketAddr,
    stream: Stream<B>,
    telling: Telling,
    /// The upstreams whose external names lead where no request may be sent.
    refused: watch::Receiver<Vec<Told>>,
    /// When we were first up to date.
    since: Option<Instant>,
    /// When anything was last heard.
    heard: Instant,
    /// When something was last told.
    told: Instant,
}

impl<'f, B: Body<Data = Bytes> + Unpin> Session<'f, B> {
    pub(super) fn new(
        following: &'f mut Following,
        address: SocketAddr,
        stream: Stream<B>,
    ) -> Self {
        let mut refused = following.sink.refused.subscribe();
        if !refused.borrow().is_empty() {
            refused.mark_changed();
        }
        Self {
            following,
            address,
            stream,
            telling: Telling::default(),
            refused,
            since: None,
            heard: Instant::now(),
            told: Instant::now(),
        }
    }

    /// Follows one controller until that ends; says why it did, and how long we were up to date.
    pub(super) async fn run(mut self) -> (Ended, Option<Duration>) {
        let ended = match self.follow().await {
            Ok(never) => match never {},
            Err(ended) => ended,
        };
        (ended, self.since.map(|since| since.elapsed()))
    }

    async fn follow(&mut self) -> Result<Infallible, Ended> {
        let hello = ToController {
            hello: Some(self.hello()),
            ..ToController::default()
        };
        self.say(&hello).await?;
        let mut read = LineBuffer::default();
        loop {
            while let Some(line) = read.next_line() {
                if let Some(answer) = self.hear(line)? {
                    self.say(&answer).await?;
                }
                // To put it in place may have taken long.
                self.heard = Instant::now();
            }
            match self.listen().await? {
                Some(data) => read.push(&data, Lines::LIMIT)?,
                None => self.say_refused().await?,
            }
        }
    }

    /// The next bytes, as long as the controller is not silent for too long; `None` when other
    /// names are refused than before, which is said to whoever knows what we have.
    async fn listen(&mut self) -> Result<Option<Bytes>, Ended> {
        let silent = self.heard + SILENCE;
        let is_awaited = self.since.is_none() || self.telling.is_under_way();
        let stuck = is_awaited.then_some(self.told + STUCK);
        let (end, why) = match stuck.filter(|stuck| *stuck < silent) {
            Some(stuck) => (stuck, Ended::Stuck),
            None => (silent, Ended::Silent),
        };
        let frame = tokio::select! {
            Ok(()) = self.refused.changed(), if self.since.is_some() => return Ok(None),
            frame = timeout_at(end, self.stream.incoming.frame()) => frame,
        };
        self.heard = Instant::now();
        let frame = frame.map_err(|_| why)?.ok_or(Ended::Gone)?;
        let frame = frame.map_err(|_| Ended::Gone)?;
        Ok(Some(frame.into_data().unwrap_or_default()))
    }

    fn hello(&self) -> Hello {
        Hello {
            node: self.following.node.as_str().into(),
            schema: SCHEMA,
            have: self.following.sink.have(),
        }
    }

    /// Takes in a line; returns what to answer.
    fn hear(&mut self, line: &[u8]) -> Result<Option<ToController>, Ended> {
        let message: ToProxy<'_> = serde_json::from_slice(line)?;
        if let Some(welcome) = message.welcome {
            TooFar::check_controller(welcome.schema)?;
        }
        if message.delta.is_some() || message.synced.is_some() {
            self.told = Instant::now();
        }
        if let Some(part) = message.delta {
            self.telling.add(&part, line.len())?;
        }
        let Some(seq) = message.synced else {
            return Ok(None);
        };
        let whole = self.telling.whole(seq)?;
        Ok(Some(self.take(seq, whole)))
    }

    /// Puts a whole delta in place, and says what of it could not be.
    fn take(&mut self, Seq { seq }: Seq, told: Telling) -> ToController {
        let is_first = self.since.is_none();
        let rejected = self.following.take(is_first, told);
        if is_first {
            self.since = Some(Instant::now());
            say(format_args!(
                "portreeve-proxy: controller {}: up to date",
                self.address
            ));
        }
        let nack = (!rejected.is_empty()).then_some(Verdict { seq, rejected });
        ToController {
            ack: nack.is_none().then_some(Seq { seq }),
            nack,
            ..ToController::default()
        }
    }

    async fn say_refused(&mut self) -> Result<(), Ended> {
        let refused = self.refused.borrow_and_update().clone();
        let message = ToController {
            refused: Some(refused),
            ..ToController::default()
        };
        self.say(&message).await
    }

    async fn say(&mut self, message: &ToController) -> Result<(), Ended> {
        let line = serde_json::to_string(message)? + "\n";
        let sent = timeout(SILENCE, self.stream.outgoing.send_data(line.into())).await;
        sent.map_err(|_| Ended::Silent)?.map_err(|_| Ended::Gone)
    }
}
