//! kubectl, as a person types it.

use std::path::PathBuf;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::place::Place;

/// What kubectl did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) is_ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs kubectl in the namespace of a place, with an object on its standard input.
pub(crate) async fn kubectl(place: &Place, arguments: &[&str], input: &Value) -> Done {
    let tools = std::env::var_os("PORTREEVE_CONTROL_PLANE").map(PathBuf::from);
    let program = tools.map_or("kubectl".into(), |tools| tools.join("kubectl"));
    let mut child = Command::new(program)
        .args(["-n", place.name])
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("kubectl is beside the control plane: make test");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let done = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done {
        is_ok: done.status.success(),
        out: text(done.stdout),
        err: text(done.stderr),
    }
}
