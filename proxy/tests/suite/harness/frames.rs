//! HTTP/2 by hand, for what no library would send.

use std::net::{SocketAddr, TcpStream};

use super::client::Client;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;

pub const END_STREAM: u8 = 1;
/// The number of the setting that says how many streams are allowed.
pub const MAX_CONCURRENT_STREAMS: u16 = 3;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
pub const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// What a response's head says first, when it is one of the statuses with a number of their
    /// own (RFC 7541, appendix A).
    pub fn status(&self) -> Option<u16> {
        let indexed = [(0x88, 200), (0x8c, 400), (0x8d, 404), (0x8e, 500)];
        let first = self.payload.first().filter(|_| self.kind == HEADERS)?;
        indexed
            .iter()
            .find(|(byte, _)| byte == first)
            .map(|(_, status)| *status)
    }
}

/// A connection of HTTP/2 with prior knowledge.
pub struct Frames {
    pub client: Client,
}

impl Frames {
    /// Connects with these settings, each a number and a value.
    pub fn connect(to: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut client = Client::connect(to);
        client.send(PREFACE);
        let mut frames = Self { client };
        frames.settings(settings);
        frames
    }

    /// The other side of a connection that somebody else began, with nothing said on it yet.
    pub fn accepted(stream: &TcpStream) -> Self {
        let mut client = Client::over(stream.try_clone().unwrap());
        client.read_exactly(PREFACE.len());
        Self { client }
    }

    /// Says settings, each a number and a value.
    pub fn settings(&mut self, settings: &[(u16, u32)]) {
        let settings = settings.iter().flat_map(|(number, value)| {
            [
                number.to_be_bytes().as_slice(),
                value.to_be_bytes().as_slice(),
            ]
            .concat()
        });
        self.send(SETTINGS, 0, 0, &settings.collect::<Vec<_>>());
    }

    /// Ends a stream with a response of nothing but 200.
    pub fn ok(&mut self, stream: u32) {
        self.send(HEADERS, END_STREAM | END_HEADERS, stream, &[0x88]);
    }

    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.client.send(frame);
    }

    /// A head in one frame, each field spelt out.
    pub fn headers(&mut self, stream: u32, flags: u8, fields: &[(&str, &str)]) {
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(0);
            for text in [name, value] {
                length(&mut block, text.len());
                block.extend(text.bytes());
            }
        }
        self.send(HEADERS, flags | END_HEADERS, stream, &block);
    }

    /// The next frame but acknowledgements and window updates; `None` at the end.
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            let head = self.client.read_exactly(9);
            let &[a, b, c, kind, flags, s1, s2, s3, s4] = head.as_slice() else {
                return None;
            };
            let payload = self
                .client
                .read_exactly(u32::from_be_bytes([0, a, b, c]) as usize);
            let stream = u32::from_be_bytes([s1, s2, s3, s4]);
            match kind {
                SETTINGS if flags & ACK == 0 => self.send(SETTINGS, ACK, 0, &[]),
                SETTINGS | WINDOW_UPDATE => {}
                _ => {
                    return Some(Frame {
                        kind,
                        flags,
                        stream,
                        payload,
                    });
                }
            }
        }
    }
}

/// RFC 7541, section 5.1, with a prefix of seven bits.
fn length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        block.push(length as u8);
        return;
    };
    block.push(127);
    while rest >= 128 {
        block.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    block.push(rest as u8);
}
