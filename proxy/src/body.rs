//! Bodies on their way, in both directions, never buffered.
//!
//! A response body carries everything that lasts until its last byte: the request counts as in
//! flight, its connection is leased and its log line is open until the body has ended.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use crate::activity::Activity;
use crate::error::Error;
use crate::record::Record;
use crate::timer::Timer;
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
            let frame = ready!(self.poll_incoming(cx)).transpose()?.map(clean);
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

/// Trailers that would change what the head said are dropped (RFC 9110, section 6.5.1).
fn clean(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            remove_forbidden(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

fn remove_forbidden(trailers: &mut HeaderMap) {
    const FORBIDDEN: [HeaderName; 9] = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::AUTHORIZATION,
        header::COOKIE,
        header::SET_COOKIE,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
    ];
    for name in FORBIDDEN.iter().chain(&portreeve_table::HOP_BY_HOP) {
        trailers.remove(name);
    }
    let forwarded: Vec<_> = trailers
        .keys()
        .filter(|name| name.as_str().starts_with("x-forwarded-") || *name == "x-real-ip")
        .cloned()
        .collect();
    for name in forwarded {
        trailers.remove(name);
    }
}

/// The body of a request to an upstream.
#[derive(Debug, Default)]
pub(crate) struct RequestBody(Option<Box<Upload>>);

#[derive(Debug)]
struct Upload {
    incoming: Incoming,
    left: u64,
    timer: Arc<Timer>,
    client: Arc<Activity>,
    progress: Arc<Progress>,
}

/// How far a request's body has come, for those who wait for its response.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    stage: AtomicU8,
    frames: AtomicU64,
}

const STREAMING: u8 = 0;
const DONE: u8 = 1;
const TOO_LARGE: u8 = 2;
const TIMED_OUT: u8 = 3;
const BROKEN: u8 = 4;

impl Progress {
    /// Whether more of the body is expected.
    pub(crate) fn is_streaming(&self) -> bool {
        self.stage.load(Ordering::Relaxed) == STREAMING
    }

    /// How many frames were handed to the upstream's connection.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// What the client did wrong, if anything.
    pub(crate) fn failure(&self) -> Option<Error> {
        match self.stage.load(Ordering::Relaxed) {
            TOO_LARGE => Some(Error::BodyTooLarge),
            TIMED_OUT => Some(Error::BodyTimeout),
            BROKEN => Some(Error::BodyBroken),
            _ => None,
        }
    }

    fn enter(&self, stage: u8) {
        self.stage.store(stage, Ordering::Relaxed);
    }
}

impl RequestBody {
    /// Forwards `incoming`, at most `limit` bytes of it, as patiently as `client` allows.
    ///
    /// Nothing is read of it before the upstream's connection stands, so a client that expects
    /// `100 Continue` is told to go on only then.
    pub(crate) fn new(
        incoming: Incoming,
        limit: u64,
        timer: impl FnOnce() -> Arc<Timer>,
        client: &Arc<Activity>,
    ) -> (Self, Option<Arc<Progress>>) {
        if incoming.is_end_stream() {
            return (Self::default(), None);
        }
        let progress = Arc::new(Progress::default());
        let upload = Upload {
            incoming,
            left: limit,
            timer: timer(),
            client: Arc::clone(client),
            progress: Arc::clone(&progress),
        };
        (Self(Some(Box::new(upload))), Some(progress))
    }
}

impl Upload {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            if self.timer.poll_expired(cx).is_ready() {
                self.progress.enter(TIMED_OUT);
                return Poll::Ready(Some(Err(BodyError::Timeout)));
            }
            return Poll::Pending;
        };
        self.timer.arm(self.client.patience().body);
        let Some(frame) = frame
            .transpose()
            .inspect_err(|_| self.progress.enter(BROKEN))?
        else {
            self.end();
            return Poll::Ready(None);
        };
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(left) = self.left.checked_sub(length) else {
            self.progress.enter(TOO_LARGE);
            return Poll::Ready(Some(Err(BodyError::TooLarge)));
        };
        self.left = left;
        self.progress.frames.fetch_add(1, Ordering::Relaxed);
        if self.incoming.is_end_stream() {
            self.end();
        }
        Poll::Ready(Some(Ok(clean(frame))))
    }

    fn end(&self) {
        self.progress.enter(DONE);
        self.client.all_read();
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(upload) = &mut self.0 else {
            return Poll::Ready(None);
        };
        loop {
            let frame = ready!(upload.poll(cx)).transpose()?;
            if frame
                .as_ref()
                .and_then(Frame::data_ref)
                .is_some_and(Bytes::is_empty)
            {
                continue;
            }
            return Poll::Ready(frame.map(Ok));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|upload| upload.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.0.as_ref().map(|upload| upload.incoming.size_hint());
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}
