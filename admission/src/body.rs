//! Bodies of reviews, of which few may be in memory at once.
//!
//! Nearly all are small and read side by side. A large one waits until no other large one is there,
//! and before that no more of it is read than a small one has; whoever sends slowly holds up nobody
//! but others that are as large.

use bytes::Buf;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::refusal::Refusal;

/// How large a body may be: the API server takes no larger request itself (3 MiB), and what it takes
/// is most often stored in 1.5 MiB.
const LARGEST: usize = 3 << 20;
/// Up to which size a body is small.
const SMALL: usize = 64 << 10;
/// How many bodies may be there at once.
const MANY: usize = 64;

/// Who may hold a body.
#[derive(Debug)]
pub(crate) struct Room {
    all: Semaphore,
    large: Semaphore,
}

/// A body, and the room that it takes.
pub(crate) struct Held<'r> {
    bytes: Vec<u8>,
    _place: SemaphorePermit<'r>,
    large: Option<SemaphorePermit<'r>>,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self {
            all: Semaphore::new(MANY),
            large: Semaphore::new(1),
        }
    }

    /// Reads a body whole.
    ///
    /// # Errors
    /// When it is too large, which is known before it is read where its length is told, or when it
    /// breaks off.
    pub(crate) async fn read<B: Body + Unpin>(&self, mut body: B) -> Result<Held<'_>, Refusal> {
        let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if told > LARGEST {
            return Err(Refusal::TooLarge);
        }
        let place = self.all.acquire().await.map_err(|_| Refusal::Busy)?;
        let mut held = Held {
            bytes: Vec::with_capacity(told.min(SMALL)),
            _place: place,
            large: None,
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::NotJson)?;
            if let Ok(data) = frame.into_data() {
                self.grow(&mut held, data, told).await?;
            }
        }
        Ok(held)
    }

    async fn grow<'r>(
        &'r self,
        held: &mut Held<'r>,
        mut data: impl Buf,
        told: usize,
    ) -> Result<(), Refusal> {
        let length = held.bytes.len().saturating_add(data.remaining());
        if length > LARGEST {
            return Err(Refusal::TooLarge);
        }
        if length > SMALL && held.large.is_none() {
            let large = self.large.acquire().await.map_err(|_| Refusal::Busy)?;
            held.large = Some(large);
            held.bytes
                .reserve_exact(told.saturating_sub(held.bytes.len()));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            held.bytes.extend_from_slice(chunk);
            let length = chunk.len();
            data.advance(length);
        }
        Ok(())
    }
}

impl Held<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
