//! Requests' bodies on their way to endpoints, never buffered.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use crate::activity::Activity;
use crate::body::BodyError;
use crate::error::Error;
use crate::timer::Timer;
use crate::trailers;

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
    bytes: AtomicU64,
    awaits_client: AtomicBool,
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

    /// How many bytes those were.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the client has not sent what comes next.
    pub(crate) fn awaits_client(&self) -> bool {
        self.awaits_client.load(Ordering::Relaxed)
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
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        let waits = &self.progress.awaits_client;
        let was_waiting = waits.swap(polled.is_pending(), Ordering::Relaxed);
        let Poll::Ready(frame) = polled else {
            if !was_waiting {
                self.timer.arm(self.client.patience().body);
            }
            if self.timer.poll_expired(cx).is_ready() {
                self.progress.enter(TIMED_OUT);
                return Poll::Ready(Some(Err(BodyError::Timeout)));
            }
            return Poll::Pending;
        };
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
        self.progress.bytes.fetch_add(length, Ordering::Relaxed);
        if self.incoming.is_end_stream() {
            self.end();
        }
        let frame = trailers::of_request(frame);
        Poll::Ready(Some(frame.inspect_err(|_| self.progress.enter(BROKEN))))
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
