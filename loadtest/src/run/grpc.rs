//! The unary gRPC call of a run, and whether its answer is right: the echo, and the trailers.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;

use super::failure::Failure;
use crate::echo::{Message, decode, encode};

/// The method that is called.
pub(super) const UNARY: &str = "/echo.Echo/Unary";

/// The framed message with `data` in it.
pub(super) fn message(data: &Bytes) -> Bytes {
    encode(&Message {
        data: data.to_vec(),
        ..Message::default()
    })
}

/// What came back so far.
#[derive(Default)]
pub(super) struct Answer {
    data: BytesMut,
    trailers: Option<HeaderMap>,
}

impl Answer {
    pub(super) fn add(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => self.data.extend(data),
            Err(frame) => self.trailers = frame.into_trailers().ok().or(self.trailers.take()),
        }
    }

    /// Whether it is the right answer to a call with `sent`.
    pub(super) fn judge(&self, headers: &HeaderMap, sent: &Bytes) -> Result<(), Failure> {
        // An error without messages has its status in the header ("trailers only").
        let place = self.trailers.as_ref().unwrap_or(headers);
        let status = place.get("grpc-status").ok_or(Failure::NoTrailers)?;
        if status != "0" {
            let status = String::from_utf8_lossy(status.as_bytes()).into_owned();
            return Err(Failure::GrpcStatus(status));
        }
        let echo: Message = decode(&self.data).ok_or(Failure::Differs)?;
        (echo.data == *sent).then_some(()).ok_or(Failure::Differs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(data: &[u8], status: Option<&'static str>) -> Answer {
        let mut answer = Answer::default();
        answer.add(Frame::data(message(&Bytes::copy_from_slice(data))));
        if let Some(status) = status {
            let status = http::HeaderValue::from_static(status);
            answer.add(Frame::trailers(
                [("grpc-status".parse().unwrap(), status)]
                    .into_iter()
                    .collect(),
            ));
        }
        answer
    }

    #[test]
    fn an_answer_needs_the_echo_and_the_trailers() {
        let sent = Bytes::from_static(b"abc");
        let judged = |answer: Answer| {
            let outcome = answer.judge(&HeaderMap::new(), &sent);
            outcome.map_err(|failure| failure.to_string())
        };
        assert_eq!(judged(answer(b"abc", Some("0"))), Ok(()));
        assert_eq!(
            judged(answer(b"abd", Some("0"))),
            Err("the echo differs".into())
        );
        assert_eq!(
            judged(answer(b"abc", Some("14"))),
            Err("gRPC status 14".into())
        );
        assert_eq!(
            judged(answer(b"abc", None)),
            Err("gRPC trailers are missing".into())
        );
    }
}
