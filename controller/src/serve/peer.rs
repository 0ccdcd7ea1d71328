//! The other end of a session: messages in, messages out, and never longer than patience lasts.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use http_body_util::channel::Sender;
use portreeve_table::{
    Delta, Hello, LineBuffer, LineTooLong, Lines, ToController, Told, TooFar, Verdict, Welcome,
};
use tokio::time::{Instant, interval_at, timeout};

/// How often a proxy hears from us when there is nothing to tell.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a proxy may take to say who it is.
const HELLO: Duration = Duration::from_secs(10);
/// How long a proxy may leave a line unread, or a delta unanswered.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    /// The connection broke.
    #[error("the proxy is gone")]
    Gone,
    /// Nothing was read or answered for too long.
    #[error("the proxy does not read, or does not answer")]
    Stuck,
    /// It does not speak as a proxy does.
    #[error("what the proxy says cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It sends a line without an end.
    #[error(transparent)]
    TooLong(#[from] LineTooLong),
    /// It said something else than who it is.
    #[error("the proxy did not say who it is")]
    NoHello,
    /// Its version is too far from ours.
    #[error(transparent)]
    TooFar(#[from] TooFar),
    /// We stop.
    #[error("this controller stops")]
    Stopping,
}

/// A proxy.
pub(super) struct Peer<B> {
    incoming: B,
    outgoing: Sender<Bytes>,
    read: LineBuffer,
}

impl<B: Body<Data = Bytes> + Unpin> Peer<B> {
    pub(super) fn new(incoming: B, outgoing: Sender<Bytes>) -> Self {
        Self {
            incoming,
            outgoing,
            read: LineBuffer::default(),
        }
    }

    /// Who it is and what it has; it is told what we are, so that it knows why when that is the end.
    pub(super) async fn hello(&mut self) -> Result<Hello, Ended> {
        let message = timeout(HELLO, self.next()).await;
        let message = message.map_err(|_| Ended::Stuck)??;
        let hello = message.hello.ok_or(Ended::NoHello)?;
        self.send(Welcome::line()).await?;
        Ok(hello)
    }

    /// Tells of a delta and returns what of it was not taken; whatever else the proxy says
    /// meanwhile is `heard`.
    pub(super) async fn offer(
        &mut self,
        seq: u64,
        delta: &Delta,
        unknown: &[Box<str>],
        heard: impl FnMut(ToController),
    ) -> Result<Vec<Told>, Ended> {
        let mut lines = Lines::new(seq, delta, unknown);
        for line in lines.by_ref() {
            self.send(line).await?;
        }
        let too_large = lines.too_large.into_iter().map(|found| Told {
            key: found.key.to_string().into(),
            origin: None,
            error: found.to_string(),
        });
        let mut rejected: Vec<_> = too_large.collect();
        let verdict = timeout(PATIENCE, self.verdict(seq, heard)).await;
        rejected.extend(verdict.map_err(|_| Ended::Stuck)??.rejected);
        Ok(rejected)
    }

    async fn verdict(
        &mut self,
        seq: u64,
        mut heard: impl FnMut(ToController),
    ) -> Result<Verdict, Ended> {
        loop {
            let mut message = self.next().await?;
            let nacked = message.nack.take();
            let acked = message.ack.map(|ack| Verdict {
                seq: ack.seq,
                rejected: Vec::new(),
            });
            match nacked.or(acked) {
                Some(verdict) if verdict.seq == seq => return Ok(verdict),
                _ => heard(message),
            }
        }
    }

    /// Waits for `event`, and lets the proxy know meanwhile that we are there; what it says is
    /// `heard`.
    pub(super) async fn until<T>(
        &mut self,
        event: impl Future<Output = T>,
        mut heard: impl FnMut(ToController),
    ) -> Result<T, Ended> {
        let mut event = pin!(event);
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        loop {
            tokio::select! {
                value = &mut event => return Ok(value),
                message = self.next() => heard(message?),
                _ = heartbeat.tick() => self.send("{\"ping\":{}}\n".into()).await?,
            }
        }
    }

    async fn send(&mut self, line: String) -> Result<(), Ended> {
        let sending = self.outgoing.send_data(line.into());
        let sent = timeout(PATIENCE, sending).await;
        sent.map_err(|_| Ended::Stuck)?.map_err(|_| Ended::Gone)
    }

    /// The next message. Nothing is lost when it is not waited for to the end.
    async fn next(&mut self) -> Result<ToController, Ended> {
        loop {
            if let Some(line) = self.read.next_line() {
                return Ok(serde_json::from_slice(line)?);
            }
            let frame = self.incoming.frame().await.ok_or(Ended::Gone)?;
            let frame = frame.map_err(|_| Ended::Gone)?;
            if let Some(data) = frame.data_ref() {
                self.read.push(data, Lines::LIMIT)?;
            }
        }
    }
}
