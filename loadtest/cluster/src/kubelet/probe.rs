//! Whether a container is well: the questions of its probes, asked over its own network.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How often a container is asked that is not ready yet. The kubelet waits for the probe's own
/// period; a test would wait too.
pub(crate) const QUICK: Duration = Duration::from_millis(50);

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// GET this path of this port: the request's head.
    Http { port: u16, head: String },
    /// Whether this port is open. That is also all that is asked of TLS and of gRPC.
    Tcp(u16),
    /// Whether this command succeeds within the container.
    Exec(Vec<String>),
}

/// The question of a probe, unless its port is not known.
pub(crate) fn question(probe: &Probe, container: &Container) -> Option<Question> {
    if let Some(exec) = &probe.exec {
        return Some(Question::Exec(exec.command.clone().unwrap_or_default()));
    }
    if let Some(grpc) = &probe.grpc {
        return u16::try_from(grpc.port).ok().map(Question::Tcp);
    }
    if let Some(tcp) = &probe.tcp_socket {
        return port(&tcp.port, container).map(Question::Tcp);
    }
    let http = probe.http_get.as_ref()?;
    let port = port(&http.port, container)?;
    if http.scheme.as_deref() == Some("HTTPS") {
        return Some(Question::Tcp(port));
    }
    let head = head(http);
    Some(Question::Http { port, head })
}

/// What is asked of a container without a readiness probe: whether its first port is open. The
/// kubelet does not ask, but its containers take no time to come to their program.
pub(crate) fn usual(container: &Container) -> Option<Question> {
    let mut ports = container.ports.iter().flatten();
    let tcp = |protocol: &Option<String>| protocol.as_deref().is_none_or(|it| it == "TCP");
    let first = ports.find(|port| tcp(&port.protocol))?;
    u16::try_from(first.container_port).ok().map(Question::Tcp)
}

fn port(port: &IntOrString, container: &Container) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            ports
                .find(|port| port.name.as_ref() == Some(name))?
                .container_port
        }
    };
    u16::try_from(number).ok()
}

fn head(http: &HTTPGetAction) -> String {
    let path = http.path.as_deref().unwrap_or("/");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut head = format!("GET {slash}{path} HTTP/1.1\r\n");
    let headers = http.http_headers.iter().flatten();
    let given: Vec<_> = headers
        .map(|header| (header.name.as_str(), header.value.as_str()))
        .collect();
    for (name, value) in [
        ("Host", "pod"),
        ("User-Agent", "kube-probe/1.36"),
        ("Connection", "close"),
    ] {
        if !given
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
        {
            head += &format!("{name}: {value}\r\n");
        }
    }
    for (name, value) in given {
        head += &format!("{name}: {value}\r\n");
    }
    head + "\r\n"
}

/// How long an answer may take.
pub(crate) fn patience(probe: &Probe) -> Duration {
    seconds(probe.timeout_seconds, 1)
}

/// A number of seconds of a manifest.
pub(crate) fn seconds(given: Option<i32>, usual: u64) -> Duration {
    Duration::from_secs(given.and_then(|it| u64::try_from(it).ok()).unwrap_or(usual))
}

/// Asks a question that needs no command, of the Pod at `address`.
pub(crate) async fn ask(address: &str, question: &Question, patience: Duration) -> bool {
    let asked = async {
        match question {
            Question::Tcp(port) => connect(address, *port).await.is_some(),
            Question::Http { port, head } => get(address, *port, head).await.is_some_and(is_good),
            Question::Exec(_) => false,
        }
    };
    timeout(patience, asked).await.unwrap_or(false)
}

async fn connect(address: &str, port: u16) -> Option<TcpStream> {
    TcpStream::connect((address, port)).await.ok()
}

/// The status line is all that counts.
async fn get(address: &str, port: u16, head: &str) -> Option<String> {
    let mut stream = connect(address, port).await?;
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.ok()?;
    String::from_utf8(line.to_vec()).ok()
}

fn is_good(line: String) -> bool {
    let code = line.rsplit(' ').next().and_then(|code| code.parse().ok());
    code.is_some_and(|code: u16| (200..400).contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn container() -> Container {
        serde_json::from_value(json!({"name": "a", "ports": [
            {"containerPort": 53, "protocol": "UDP"},
            {"name": "web", "containerPort": 8080},
        ]}))
        .unwrap()
    }

    fn read(probe: serde_json::Value) -> Option<Question> {
        question(&serde_json::from_value(probe).unwrap(), &container())
    }

    #[test]
    fn probes_become_questions() {
        assert_eq!(
            read(json!({"tcpSocket": {"port": "web"}})),
            Some(Question::Tcp(8080))
        );
        assert_eq!(read(json!({"tcpSocket": {"port": "other"}})), None);
        assert_eq!(read(json!({"grpc": {"port": 9}})), Some(Question::Tcp(9)));
        let https = json!({"httpGet": {"port": 443, "scheme": "HTTPS"}});
        assert_eq!(read(https), Some(Question::Tcp(443)));
        assert_eq!(usual(&container()), Some(Question::Tcp(8080)));
    }

    #[test]
    fn given_headers_replace_the_usual_ones() {
        let probe = json!({"httpGet": {"port": 80, "path": "healthz", "httpHeaders": [{"name": "host", "value": "x"}]}});
        let Some(Question::Http { head, .. }) = read(probe) else {
            panic!()
        };
        let expected = "GET /healthz HTTP/1.1\r\nUser-Agent: kube-probe/1.36\r\nConnection: close\r\nhost: x\r\n\r\n";
        assert_eq!(head, expected);
    }

    #[test]
    fn success_is_from_200_to_399() {
        for (line, good) in [
            ("HTTP/1.1 200", true),
            ("HTTP/1.1 399", true),
            ("HTTP/1.1 404", false),
            ("garbage here", false),
        ] {
            assert_eq!(is_good(line.into()), good, "{line}");
        }
    }
}
