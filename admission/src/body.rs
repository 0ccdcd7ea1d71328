//! Bodies of reviews, of which few may be in memory at once.
//!
//! Nearly all are small, and there may be one for each connection. A larger one waits in the lane of
//! its size until there is room, and before that nothing of it is read; so whoever sends much or slowly
//! holds up nobody but others that send as much.

use bytes::Buf;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::places::CONNECTIONS;
use crate::refusal::Refusal;

/// How large a body may be in each lane, in bytes, and how many there may be at once. Nearly all
/// reviews are in the first. The API server takes no larger request than the last (3 MiB).
const LANES: [(usize, usize); 3] = [(16 << 10, CONNECTIONS), (128 << 10, 8), (3 << 20, 1)];

/// Who may hold a body.
#[derive(Debug)]
pub(crate) struct Room([(usize, Semaphore); LANES.len()]);

/// A body, and the room that it takes.
pub(crate) struct Held<'r> {
    bytes: Vec<u8>,
    /// How large it may grow in its lane.
    limit: usize,
    _place: SemaphorePermit<'r>,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self(LANES.map(|(size, places)| (size, Semaphore::new(places))))
    }

    /// Reads a body whole.
    ///
    /// # Errors
    /// When it is too large, which is known before it is read where its length is told, or when it
    /// breaks off.
    pub(crate) async fn read<B: Body + Unpin>(&self, mut body: B) -> Result<Held<'_>, Refusal> {
        let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let mut held = self.hold(Vec::new(), told).await?;
        held.bytes.reserve_exact(told);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::NotJson)?;
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            let length = held.bytes.len().saturating_add(data.remaining());
            if length > held.limit {
                // Its length was not told. Nobody waits for a lane who has a place in a wider one.
                held = self.hold(std::mem::take(&mut held.bytes), length).await?;
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                held.bytes.extend_from_slice(chunk);
                let length = chunk.len();
                data.advance(length);
            }
        }
        Ok(held)
    }

    /// A place in the lane of a size.
    async fn hold(&self, bytes: Vec<u8>, size: usize) -> Result<Held<'_>, Refusal> {
        let lane = self.0.iter().find(|(limit, _)| size <= *limit);
        let (limit, places) = lane.ok_or(Refusal::TooLarge)?;
        Ok(Held {
            bytes,
            limit: *limit,
            _place: places.acquire().await.map_err(|_| Refusal::Busy)?,
        })
    }
}

impl Held<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
