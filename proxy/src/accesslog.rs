//! The access log: one line a request, written by a thread of its own.
//!
//! A worker fills a buffer and hands it over; when the reader is slow, lines are dropped and
//! counted, and no request ever waits.

mod json;
mod line;
mod nginx;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;

#[cfg(test)]
pub(crate) use json::FIELDS;
pub(crate) use line::{Line, Try};
#[cfg(test)]
pub(crate) use nginx::FORMAT;

use crate::metrics::RouteLabels;

/// How the access log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Not at all.
    Off,
    /// In ingress-nginx's default format.
    Nginx,
    /// One JSON object a line.
    Json,
}

/// A buffer is handed over when it has this many bytes, and at every tick.
const FULL: usize = 16 * 1024;
/// How long the last lines are waited for when the process ends.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How many buffers may wait for the writer.
const QUEUE: usize = 256;

/// Where one worker writes its lines.
#[derive(Debug)]
pub(crate) struct AccessLog {
    format: Format,
    buffer: Mutex<Vec<u8>>,
    writer: SyncSender<Vec<u8>>,
}

/// The thread that writes what workers hand over.
#[derive(Debug)]
pub(crate) struct Writer {
    sender: SyncSender<Vec<u8>>,
    format: Format,
    /// Ends when the thread has written everything.
    written: Receiver<()>,
}

/// What a line needs of the rest.
#[derive(Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) remote: SocketAddr,
    pub(crate) request_id: HeaderValue,
    pub(crate) status: u16,
    pub(crate) bytes_sent: u64,
    pub(crate) request_length: u64,
    pub(crate) request_seconds: f64,
    pub(crate) route: Option<&'a RouteLabels>,
    /// The last try; those before it are the line's.
    pub(crate) last: Option<Try>,
    pub(crate) cut: Option<&'static str>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) why: Option<&'a str>,
}

impl Writer {
    /// Starts the thread, which writes to `out` until every worker is gone.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(
        format: Format,
        mut out: impl Write + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel::<Vec<u8>>(QUEUE);
        let (writing, written) = sync_channel(0);
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || {
                let _writing: SyncSender<()> = writing;
                for lines in receiver {
                    // A reader that went away is no reason to stop serving.
                    let _ = out.write_all(&lines).and_then(|()| out.flush());
                }
            })?;
        Ok(Self {
            sender,
            format,
            written,
        })
    }

    /// Waits until everything is written, but not for a reader that does not read; every worker
    /// must have ended.
    pub(crate) fn finish(self) {
        drop(self.sender);
        let _ = self.written.recv_timeout(LAST_LINES);
    }

    /// A worker's end of it; `None` when the log is off.
    pub(crate) fn log(&self) -> Option<Arc<AccessLog>> {
        (self.format != Format::Off).then(|| {
            Arc::new(AccessLog {
                format: self.format,
                buffer: Mutex::default(),
                writer: self.sender.clone(),
            })
        })
    }
}

impl<'a> Outcome<'a> {
    /// The route, when there is a Service behind it.
    fn service(&self) -> Option<&'a RouteLabels> {
        self.route.filter(|route| !route.service.is_empty())
    }

    /// Of what never became a request.
    pub(crate) fn refused(
        remote: SocketAddr,
        request_id: HeaderValue,
        status: u16,
        reason: &'static str,
        why: Option<&'a str>,
    ) -> Self {
        Self {
            remote,
            request_id,
            status,
            bytes_sent: 0,
            request_length: 0,
            request_seconds: 0.0,
            route: None,
            last: None,
            cut: None,
            reason: Some(reason),
            why,
        }
    }
}

impl AccessLog {
    /// Writes one line, for a request or for what never became one; returns how many lines had to
    /// be dropped.
    pub(crate) fn write(&self, line: Option<&Line>, outcome: &Outcome<'_>) -> u64 {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        match self.format {
            Format::Off => {}
            Format::Nginx => nginx::write(&mut buffer, line, outcome),
            Format::Json => json::write(&mut buffer, line, outcome),
        }
        if buffer.len() < FULL {
            0
        } else {
            self.hand_over(&mut buffer)
        }
    }

    /// Hands over what there is; returns how many lines had to be dropped.
    pub(crate) fn flush(&self) -> u64 {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.is_empty() {
            0
        } else {
            self.hand_over(&mut buffer)
        }
    }

    fn hand_over(&self, buffer: &mut Vec<u8>) -> u64 {
        match self.writer.try_send(std::mem::take(buffer)) {
            Ok(()) => 0,
            Err(TrySendError::Full(lost) | TrySendError::Disconnected(lost)) => {
                lost.iter().filter(|byte| **byte == b'\n').count() as u64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    pub(super) fn line(agent: &[u8]) -> Box<Line> {
        let request = Request::get("/a?b=1")
            .header("host", "shop.example")
            .header("user-agent", HeaderValue::from_bytes(agent).unwrap());
        Line::of(&request.body(()).unwrap().into_parts().0)
    }

    /// A try of this endpoint.
    pub(super) fn tried(endpoint: &str, status: Option<u16>) -> Try {
        Try {
            endpoint: endpoint.parse().unwrap(),
            status,
            header_seconds: status.filter(|status| *status == 200).map(|_| 0.1),
            response_seconds: 0.2,
            response_length: 0,
        }
    }

    pub(super) fn outcome(route: &RouteLabels) -> Outcome<'_> {
        Outcome {
            remote: "192.0.2.1:5".parse().unwrap(),
            request_id: HeaderValue::from_static("abc"),
            status: 200,
            bytes_sent: 12,
            request_length: 3,
            request_seconds: 0.25,
            route: Some(route),
            last: Some(Try {
                response_length: 12,
                ..tried("10.0.0.1:80", Some(200))
            }),
            cut: None,
            reason: None,
            why: None,
        }
    }

    pub(super) fn labels() -> RouteLabels {
        RouteLabels {
            namespace: "shop".into(),
            ingress: "web".into(),
            service: "front".into(),
            port: 80,
            host: "shop.example".into(),
            path: "/".into(),
        }
    }

    /// Takes lines for ever.
    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            loop {
                std::thread::park();
            }
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_does_not_read() {
        let writer = Writer::start(Format::Json, Stuck).unwrap();
        let log = writer.log().unwrap();
        log.write(Some(&line(b"x")), &outcome(&labels()));
        assert_eq!(log.flush(), 0);
        drop(log);
        writer.finish();
    }

    #[test]
    fn a_slow_reader_costs_lines_and_never_waits() {
        let (sender, receiver) = sync_channel(1);
        let log = AccessLog {
            format: Format::Json,
            buffer: Mutex::default(),
            writer: sender,
        };
        let labels = labels();
        let mut dropped = 0;
        for _ in 0..200 {
            dropped += log.write(Some(&line(b"x")), &outcome(&labels));
        }
        assert!(dropped > 0, "one buffer waits, the others are dropped");
        drop(receiver);
        assert_ne!(log.flush(), 0);
    }
}
