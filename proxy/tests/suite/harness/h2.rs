//! HTTP/2 from both ends: a client that sees frames' ends and resets, and a backend that is told
//! what to do with each stream.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;

use super::proxy::{SOON, wait_until};

/// A runtime on a thread of its own, for tests that are not asynchronous themselves.
static RUNTIME: LazyLock<Handle> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.handle().clone();
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    handle
});

/// Runs a future to its end, which must come soon.
pub fn on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME
        .block_on(async { tokio::time::timeout(SOON, future).await })
        .expect("in vain waited for HTTP/2")
}

/// Runs a future beside the test.
pub fn beside(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    RUNTIME.spawn(future)
}

/// A response, or how it broke off.
#[derive(Debug, Default)]
pub struct H2Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
    /// With which reason the stream was reset.
    pub reset: Option<Reason>,
}

impl H2Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A connection of HTTP/2 with prior knowledge.
pub struct H2Client {
    pub sender: SendRequest<Bytes>,
    ended: Arc<Mutex<Option<Option<Reason>>>>,
}

impl H2Client {
    pub fn connect(to: SocketAddr) -> Self {
        Self::with(to, &mut h2::client::Builder::new())
    }

    pub fn with(to: SocketAddr, builder: &mut h2::client::Builder) -> Self {
        on(async {
            let stream = TcpStream::connect(to).await.unwrap();
            let (sender, connection) = builder.handshake(stream).await.unwrap();
            let ended: Arc<Mutex<Option<Option<Reason>>>> = Arc::default();
            let end = Arc::clone(&ended);
            tokio::spawn(async move {
                let reason = connection.await.err().and_then(|error| error.reason());
                *end.lock().unwrap() = Some(reason);
            });
            Self { sender, ended }
        })
    }

    /// Begins a request: its response to come, and where its body goes.
    pub fn begin(
        &self,
        request: Request<()>,
        end: bool,
    ) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let sender = self.sender.clone();
        on(async move {
            let mut sender = sender.ready().await.unwrap();
            sender.send_request(request, end).unwrap()
        })
    }

    /// One request without a body.
    pub fn get(&self, request: Request<()>) -> H2Reply {
        let (response, _) = self.begin(request, true);
        on(reply(response))
    }

    /// One request with a body and, when there are any, trailers.
    pub fn post(
        &self,
        request: Request<()>,
        body: &'static str,
        trailers: Option<HeaderMap>,
    ) -> H2Reply {
        let (response, mut stream) = self.begin(request, false);
        let is_end = trailers.is_none();
        stream
            .send_data(Bytes::from_static(body.as_bytes()), is_end)
            .unwrap();
        if let Some(trailers) = trailers {
            stream.send_trailers(trailers).unwrap();
        }
        on(reply(response))
    }

    /// Waits until the other side has closed the connection; with the reason if it gave one.
    pub fn closed(&self) -> Option<Reason> {
        wait_until("the end of the connection", || {
            self.ended.lock().unwrap().is_some()
        });
        self.ended.lock().unwrap().unwrap()
    }
}

/// Reads a response to its end.
pub async fn reply(response: h2::client::ResponseFuture) -> H2Reply {
    let mut reply = H2Reply::default();
    match response.await {
        Ok(response) => {
            reply.status = response.status().as_u16();
            reply.headers = response.headers().clone();
            match read(response.into_body()).await {
                Ok((body, trailers)) => {
                    reply.body = body;
                    reply.trailers = trailers;
                }
                Err(error) => reply.reset = error.reason(),
            }
        }
        Err(error) => reply.reset = error.reason(),
    }
    reply
}

/// Reads a body to its end.
pub async fn read(mut body: RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        let _ = body.flow_control().release_capacity(chunk.len());
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, body.trailers().await?))
}

/// A backend that speaks HTTP/2 with prior knowledge.
pub struct H2Backend {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl H2Backend {
    /// A backend that does this with each stream.
    pub fn scripted<F>(
        script: impl Fn(Request<RecvStream>, SendResponse<Bytes>, Seen) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let listener = on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::clone(&seen);
        let script = Arc::new(script);
        beside(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                tokio::spawn(async move {
                    let Ok(mut connection) = h2::server::handshake(stream).await else {
                        return;
                    };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(script(request, respond, Seen(Arc::clone(&log))));
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// A backend that reads requests to their end and answers with these frames.
    pub fn replying(
        response: Response<()>,
        body: &'static str,
        trailers: Option<HeaderMap>,
    ) -> Self {
        Self::scripted(move |request, mut respond, seen| {
            let (head, trailers) = (response.clone(), trailers.clone());
            async move {
                seen.whole(request).await;
                let mut stream = respond.send_response(head, false).unwrap();
                let is_end = trailers.is_none();
                let _ = stream.send_data(Bytes::from_static(body.as_bytes()), is_end);
                if let Some(trailers) = trailers {
                    let _ = stream.send_trailers(trailers);
                }
            }
        })
    }

    /// What it was sent: each message as text, its fields in the order of their names.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until so many messages were seen.
    pub fn wait_for(&self, count: usize) -> Vec<String> {
        wait_until(&format!("{count} messages at the backend"), || {
            self.seen().len() >= count
        });
        self.seen()
    }
}

/// Where a script notes what it saw.
#[derive(Clone)]
pub struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub fn note(&self, text: impl Into<String>) {
        self.0.lock().unwrap().push(text.into());
    }

    /// Reads a request to its end and notes it, or how it broke off.
    pub async fn whole(&self, request: Request<RecvStream>) {
        let (parts, body) = request.into_parts();
        let head = format!("{} {}\n{}", parts.method, parts.uri, fields(&parts.headers));
        match read(body).await {
            Ok((body, trailers)) => {
                let body = String::from_utf8_lossy(&body).into_owned();
                let trailers = trailers.map(|t| format!("\n{}", fields(&t)));
                self.note(format!("{head}\n{body}{}", trailers.unwrap_or_default()));
            }
            Err(error) => self.note(format!("{head}\nreset: {:?}", error.reason())),
        }
    }
}

fn fields(headers: &HeaderMap) -> String {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.sort();
    lines.concat()
}
