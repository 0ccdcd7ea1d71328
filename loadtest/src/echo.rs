//! The message of `echo.Echo` and gRPC's frames around it, for the side that serves and the side
//! that calls.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The bytes before a message: one for compression, four for the length.
pub(crate) const HEAD: usize = 5;

/// The one message there is, both as request and as answer.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Message {
    /// Said back as it came.
    #[prost(string, tag = "1")]
    pub(crate) text: String,
    /// Said back as it came.
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) data: Vec<u8>,
    /// In answers, the service that answered.
    #[prost(string, tag = "3")]
    pub(crate) served_by: String,
}

/// A frame around `message`.
pub(crate) fn encode(message: &impl prost::Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(HEAD + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // Encoding into a buffer that grows cannot fail.
    let _ = message.encode(&mut frame);
    frame.freeze()
}

/// The first message in `frames`, when it is whole, uncompressed and what it should be.
pub(crate) fn decode<M: prost::Message + Default>(frames: &[u8]) -> Option<M> {
    let (head, rest) = frames.split_at_checked(HEAD)?;
    let (compressed, mut length) = head.split_first()?;
    let message = rest.get(..usize::try_from(length.get_u32()).ok()?)?;
    (*compressed == 0).then(|| M::decode(message).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_holds_what_was_put_in() {
        let message = Message {
            text: "hello".into(),
            data: vec![0, 255],
            served_by: "me".into(),
        };
        let frame = encode(&message);
        assert_eq!(frame.get(..HEAD), Some(&[0, 0, 0, 0, 15][..]));
        assert_eq!(decode(&frame), Some(message));
    }

    #[test]
    fn what_is_cut_short_or_compressed_is_no_message() {
        for frame in [&[][..], &[0, 0, 0, 0], &[0, 0, 0, 0, 1], &[1, 0, 0, 0, 0]] {
            assert_eq!(decode::<Message>(frame), None, "{frame:?}");
        }
    }
}
