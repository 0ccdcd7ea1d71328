//! The bodies of answers: whole, repeated, streamed by a task, or the request's own.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::mpsc;

/// What a repeated body consists of, and the most that goes out as one frame.
static ZEROS: [u8; 64 * 1024] = [b'0'; 64 * 1024];

/// An answer's body.
pub(super) enum Body {
    /// All there is, at once.
    Whole(Bytes),
    /// So many bytes of filling, their number known beforehand.
    Filling(u64),
    /// What a task sends, of unknown length; the body ends when the task does.
    Stream(mpsc::Receiver<Frame<Bytes>>),
    /// The request's body, trailers included.
    Echo(Incoming),
}

impl Body {
    /// A body that is there at once.
    pub(super) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(bytes.into())
    }

    /// A body that `write` sends frame by frame, at the pace the client reads.
    pub(super) fn stream<F, W>(write: W) -> Self
    where
        W: FnOnce(Frames) -> F,
        F: Future<Output = Result<(), Gone>> + Send + 'static,
    {
        let (frames, body) = mpsc::channel(1);
        // A client that went away is no failure: the task just has nobody to write for.
        let _ends_with_the_client = tokio::spawn(write(Frames(frames)));
        Self::Stream(body)
    }
}

/// The client went away.
pub(super) struct Gone;

/// Where a task writes the frames of its body.
pub(super) struct Frames(mpsc::Sender<Frame<Bytes>>);

impl Frames {
    pub(super) async fn data(&self, bytes: impl Into<Bytes>) -> Result<(), Gone> {
        self.0
            .send(Frame::data(bytes.into()))
            .await
            .map_err(|_| Gone)
    }

    pub(super) async fn trailers(&self, trailers: http::HeaderMap) -> Result<(), Gone> {
        self.0
            .send(Frame::trailers(trailers))
            .await
            .map_err(|_| Gone)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Filling(0) => Poll::Ready(None),
            Self::Filling(left) => {
                let chunk = filling(*left);
                *left -= chunk.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Self::Stream(frames) => frames.poll_recv(cx).map(|frame| frame.map(Ok)),
            Self::Echo(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Filling(left) => *left == 0,
            Self::Stream(_) => false,
            Self::Echo(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Filling(left) => SizeHint::with_exact(*left),
            Self::Stream(_) => SizeHint::default(),
            Self::Echo(body) => body.size_hint(),
        }
    }
}

/// Up to `most` bytes of filling, without copying any.
pub(super) fn filling(most: u64) -> Bytes {
    let length = usize::try_from(most).map_or(ZEROS.len(), |most| most.min(ZEROS.len()));
    Bytes::from_static(ZEROS.get(..length).unwrap_or(&ZEROS))
}
