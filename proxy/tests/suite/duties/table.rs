//! One row of a table: what a client sends, what reaches the backend, what the backend answers and
//! what comes back, to the byte.
//!
//! In these texts a line's end is CRLF; `␊` is a bare LF, `␍` a bare CR and `␀` a NUL.
//! What cannot be fixed is named: `DATE`, `PORT`. Fields with different names are compared in the
//! order of their names, which has no meaning (RFC 9110, section 5.3); those that share a name
//! keep their order, which has one.

use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::harness::{Backend, Client, Ingress, Proxy, Record, SOON, Started, requests, service};

/// What becomes of the client's connection afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It takes another request.
    Open,
    /// The proxy closes it.
    Closed,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    pub sent: &'static str,
    /// Empty when nothing may reach the backend; `{ours}` stands for what every request gets.
    pub upstream: &'static str,
    pub answer: &'static str,
    /// Whether the backend closes after its answer.
    pub hangs_up: bool,
    /// `{400}` stands for the proxy's own page of that status, `{ok}` for the usual response.
    pub reply: &'static str,
    pub after: After,
}

/// A request that is forwarded and answered.
pub const FORWARDED: Case = Case {
    name: "",
    sent: "",
    upstream: "",
    answer: "HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
    hangs_up: false,
    reply: "HTTP/1.1 200 OK\ncontent-length: 2\nserver: portreeve\ndate: DATE\n\nok",
    after: After::Open,
};

/// A request that the proxy refuses before anything reaches the backend.
pub const REFUSED: Case = Case {
    reply: "{400 close}",
    after: After::Closed,
    ..FORWARDED
};

/// The answer of hyper itself to what it cannot read.
pub const MALFORMED: Case = Case {
    reply: "HTTP/1.1 400 Bad Request\nconnection: close\ncontent-length: 0\ndate: DATE\n\n",
    after: After::Closed,
    ..FORWARDED
};

/// What every request to a backend gets.
const OURS: &str = "x-forwarded-for: 127.0.0.1\n\
     x-forwarded-host: a.example\n\
     x-forwarded-port: PORT\n\
     x-forwarded-proto: http\n\
     x-forwarded-scheme: http\n\
     x-real-ip: 127.0.0.1\n\
     x-request-id: ID\n\
     x-scheme: http";

