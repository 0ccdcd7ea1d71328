//! Responses' bodies on their way to clients, never buffered.
//!
//! A body carries everything that lasts until its last byte: the request counts as in
//! flight, its connection is leased and its log line is open until the body has ended.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use crate::record::Record;
use crate::timer::Timer;
use crate::trailers;
use crate::upstream::{InFlight, Lease};

/// The body of a response to a client.
#[derive(Debug)]
pub(crate) struct Body {
    source: Source,
    exchange: Option<Box<Exchange>>,
}

#[derive(Debug)]
enum Source {
    /// Made by the proxy, not sent yet.
    Full(Bytes),
    /// From an upstream.
    Incoming(Incoming),
}

/// What lasts until a response's body ends.
#[derive(Debug)]
struct Exchange {
    record: Box<Record>,
    upstream: Option<Streaming>,
}

/// The upstream's side of a response that is still streaming.
#[derive(Debug)]
pub(crate) struct Streaming {
    /// Goes back to the pool when the body has ended, and is closed when it has not.
    pub(crate) lease: Lease,
    /// Counted until the end.
    pub(crate) _in_flight: InFlight,
    /// Armed while the upstream is waited for.
    pub(crate) timer: Arc<Timer>,
    /// How long it is waited for.
    pub(crate) patience: Duration,
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The sender broke off.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
    /// The sender was silent for too long.
    #[error("nothing came in time")]
    Timeout,
    /// More than the route takes.
    #[error("the body is larger than the route takes")]
    TooLarge,
}

impl Body {
    /// A body that is there already.
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        Self {
            source: Source::Full(bytes.into()),
            exchange: None,
        }
    }

    /// A body that streams from an upstream.
    pub(crate) fn incoming(incoming: Incoming) -> Self {
        Self {
            source: Source::Incoming(incoming),
            exchange: None,
        }
    }

    /// Keeps `record` open, and `upstream` leased, until the body has ended.
    pub(crate) fn carry(&mut self, record: Box<Record>, upstream: Option<Streaming>) {
        self.exchange = Some(Box::new(Exchange { record, upstream }));
        self.settle();
    }

    /// Gives the connection back as soon as nothing more will come over it.
    fn settle(&mut self) {
        if !self.is_end_stream() {
            return;
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.record.complete();
            if let Some(upstream) = exchange.upstream.take() {
                upstream.timer.disarm();
                upstream.lease.give_back();
            }
        }
    }

    /// Waits for the upstream, but not for ever.
    fn poll_incoming(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Source::Incoming(incoming) = &mut self.source else {
            return Poll::Ready(None);
        };
        let upstream = self.exchange.as_mut().and_then(|e| e.upstream.as_ref());
        let polled = Pin::new(incoming).poll_frame(cx);
        let Some(upstream) = upstream else {
            return polled.map_err(BodyError::Broken);
        };
        if polled.is_pending() && upstream.timer.poll_expired(cx).is_ready() {
            return Poll::Ready(Some(Err(BodyError::Timeout)));
        }
        let frame = ready!(polled);
        upstream.timer.arm(upstream.patience);
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Broken)))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Source::Full(bytes) = &mut self.source {
            let bytes = std::mem::take(bytes);
            if bytes.is_empty() {
                return Poll::Ready(None);
            }
            if let Some(exchange) = &mut self.exchange {
                exchange.record.sent(bytes.len());
            }
            self.settle();
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        loop {
            let frame = ready!(self.poll_incoming(cx))
                .transpose()?
                .map(trailers::of_response);
            // An empty frame says nothing, and peers count them as an attack.
            if frame
                .as_ref()
                .and_then(Frame::data_ref)
                .is_some_and(Bytes::is_empty)
            {
                continue;
            }
            if let (Some(exchange), Some(data)) =
                (&mut self.exchange, frame.as_ref().and_then(Frame::data_ref))
            {
                exchange.record.sent(data.len());
            }
            self.settle();
            return Poll::Ready(frame.map(Ok));
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Full(bytes) => bytes.is_empty(),
            Source::Incoming(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Incoming(incoming) => incoming.size_hint(),
        }
    }
}
