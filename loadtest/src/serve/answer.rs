//! The one answer of a service that always says the same: a status and a page.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::body::Body;

/// A fixed answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    page: Bytes,
    content_type: &'static str,
}

/// Why a text is not an answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// There is no colon.
    #[error("write it as STATUS:TEXT or STATUS:@FILE, such as 404:nothing here")]
    Shape,
    /// The status is no final one.
    #[error("its status must be a number from 200 to 599")]
    Status,
    /// The page's file cannot be read.
    #[error("cannot read {0}: {1}")]
    Page(String, std::io::Error),
}

impl Answer {
    /// Reads `STATUS:TEXT` or `STATUS:@FILE`, where a file's path is relative to `folder`.
    pub(super) fn read(text: &str, folder: &Path) -> Result<Self, AnswerError> {
        let (status, page) = text.split_once(':').ok_or(AnswerError::Shape)?;
        let status = final_status(status).ok_or(AnswerError::Status)?;
        let page = match page.strip_prefix('@') {
            None => Bytes::from(page.to_owned()),
            Some(file) => fs::read(folder.join(file))
                .map_err(|error| AnswerError::Page(file.into(), error))?
                .into(),
        };
        let html = page.trim_ascii_start().starts_with(b"<");
        Ok(Self {
            status,
            page,
            content_type: if html {
                "text/html; charset=utf-8"
            } else {
                "text/plain; charset=utf-8"
            },
        })
    }

    /// The response it stands for.
    pub(super) fn response(&self) -> http::Response<Body> {
        let mut response = http::Response::new(Body::whole(self.page.clone()));
        *response.status_mut() = self.status;
        let content_type = HeaderValue::from_static(self.content_type);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}

/// A status that ends a request: 1xx announce another one, so a fixed answer cannot be one.
pub(super) fn final_status(text: &str) -> Option<StatusCode> {
    let status: StatusCode = text.parse().ok()?;
    (200..600).contains(&status.as_u16()).then_some(status)
}
