//! One request of the API server, from its head to the answer.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body::Body;
use http_body_util::Full;

use crate::body::Room;
use crate::counts::Counts;
use crate::places::Busy;
use crate::refusal::Refusal;
use crate::request;
use crate::response;
use crate::world::World;

/// Where reviews are asked for: our own path, and ingress-nginx's.
const PATHS: [&str; 2] = ["/validate", "/networking/v1/ingresses"];

const JSON: &str = "application/json";

/// Answers requests.
pub struct Handler {
    world: Arc<World>,
    room: Room,
    counts: Arc<Counts>,
}

impl Handler {
    /// Answers by what a world knows.
    pub fn new(world: Arc<World>) -> Self {
        Self {
            world,
            room: Room::new(),
            counts: Arc::default(),
        }
    }

    pub(crate) fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Reviews the object of an `AdmissionReview`, and gives the one that answers it.
    ///
    /// # Errors
    /// When it is none.
    pub async fn review(&self, review: &[u8]) -> Result<Vec<u8>, Refusal> {
        let start = Instant::now();
        let request = request::Request::read(review)?;
        let verdict = self.world.review(&request).await;
        self.counts.reviewed(&verdict, start.elapsed());
        Ok(response::json(&request, &verdict))
    }

    /// Answers a request.
    pub(crate) async fn answer<B: Body + Unpin>(
        &self,
        request: Request<B>,
    ) -> Response<Full<Bytes>> {
        match self.reviewed(request).await {
            Ok(review) => typed(review.into(), JSON),
            Err(refusal) => self.refuse(refusal),
        }
    }

    async fn reviewed<B: Body + Unpin>(&self, request: Request<B>) -> Result<Vec<u8>, Refusal> {
        let (head, body) = request.into_parts();
        if !PATHS.contains(&head.uri.path()) {
            return Err(Refusal::Path);
        }
        if head.method != Method::POST {
            return Err(Refusal::Method);
        }
        if !is_json(&head.headers) {
            return Err(Refusal::MediaType);
        }
        let body = self.room.read(body).await?;
        if let Some(busy) = head.extensions.get::<Busy>() {
            busy.set(true);
        }
        self.review(body.bytes()).await
    }

    /// Says why a request is not reviewed.
    pub(crate) fn refuse(&self, refusal: Refusal) -> Response<Full<Bytes>> {
        self.counts.refused(refusal);
        let text = format!("{}\n", refusal.help());
        let mut response = typed(text.into(), "text/plain; charset=utf-8");
        *response.status_mut() = refusal.status();
        if refusal == Refusal::Method {
            let allow = HeaderValue::from_static("POST");
            response.headers_mut().insert(ALLOW, allow);
        }
        response
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let media_type = media_type.and_then(|it| it.split(';').next());
    let is_json = media_type.is_some_and(|it| it.trim().eq_ignore_ascii_case(JSON));
    let coding = headers.get(CONTENT_ENCODING);
    is_json && coding.is_none_or(|coding| coding == "identity")
}

fn typed(body: Bytes, media_type: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
