//! A client that sends any bytes and reads what comes back.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::proxy::SOON;

/// A connection.
pub struct Client {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// One GET over a connection of its own. A refused connection is an empty reply.
pub fn get(to: SocketAddr, host: &str, path: &str) -> Reply {
    let Ok(stream) = TcpStream::connect(to) else {
        return Reply::default();
    };
    let mut client = Client::over(stream);
    client.send(format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    ));
    client.reply().unwrap_or_default()
}

impl Client {
    pub fn connect(to: SocketAddr) -> Self {
        Self::over(TcpStream::connect(to).unwrap())
    }

    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Sends bytes; that the other side has closed is not an error, for it may have answered.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16384];
        match self.stream.read(&mut chunk) {
            Ok(n) => {
                self.read.extend_from_slice(&chunk[..n]);
                n > 0
            }
            Err(_) => false,
        }
    }

    /// Everything until the other side closes.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.read)
    }

    /// Exactly this many bytes, or what comes before the end.
    pub fn read_exactly(&mut self, n: usize) -> Vec<u8> {
        while self.read.len() < n && self.fill() {}
        let n = n.min(self.read.len());
        self.read.drain(..n).collect()
    }

    /// The head of a response, its status line first; `None` when there is none.
    pub fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(4).position(|w| w == b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                return Some(String::from_utf8_lossy(&head).trim_end().to_string());
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// The next response with its body; interim ones are passed over.
    pub fn reply(&mut self) -> Option<Reply> {
        let head = self.head()?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        if (100..200).contains(&status) && status != 101 {
            return self.reply();
        }
        let mut reply = Reply {
            status,
            head,
            body: Vec::new(),
        };
        let length = reply.header("content-length").and_then(|l| l.parse().ok());
        reply.body = match length {
            _ if matches!(status, 101 | 204 | 304) => Vec::new(),
            Some(length) => self.read_exactly(length),
            None if reply.header("transfer-encoding").is_some() => self.chunks(),
            None => self.read_to_end(),
        };
        Some(reply)
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..end + 2).collect();
                return String::from_utf8_lossy(&line).trim_end().to_string();
            }
            if !self.fill() {
                return String::new();
            }
        }
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.line();
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16);
            match size {
                Ok(0) => {
                    while !self.line().is_empty() {}
                    return body;
                }
                Ok(size) => {
                    body.extend(self.read_exactly(size));
                    self.line();
                }
                Err(_) => return body,
            }
        }
    }
}
