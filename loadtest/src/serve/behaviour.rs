//! What a request gets, decided by what it is and by its path.
//!
//! | path | answer |
//! |---|---|
//! | `/bytes/N` | N bytes with a length |
//! | `/chunked/N/SIZE` | N chunks of SIZE bytes, length unknown |
//! | `/status/CODE` | that status |
//! | `/delay/MS` | the usual answer, later |
//! | `/sse/N`, `/sse/N/MS` | N server-sent events, MS milliseconds apart |
//! | `/echo` | the request's body, as it comes |
//! | `/headers` | every header field as JSON |
//! | anything else | what the service saw of the request |
//!
//! Every number has a limit: a typing error must not fill a disk or hold a socket for a day.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::sleep;

use super::answer::final_status;
use super::body::{Body, Frames, Gone, filling};
use super::service::Service;
use super::{echo, grpc, websocket};

/// The longest body, one GiB.
const MAX_BYTES: u64 = 1 << 30;
/// The most chunks or events.
const MAX_COUNT: u64 = 1_000_000;
/// The largest chunk.
const MAX_CHUNK: u64 = 64 * 1024;
/// The longest delay, ten minutes: longer than any timeout worth trying.
const MAX_DELAY_MS: u64 = 600_000;

/// Answers one request to `service`.
pub(super) async fn answer(
    service: Arc<Service>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if let Some(fixed) = &service.answer {
        return Ok(fixed.response());
    }
    if grpc::is_call(&request) {
        return Ok(grpc::answer(&service, request));
    }
    if websocket::is_asked(&request) {
        return Ok(websocket::accept(request));
    }
    let path = request.uri().path().to_owned();
    let mut words = path.split('/').skip(1);
    let behaviour = words.next().unwrap_or_default();
    let mut number = |most, default| number(words.next(), most, default);
    let made = match behaviour {
        "bytes" => number(MAX_BYTES, None).map(|n| Response::new(Body::Filling(n))),
        "chunked" => number(MAX_COUNT, None)
            .and_then(|count| Ok((count, number(MAX_CHUNK, Some(1024))?)))
            .map(|(count, size)| Response::new(Body::stream(|to| chunks(to, count, size)))),
        "status" => status(words.next()),
        "delay" => match number(MAX_DELAY_MS, None) {
            Ok(ms) => {
                sleep(Duration::from_millis(ms)).await;
                Ok(echo::seen(&service, peer, &request))
            }
            Err(refused) => Err(refused),
        },
        "sse" => number(MAX_COUNT, None)
            .and_then(|count| Ok((count, number(MAX_DELAY_MS, Some(100))?)))
            .map(|(count, ms)| event_stream(count, Duration::from_millis(ms))),
        "echo" => Ok(echo::body(request)),
        "headers" => Ok(echo::fields(&request)),
        _ => Ok(echo::seen(&service, peer, &request)),
    };
    Ok(made.unwrap_or_else(refuse))
}

/// Why a path cannot be answered as it asks.
struct Refused(String);

fn refuse(Refused(why): Refused) -> Response<Body> {
    let mut response = Response::new(Body::whole(why));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

fn number(word: Option<&str>, most: u64, default: Option<u64>) -> Result<u64, Refused> {
    let number = match word.filter(|word| !word.is_empty()) {
        Some(word) => word.parse().ok(),
        None => default,
    };
    let refused = || Refused(format!("the path needs a number up to {most} here\n"));
    number.filter(|n| *n <= most).ok_or_else(refused)
}

fn status(word: Option<&str>) -> Result<Response<Body>, Refused> {
    let refused = || Refused("the path needs a status from 200 to 599\n".into());
    let status = final_status(word.unwrap_or_default()).ok_or_else(refused)?;
    let mut response = match status {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => Response::new(Body::whole("")),
        _ => Response::new(Body::whole(format!("{status}\n"))),
    };
    *response.status_mut() = status;
    Ok(response)
}

async fn chunks(to: Frames, count: u64, size: u64) -> Result<(), Gone> {
    for _ in 0..count {
        to.data(filling(size)).await?;
    }
    Ok(())
}

fn event_stream(count: u64, pause: Duration) -> Response<Body> {
    let mut response = Response::new(Body::stream(move |to| events(to, count, pause)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn events(to: Frames, count: u64, pause: Duration) -> Result<(), Gone> {
    for id in 1..=count {
        to.data(format!("id: {id}\ndata: event {id} of {count}\n\n"))
            .await?;
        if id < count {
            sleep(pause).await;
        }
    }
    Ok(())
}
