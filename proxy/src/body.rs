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

use crate::record::{Cut, Record};
use crate::stall::{PIECE, Stall};
use crate::timer::Timer;
use crate::trailers;
use crate::upload::Progress;
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
    stall: Option<Arc<Stall>>,
    /// What came and could not be handed on at once.
    rest: Bytes,
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
    /// The request's body, when it had one.
    pub(crate) upload: Option<Arc<Progress>>,
    /// Whether it is cut short when it ends without trailers.
    pub(crate) needs_trailers: bool,
    /// Whether the upstream is waited for.
    pub(crate) is_awaited: bool,
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The sender broke off.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
    /// The sender ended without saying that this is the end.
    #[error("the body is cut short")]
    CutShort,
    /// The sender was silent for too long.
    #[error("nothing came in time")]
    Timeout,
    /// More than the route takes.
    #[error("the body is larger than the route takes")]
    TooLarge,
    /// More than anybody should have to keep until the end.
    #[error("the trailers are too large")]
    TrailersTooLarge,
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
        self.exchange = Some(Box::new(Exchange {
            record,
            upstream,
            stall: Stall::current(),
            rest: Bytes::new(),
        }));
        self.settle();
    }

    /// Gives the connection back as soon as nothing more will come over it.
    fn settle(&mut self) {
        if self.source.is_end() {
            self.complete();
        }
    }

    fn complete(&mut self) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        if exchange.rest.is_empty() {
            exchange.record.ends_whole();
        }
        if let Some(upstream) = exchange.upstream.take() {
            exchange.record.received();
            upstream.end();
        }
    }

    /// Notes whose fault it is that an endpoint's response does not come to its end.
    fn broken(&mut self) {
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        // An endpoint is left as soon as its request breaks off.
        let upload = exchange.upstream.as_ref().and_then(|u| u.upload.as_ref());
        let is_clients = upload.is_some_and(|upload| upload.failure().is_some());
        let by = if is_clients {
            Cut::Client
        } else {
            Cut::Upstream
        };
        exchange.record.cut(by);
    }

    /// Waits for the upstream, but not for ever.
    fn poll_incoming(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Source::Incoming(incoming) = &mut self.source else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(&mut *incoming).poll_frame(cx);
        let upstream = self.exchange.as_mut().and_then(|e| e.upstream.as_mut());
        let Some(upstream) = upstream else {
            return polled.map_err(BodyError::Broken);
        };
        if polled.is_pending() {
            return upstream
                .poll_silence(cx)
                .map(|()| Some(Err(BodyError::Timeout)));
        }
        upstream.is_awaited = false;
        match ready!(polled).transpose()? {
            Some(frame) => {
                upstream.needs_trailers &= !frame.is_trailers();
                Poll::Ready(Some(Ok(frame)))
            }
            // hyper takes a reset without an error for an end.
            None if !incoming.is_end_stream()
                && (upstream.needs_trailers || incoming.size_hint().lower() > 0) =>
            {
                Poll::Ready(Some(Err(BodyError::CutShort)))
            }
            None => Poll::Ready(None),
        }
    }

    /// The next frame that says something.
    fn poll_source(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, BodyError>> {
        if let Source::Full(bytes) = &mut self.source {
            let bytes = std::mem::take(bytes);
            let frame = (!bytes.is_empty()).then(|| Frame::data(bytes));
            return Poll::Ready(Ok(frame));
        }
        loop {
            let frame = ready!(self.poll_incoming(cx))
                .map(|frame| frame.and_then(trailers::of_response))
                .transpose()
                .inspect_err(|_| self.broken())?;
            // An empty frame says nothing, and peers count them as an attack.
            if frame
                .as_ref()
                .and_then(Frame::data_ref)
                .is_some_and(Bytes::is_empty)
            {
                continue;
            }
            // A body in chunks does not know its end before it comes.
            if frame.as_ref().is_none_or(Frame::is_trailers) {
                self.complete();
            }
            return Poll::Ready(Ok(frame));
        }
    }

    /// Takes the next frame, as soon as the client's connection has room for it.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, BodyError>> {
        let Some(stall) = self.stall() else {
            return self.poll_source(cx);
        };
        ready!(stall.poll_open(cx));
        let frame = ready!(self.poll_source(cx))?;
        if let (Some(bytes), Some(stall)) = (frame.as_ref().and_then(Frame::data_ref), self.stall())
        {
            stall.share().take(bytes.len());
        }
        Poll::Ready(Ok(frame))
    }

    fn stall(&self) -> Option<&Arc<Stall>> {
        self.exchange.as_ref().and_then(|e| e.stall.as_ref())
    }

    /// Counts what the client is about to get of a frame, and watches how long it takes for it.
    fn hand_on(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let Some(exchange) = &mut self.exchange else {
            return frame;
        };
        frame.map_data(|mut bytes| {
            if exchange.stall.is_some() && bytes.len() > PIECE {
                exchange.rest = bytes.split_off(PIECE);
            }
            exchange.record.sent(bytes.len());
            match &exchange.stall {
                Some(stall) => stall.hand_on(bytes),
                None => bytes,
            }
        })
    }

    /// What is left of the frame before.
    fn rest(&mut self) -> Option<Frame<Bytes>> {
        let rest = &mut self.exchange.as_mut()?.rest;
        let is_left = !rest.is_empty();
        is_left.then(|| Frame::data(std::mem::take(rest)))
    }

    fn rest_length(&self) -> usize {
        let exchange = self.exchange.as_ref();
        exchange.map_or(0, |exchange| exchange.rest.len())
    }
}

impl Source {
    /// Whether nothing more will come.
    fn is_end(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Incoming(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Incoming(incoming) => incoming.size_hint(),
        }
    }
}

impl Streaming {
    /// Ready when the upstream has said nothing for too long.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_awaited {
            self.is_awaited = true;
            self.timer.arm(self.patience);
        }
        self.timer.poll_expired(cx)
    }

    /// Gives the connection back, unless the request is still being written to it: what is left of
    /// that is of no use to an upstream that has said everything.
    fn end(self) {
        self.timer.disarm();
        if !self.upload.is_some_and(|upload| upload.is_streaming()) {
            self.lease.give_back();
        }
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match self.rest() {
            Some(rest) => Some(rest),
            None => ready!(self.poll_take(cx))?,
        };
        let frame = frame.map(|frame| self.hand_on(frame));
        self.settle();
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.rest_length() == 0 && self.source.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.source.size_hint();
        let rest = self.rest_length() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}
