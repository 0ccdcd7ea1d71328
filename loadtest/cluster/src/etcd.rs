//! The one thing that tests want of etcd itself: that it forgets the past.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ClusterError;

/// Where etcd listens within the namespace.
pub(crate) const ADDRESS: &str = "127.0.0.1:2379";

/// Drops all history up to now. A watch that goes on from before gets 410 Gone, unless the API
/// server still has it in memory: that is only sure when it is started again.
pub(crate) async fn compact() -> Result<(), ClusterError> {
    let any = json!({"key": "AA==", "limit": 1});
    let revision = ask("range", &any)
        .await?
        .pointer("/header/revision")
        .cloned();
    let revision = revision.ok_or_else(|| odd("a range without a revision"))?;
    ask(
        "compaction",
        &json!({"revision": revision, "physical": true}),
    )
    .await?;
    Ok(())
}

/// Calls etcd's gateway. HTTP/1.0 is all it takes: one request, and the answer ends with the
/// connection.
async fn ask(what: &str, body: &Value) -> Result<Value, ClusterError> {
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST /v3/kv/{what} HTTP/1.0\r\nhost: {ADDRESS}\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let failed = |error: std::io::Error| odd(&error.to_string());
    let mut stream = TcpStream::connect(ADDRESS).await.map_err(failed)?;
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(failed)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head
        .lines()
        .next()
        .is_none_or(|line| !line.ends_with(" 200 OK"))
    {
        return Err(odd(&answer));
    }
    serde_json::from_str(body).map_err(|error| odd(&error.to_string()))
}

fn odd(said: &str) -> ClusterError {
    ClusterError::Failed {
        program: "etcd".into(),
        said: said.into(),
    }
}
