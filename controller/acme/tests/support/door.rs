//! What stands in for a proxy: it answers HTTP-01 from the manifests that it finds.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portreeve_acme::{CHALLENGES, Closed, Doors, Staged};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const PREFIX: &str = "/.well-known/acme-challenge/";

/// The door to the responder.
#[derive(Clone)]
pub(crate) struct Door {
    manifests: PathBuf,
    port: u16,
    is_closed: bool,
    reached: Arc<Notify>,
}

impl Door {
    /// Begins to answer what is in the manifests, on the port that is returned.
    pub(crate) async fn open(manifests: &Path) -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(serve(listener, manifests.into()));
        let door = Self {
            manifests: manifests.into(),
            port,
            is_closed: false,
            reached: Arc::default(),
        };
        (door, port)
    }

    /// The same, but whoever asks is never told that it answers.
    pub(crate) fn closed(&self) -> Self {
        Self {
            is_closed: true,
            ..self.clone()
        }
    }

    /// Resolves when somebody asks whether it answers.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }
}

impl Doors for Door {
    async fn open(&self, staged: &[Staged]) -> Result<(), Closed> {
        self.reached.notify_one();
        if self.is_closed {
            std::future::pending::<()>().await;
        }
        for challenge in staged {
            let answer = ask(self.port, &challenge.token.to_string()).await;
            if answer.as_deref() != Some(&*challenge.key_authorization) {
                return Err(Closed(vec![format!(
                    "{}: {answer:?}",
                    self.manifests.display()
                )]));
            }
        }
        Ok(())
    }
}

async fn ask(port: u16, token: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {PREFIX}{token} HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await.ok()?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

async fn serve(listener: TcpListener, manifests: PathBuf) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, manifests.clone()));
    }
}

async fn answer(mut stream: TcpStream, manifests: PathBuf) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let token = path.strip_prefix(PREFIX).unwrap_or_default();
    let (status, body) = match find(&manifests, token) {
        Some(key) => ("200 OK", key),
        None => ("404 Not Found", "no such token".to_owned()),
    };
    let length = body.len();
    let response =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let _gone = stream.write_all(response.as_bytes()).await;
    let _gone = stream.shutdown().await;
}

/// The answer to a token, from whichever manifest of challenges has it.
fn find(manifests: &Path, token: &str) -> Option<String> {
    let files = fs::read_dir(manifests).ok()?;
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    // Certificates are not read: there may be hundreds.
    let lists = paths.filter(|path| !path.to_string_lossy().contains("/certificate."));
    let texts = lists.filter_map(|path| fs::read_to_string(path).ok());
    let secrets = texts.filter_map(|text| serde_json::from_str::<Value>(&text).ok());
    let lists = secrets.filter_map(|secret| {
        let list = STANDARD.decode(secret["data"][CHALLENGES].as_str()?).ok()?;
        serde_json::from_slice::<Vec<Value>>(&list).ok()
    });
    let found = lists
        .flatten()
        .find(|challenge| challenge["token"] == token);
    Some(found?["keyAuthorization"].as_str()?.to_owned())
}
