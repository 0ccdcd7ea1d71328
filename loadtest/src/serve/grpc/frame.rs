//! The messages of a call, taken out of gRPC's frames as the bytes come.

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use prost::Message;

use super::Failed;
use crate::echo::HEAD;

/// The largest message, gRPC's own default.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// The messages of a call, as they come.
pub(super) struct Messages {
    body: Incoming,
    read: BytesMut,
}

impl Messages {
    pub(super) fn new(body: Incoming) -> Self {
        Self {
            body,
            read: BytesMut::new(),
        }
    }

    /// The next message, or nothing when the client has sent its last.
    pub(super) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>, Failed> {
        loop {
            if let Some(length) = self.length()?
                && self.read.len() >= HEAD + length
            {
                self.read.advance(HEAD);
                let message = M::decode(self.read.split_to(length));
                let bad = |_| Failed::Status(3, "the message does not decode");
                return message.map(Some).map_err(bad);
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.read.extend(frame.into_data().ok()),
                Some(Err(_)) => return Err(Failed::Gone),
                None if self.read.is_empty() => return Ok(None),
                None => return Err(Failed::Status(13, "the last message is cut short")),
            }
        }
    }

    /// The length of the next message once its head is there.
    fn length(&self) -> Result<Option<usize>, Failed> {
        let Some((compressed, mut length)) = self.read.get(..HEAD).and_then(<[u8]>::split_first)
        else {
            return Ok(None);
        };
        if *compressed != 0 {
            return Err(Failed::Status(12, "compression is not spoken here"));
        }
        let length = usize::try_from(length.get_u32()).unwrap_or(usize::MAX);
        match length <= MAX_MESSAGE {
            true => Ok(Some(length)),
            false => Err(Failed::Status(8, "the message is larger than 4 MiB")),
        }
    }
}
