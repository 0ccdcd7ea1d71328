//! `kubectl logs`: the one thing that the API server asks a kubelet for here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::namespace::HOST;
use crate::pki::Pki;
use crate::process::Registry;
use crate::{ClusterError, Folder};

/// The port of every kubelet.
pub(crate) const PORT: u16 = 10250;

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A request's head may not be longer.
const LONGEST: usize = 16 * 1024;

/// What is asked: a container's log, its last lines, and what is still to come.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    /// Namespace, Pod and container.
    container: Vec<String>,
    lines: Option<usize>,
    follow: bool,
}

/// Serves the logs of all containers as long as what it returns is polled.
pub(crate) async fn serve(
    folder: &Folder,
    pki: &Pki,
    registry: &Registry,
) -> Result<impl Future<Output = ()> + use<>, ClusterError> {
    let failed =
        |error: io::Error| ClusterError::State(format!("the kubelet cannot serve logs: {error}"));
    let acceptor = TlsAcceptor::from(Arc::new(
        identity(pki).map_err(io::Error::other).map_err(failed)?,
    ));
    let listener = TcpListener::bind((HOST, PORT)).await.map_err(failed)?;
    let (folder, registry) = (folder.clone(), registry.clone());
    Ok(async move {
        let mut open = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            while open.try_join_next().is_some() {}
            open.spawn(answer(
                stream,
                acceptor.clone(),
                folder.clone(),
                registry.clone(),
            ));
        }
    })
}

/// The API server does not ask who a kubelet is: its own certificate will do.
fn identity(pki: &Pki) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
    let chain = CertificateDer::pem_file_iter(&pki.certificate)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&pki.key)?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_no_client_auth().with_single_cert(chain, key)?)
}

/// One request a connection, whose answer ends with it.
async fn answer(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    folder: Folder,
    registry: Registry,
) -> io::Result<()> {
    let mut stream = BufStream::new(acceptor.accept(stream).await?);
    let head = head(&mut stream).await?;
    let file = match request(&head) {
        Some(request) => File::open(folder.log(&request.container.join("_")))
            .await
            .map(|file| (file, request)),
        None => Err(io::ErrorKind::NotFound.into()),
    };
    match file {
        Ok((file, request)) => {
            say(&mut stream, "200 OK").await?;
            send(file, &request, &registry, &mut stream).await?;
        }
        Err(_) => {
            say(&mut stream, "404 Not Found").await?;
            stream
                .write_all(b"only the logs of containers can be had here\n")
                .await?;
        }
    }
    stream.shutdown().await
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), status: &str) -> io::Result<()> {
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await
}

async fn head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn request(head: &str) -> Option<Request> {
    let target = head
        .strip_prefix("GET /containerLogs/")?
        .split(' ')
        .next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let value = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    let names: Vec<_> = path.split('/').map(String::from).collect();
    Some(Request {
        container: Some(names).filter(|names| names.len() == 3 && !path.contains(".."))?,
        lines: value("tailLines").and_then(|lines| lines.parse().ok()),
        follow: value("follow") == Some("true"),
    })
}

async fn send(
    mut file: File,
    request: &Request,
    registry: &Registry,
    stream: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    let mut text = Vec::new();
    file.read_to_end(&mut text).await?;
    stream.write_all(last(&text, request.lines)).await?;
    stream.flush().await?;
    let process = format!("pod/{}", request.container.join("/"));
    // Once more after its end, for its last words.
    let mut runs = request.follow;
    while runs {
        runs = registry.pid(&process).is_some();
        if tokio::io::copy(&mut file, stream).await? > 0 {
            stream.flush().await?;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// The last so many lines.
fn last(text: &[u8], lines: Option<usize>) -> &[u8] {
    let Some(lines) = lines else { return text };
    let whole = text.strip_suffix(b"\n").unwrap_or(text);
    let mut ends = whole
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n');
    let begin = match lines.checked_sub(1) {
        Some(more) => ends.nth(more).map_or(0, |(at, _)| at + 1),
        None => text.len(),
    };
    text.get(begin..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_server_asks_is_understood() {
        let head = "GET /containerLogs/shop/web-1/web?follow=true&tailLines=5 HTTP/1.1\r\n\r\n";
        let expected = Request {
            container: ["shop", "web-1", "web"].map(String::from).to_vec(),
            lines: Some(5),
            follow: true,
        };
        assert_eq!(request(head), Some(expected));
        let plain = request("GET /containerLogs/a/b/c HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!((plain.lines, plain.follow), (None, false));
        for other in [
            "GET /exec/a/b/c HTTP/1.1",
            "GET /containerLogs/a/../c HTTP/1.1",
            "GET /containerLogs/a HTTP/1.1",
        ] {
            assert_eq!(request(other), None, "{other}");
        }
    }

    #[test]
    fn the_last_lines_are_whole() {
        for (lines, expected) in [
            (None, "a\nb\nc\n"),
            (Some(2), "b\nc\n"),
            (Some(9), "a\nb\nc\n"),
            (Some(0), ""),
        ] {
            assert_eq!(last(b"a\nb\nc\n", lines), expected.as_bytes(), "{lines:?}");
        }
    }
}
