//! A backend that records every byte it gets and answers with what it was told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::proxy::{SOON, wait_until};

/// What a backend does with a connection: it gets the stream and the connection's record.
pub type Script = Arc<dyn Fn(&mut TcpStream, &Record) + Send + Sync>;

/// What came over one connection.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Vec<u8>>>, Arc<AtomicBool>);

impl Record {
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    /// Notes something as if it had come.
    pub fn note(&self, bytes: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(bytes);
    }

    /// Notes that the other side has ended the connection, for [`Backend::ended`].
    pub fn note_end(&self) {
        self.1.store(true, Ordering::Relaxed);
    }

    /// Reads until `enough` says so of all that has come, or the other side ends.
    pub fn read_until(&self, stream: &mut TcpStream, enough: impl Fn(&[u8]) -> bool) -> bool {
        let mut chunk = [0; 16384];
        while !enough(&self.bytes()) {
            match stream.read(&mut chunk) {
                Ok(0) | Err(_) => return false,
                Ok(n) => self.0.lock().unwrap().extend_from_slice(&chunk[..n]),
            }
        }
        true
    }
}

/// A backend that runs until the test ends.
pub struct Backend {
    pub address: SocketAddr,
    records: Arc<Mutex<Vec<Record>>>,
}

impl Backend {
    /// A backend that does this with each connection.
    pub fn scripted(script: impl Fn(&mut TcpStream, &Record) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let records: Arc<Mutex<Vec<Record>>> = Arc::default();
        let all = Arc::clone(&records);
        let script: Script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let record = Record::default();
                all.lock().unwrap().push(record.clone());
                let script = Arc::clone(&script);
                std::thread::spawn(move || serve(stream, &record, &script));
            }
        });
        Self { address, records }
    }

    /// A backend that answers each request with these bytes, and keeps the connection.
    pub fn replying(reply: impl Into<Vec<u8>>) -> Self {
        let reply = reply.into();
        Self::scripted(move |stream, record| {
            let mut answered = 0;
            loop {
                let complete = |bytes: &[u8]| requests(bytes) > answered;
                if !record.read_until(stream, complete) {
                    return;
                }
                while requests(&record.bytes()) > answered {
                    answered += 1;
                    if stream.write_all(&reply).is_err() {
                        return;
                    }
                }
            }
        })
    }

    /// A backend that says its name.
    pub fn named(name: &str) -> Self {
        Self::replying(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{name}",
            name.len()
        ))
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.records.lock().unwrap().len()
    }

    /// How many connections were noted to have ended.
    pub fn ended(&self) -> usize {
        let records = self.records.lock().unwrap();
        let ended = records.iter().filter(|r| r.1.load(Ordering::Relaxed));
        ended.count()
    }

    /// What came over all connections, one after the other.
    pub fn received(&self) -> String {
        let records = self.records.lock().unwrap();
        let bytes: Vec<u8> = records.iter().flat_map(Record::bytes).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How much has come over each connection, for [`Self::since`].
    pub fn mark(&self) -> Vec<usize> {
        let records = self.records.lock().unwrap();
        records.iter().map(|record| record.bytes().len()).collect()
    }

    /// What came after a mark was made.
    pub fn since(&self, mark: &[usize]) -> Vec<u8> {
        let records = self.records.lock().unwrap();
        let marks = mark.iter().copied().chain(std::iter::repeat(0));
        let new = records.iter().zip(marks);
        new.flat_map(|(record, mark)| record.bytes()[mark..].to_vec())
            .collect()
    }

    /// Waits until what came contains `part`.
    pub fn wait_for(&self, part: &str) {
        wait_until(&format!("{part:?} at the backend"), || {
            self.received().contains(part)
        });
    }
}

fn serve(mut stream: TcpStream, record: &Record, script: &Script) {
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_nodelay(true).unwrap();
    script(&mut stream, record);
}

/// How many whole requests there are in `bytes`, counting bodies by length or chunks.
pub fn requests(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    let mut count = 0;
    while let Some(end) = rest.windows(4).position(|w| w == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..end]).to_ascii_lowercase();
        rest = &rest[end + 4..];
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = match length.and_then(|length| length.trim().parse().ok()) {
            _ if head.contains("transfer-encoding: chunked") => chunked_length(rest),
            length => Some(length.unwrap_or(0)),
        };
        match length.and_then(|length| rest.get(length..)) {
            Some(after) => rest = after,
            None => return count,
        }
        count += 1;
    }
    count
}

/// How long a chunked body is, with its trailers; `None` when it has not ended.
fn chunked_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = bytes.get(at..)?.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        at += line + 2;
        if size == 0 {
            break;
        }
        at += size + 2;
    }
    loop {
        let line = bytes.get(at..)?.windows(2).position(|w| w == b"\r\n")?;
        at += line + 2;
        if line == 0 {
            return Some(at);
        }
    }
}
