//! One connection of a run, made when it is needed and made again when it broke.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, TE};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Mutex;

use super::dial::{self, Stream};
use super::failure::Failure;
use super::grpc;
use super::plan::{Plan, Protocol};
use super::websocket::Socket;

/// The bodies of requests are whole from the start.
type Sent = Full<Bytes>;

/// A connection that may not be there yet.
pub(super) struct Connection {
    plan: Arc<Plan>,
    open: Mutex<Option<Client>>,
}

/// A connection that is there.
enum Client {
    Http1(http1::SendRequest<Sent>),
    Http2(http2::SendRequest<Sent>),
    WebSocket(Box<Socket>),
}

impl Connection {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let open = Mutex::new(None);
        Self { plan, open }
    }

    /// Makes one request and returns how many bytes came back.
    pub(super) async fn request(&self) -> Result<u64, Failure> {
        let mut client = self.client().await?;
        let bytes = self.exchange(&mut client).await?;
        if !self.plan.new_connections && !matches!(client, Client::Http2(_)) {
            *self.open.lock().await = Some(client);
        }
        Ok(bytes)
    }

    /// The open client, taken or shared as its protocol allows, or a new one.
    async fn client(&self) -> Result<Client, Failure> {
        // Held while connecting: streams that share a connection wait for it, and make no other.
        let mut open = self.open.lock().await;
        match open.take() {
            Some(Client::Http2(shared)) if !shared.is_closed() => {
                *open = Some(Client::Http2(shared.clone()));
                return Ok(Client::Http2(shared));
            }
            Some(Client::Http1(kept)) if !kept.is_closed() => return Ok(Client::Http1(kept)),
            Some(Client::WebSocket(kept)) => return Ok(Client::WebSocket(kept)),
            _ => {}
        }
        let client = connect(&self.plan).await?;
        if let Client::Http2(shared) = &client
            && !self.plan.new_connections
        {
            *open = Some(Client::Http2(shared.clone()));
        }
        Ok(client)
    }

    async fn exchange(&self, client: &mut Client) -> Result<u64, Failure> {
        let plan = &*self.plan;
        match client {
            Client::WebSocket(socket) => socket.echo(&plan.body).await,
            Client::Http1(client) => {
                client.ready().await.map_err(|e| Failure::no_response(&e))?;
                let response = client.send_request(request(plan)).await;
                receive(plan, response.map_err(|e| Failure::no_response(&e))?).await
            }
            Client::Http2(client) => {
                client.ready().await.map_err(|e| Failure::no_response(&e))?;
                let response = client.send_request(request(plan)).await;
                receive(plan, response.map_err(|e| Failure::no_response(&e))?).await
            }
        }
    }
}

async fn connect(plan: &Plan) -> Result<Client, Failure> {
    let stream = dial::dial(plan).await?;
    match plan.protocol {
        Protocol::WebSocket => Ok(Client::WebSocket(Box::new(
            Socket::open(stream, plan).await?,
        ))),
        Protocol::Http1 => http1(stream).await.map(Client::Http1),
        Protocol::Http2 | Protocol::Grpc => http2(stream).await.map(Client::Http2),
    }
}

async fn http1(stream: Stream) -> Result<http1::SendRequest<Sent>, Failure> {
    let (client, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(handshake)?;
    // How the connection ends shows in the requests on it.
    tokio::spawn(async { drop(connection.await) });
    Ok(client)
}

async fn http2(stream: Stream) -> Result<http2::SendRequest<Sent>, Failure> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new());
    let (client, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .map_err(handshake)?;
    tokio::spawn(async { drop(connection.await) });
    Ok(client)
}

fn handshake(error: hyper::Error) -> Failure {
    Failure::Handshake(Failure::root(&error))
}

/// The request, in the form its protocol has.
fn request(plan: &Plan) -> Request<Sent> {
    let mut request = Request::new(Full::new(plan.body.clone()));
    *request.method_mut() = plan.method.clone();
    let path = plan.path.as_str();
    let builder = match plan.protocol {
        Protocol::Http1 | Protocol::WebSocket => Uri::builder(),
        Protocol::Http2 | Protocol::Grpc => {
            let scheme = if plan.tls.is_some() { "https" } else { "http" };
            Uri::builder()
                .scheme(scheme)
                .authority(plan.authority.clone())
        }
    };
    // The parts were parsed when the plan was made, so they fit together.
    *request.uri_mut() = builder.path_and_query(path).build().unwrap_or_default();
    match plan.protocol {
        Protocol::Http1 => {
            // An authority is a valid field value, being visible ASCII only.
            let host = HeaderValue::from_str(plan.authority.as_str());
            request
                .headers_mut()
                .extend(host.ok().map(|host| (HOST, host)));
        }
        Protocol::Grpc => {
            *request.method_mut() = Method::POST;
            *request.body_mut() = Full::new(grpc::message(&plan.body));
            let grpc = HeaderValue::from_static("application/grpc");
            request.headers_mut().insert(CONTENT_TYPE, grpc);
            request
                .headers_mut()
                .insert(TE, HeaderValue::from_static("trailers"));
        }
        Protocol::Http2 | Protocol::WebSocket => {}
    }
    request
}

/// Reads a response to its end and judges it.
async fn receive(plan: &Plan, response: http::Response<Incoming>) -> Result<u64, Failure> {
    let (head, mut body) = response.into_parts();
    let mut read = grpc::Answer::default();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Failure::cut_short(&e))?;
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        if plan.protocol == Protocol::Grpc {
            read.add(frame);
        }
    }
    if head.status.as_u16() != plan.expect {
        return Err(Failure::Status(head.status.as_u16()));
    }
    if plan.protocol == Protocol::Grpc {
        read.judge(&head.headers, &plan.body)?;
    }
    Ok(bytes)
}