/// Runs a table: one proxy, one backend, a connection for each row.
pub fn run(cases: &[Case]) {
    let stage = Stage::new();
    let failed: Vec<_> = cases.iter().filter_map(|case| stage.play(case)).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// What the rows share.
struct Stage {
    proxy: Started,
    backend: Backend,
    answer: Arc<Mutex<(String, bool)>>,
}

impl Stage {
    fn new() -> Self {
        let answer: Arc<Mutex<(String, bool)>> = Arc::default();
        let script = Arc::clone(&answer);
        let backend = Backend::scripted(move |stream, record| answering(stream, record, &script));
        let probe = Backend::named("probe");
        let ingress = Ingress::new("i")
            .host("a.example", "s")
            .host("probe.example", "probe");
        let small = Ingress::new("small")
            .annotate("proxy-body-size", "8")
            .host("small.example", "s");
        let proxy = Proxy::new()
            .manifest(ingress.yaml())
            .manifest(small.yaml())
            .manifest(service("s", &[backend.address]))
            .manifest(service("probe", &[probe.address]))
            .start();
        Self {
            proxy,
            backend,
            answer,
        }
    }

    /// What went wrong, if anything.
    fn play(&self, case: &Case) -> Option<String> {
        *self.answer.lock().unwrap() = (bytes(case.answer), case.hangs_up);
        let mark = self.backend.mark();
        let mut client = Client::connect(self.proxy.http());
        client.stream.set_read_timeout(Some(SOON / 4)).unwrap();
        client.send(bytes(case.sent));
        let expected = sorted(&expand(case.reply));
        let came = self.reply(&mut client, expected.len());
        if came != expected {
            return Some(differ(case, "came back", &expected, &came));
        }
        let reached = self.reached(&mark, &sorted(&expand(case.upstream)));
        if let Some((expected, reached)) = reached {
            return Some(differ(case, "reached the backend", &expected, &reached));
        }
        let after = probe(&mut client);
        (after != case.after).then(|| format!("{}: the connection is {after:?}", case.name))
    }

    /// Reads as much as is expected, normalised, or what there is.
    fn reply(&self, client: &mut Client, length: usize) -> String {
        let mut read = Vec::new();
        loop {
            let whole = String::from_utf8_lossy(&read);
            let text = sorted(&self.normal(whole.trim_end_matches('\r')));
            let byte = (text.len() < length).then(|| client.read_exactly(1));
            match byte.filter(|byte| !byte.is_empty()) {
                Some(byte) => read.extend(byte),
                None => return text,
            }
        }
    }

    /// What was expected at the backend and what reached it, if they differ.
    fn reached(&self, mark: &[usize], expected: &str) -> Option<(String, String)> {
        let end = Instant::now() + SOON / 4;
        loop {
            let came = self.backend.since(mark);
            let came = sorted(&self.normal(&String::from_utf8_lossy(&came)));
            if came == expected {
                return None;
            }
            if Instant::now() > end {
                return Some((expected.to_string(), came));
            }
            std::thread::yield_now();
        }
    }

    /// Names what cannot be fixed.
    fn normal(&self, text: &str) -> String {
        let port = self.proxy.http().port();
        let lines = text.split("\r\n").map(|line| match line.split_once(": ") {
            Some(("date", _)) => "date: DATE".to_string(),
            Some(("x-forwarded-port", p)) if p == port.to_string() => {
                "x-forwarded-port: PORT".into()
            }
            Some(("x-request-id", id)) if is_generated(id) => "x-request-id: ID".into(),
            _ => line.to_string(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

fn is_generated(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

fn answering(stream: &mut TcpStream, record: &Record, answer: &Mutex<(String, bool)>) {
    for answered in 0.. {
        if !record.read_until(stream, |bytes| requests(bytes) > answered) {
            return;
        }
        let (bytes, hangs_up) = answer.lock().unwrap().clone();
        if stream.write_all(bytes.as_bytes()).is_err() || hangs_up {
            return;
        }
    }
}

/// Whether the connection takes one more request.
fn probe(client: &mut Client) -> After {
    client.send("GET / HTTP/1.1\r\nhost: probe.example\r\n\r\n");
    match client.reply() {
        Some(reply) if reply.text() == "probe" => After::Open,
        Some(reply) => panic!("instead of the probe's came {}", reply.head),
        None => After::Closed,
    }
}

fn differ(case: &Case, what: &str, expected: &str, came: &str) -> String {
    format!(
        "{}: not what was expected {what}\n--- expected\n{expected}\n--- {what}\n{came}\n---",
        case.name
    )
}

/// The bytes that a text stands for.
fn bytes(text: &str) -> String {
    text.replace('\n', "\r\n")
        .replace('␊', "\n")
        .replace('␍', "\r")
        .replace('␀', "\0")
}

fn expand(text: &str) -> String {
    let mut text = text.replace("{ours}", OURS);
    while let Some((before, rest)) = text.split_once("{4").or_else(|| text.split_once("{5")) {
        let class = text.as_bytes()[before.len() + 1] as char;
        let (word, after) = rest.split_once('}').unwrap();
        let (status, close) = match word.split_once(' ') {
            Some((status, _)) => (status, "connection: close\n"),
            None => (word, ""),
        };
        let status: u16 = format!("{class}{status}").parse().unwrap();
        let reason = http::StatusCode::from_u16(status).unwrap();
        let page = format!("{status} {}\n", reason.canonical_reason().unwrap());
        text = format!(
            "{before}HTTP/1.1 {}\n{close}content-length: {}\ncontent-type: text/plain; charset=utf-8\n\
             date: DATE\nserver: portreeve\n\n{page}{after}",
            page.trim_end(),
            page.len()
        );
    }
    text
}

/// A message with its fields in the order of their names; what follows the head stays as it is,
/// unless it is another head.
fn sorted(message: &str) -> String {
    let Some((head, body)) = message.split_once("\n\n") else {
        return message.to_string();
    };
    let first = body.split('\n').next().unwrap_or_default();
    let body = match first.starts_with("HTTP/1.") || first.ends_with(" HTTP/1.1") {
        true => sorted(body),
        false => body.to_string(),
    };
    let mut lines: Vec<_> = head.split('\n').collect();
    let (_, fields) = lines.split_first_mut().unwrap();
    fields.sort_by_key(|line| line.split(':').next().unwrap_or_default().to_string());
    format!("{}\n\n{body}", lines.join("\n"))
}
