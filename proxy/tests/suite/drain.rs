//! Starting and stopping: nobody's request is lost, and what goes wrong is said.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;

use http::Request;

use crate::harness::{Backend, Client, H2Client, Ingress, Proxy, Record, get, service, wait_until};

const GET: &str = "GET / HTTP/1.1\r\nhost: a.example\r\n\r\n";

fn proxy(backend: &Backend) -> Proxy {
    Proxy::new()
        .manifest(Ingress::new("i").host("a.example", "s").yaml())
        .manifest(service("s", &[backend.address]))
}

/// A backend that answers when the request's body, a line, says so.
fn patient() -> Backend {
    Backend::scripted(|stream, record: &Record| {
        if record.read_until(stream, |bytes| bytes.ends_with(b"now\n")) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    })
}

const BEGIN: &str = "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 4\r\n\r\n";

#[test]
fn stopping_has_an_order() {
    let backend = patient();
    let quick = Backend::named("b");
    let mut proxy = proxy(&backend)
        .manifest(Ingress::new("q").host("q.example", "q").yaml())
        .manifest(service("q", &[quick.address]))
        .arg("--drain-delay", "3")
        .arg("--drain-timeout", "600")
        .arg("--access-log", "json")
        .start();
    let quick = "GET / HTTP/1.1\r\nhost: q.example\r\n\r\n";
    let mut idle = Client::connect(proxy.http());
    idle.send(quick);
    assert_eq!(idle.reply().unwrap().header("connection"), None);
    let mut slow = Client::connect(proxy.http());
    slow.send(BEGIN);
    backend.wait_for("POST / HTTP/1.1");
    let h2 = H2Client::connect(proxy.http());
    let ask = || Request::get("http://q.example/").body(()).unwrap();
    assert_eq!(h2.get(ask()).status, 200);

    proxy.signal("-TERM");
    // First it says that it is leaving, and serves on.
    wait_until("not ready", || {
        get(proxy.admin(), "admin", "/readyz").status == 503
    });
    assert_eq!(get(proxy.admin(), "admin", "/livez").status, 200);
    idle.send(quick);
    assert_eq!(idle.reply().unwrap().header("connection"), Some("close"));
    assert!(idle.read_to_end().is_empty());
    let mut late = Client::connect(proxy.http());
    late.send(quick);
    assert_eq!(late.reply().unwrap().status, 200, "still accepting");
    assert_eq!(h2.get(ask()).status, 200);
    let mut fresh = Client::connect(proxy.http());

    // Then nobody is accepted any more, who is idle is let go, and who is not may finish.
    wait_until("the end of accepting", || {
        TcpStream::connect(proxy.http()).is_err()
    });
    assert_eq!(
        h2.closed().unwrap_or(h2::Reason::NO_ERROR),
        h2::Reason::NO_ERROR
    );
    assert!(fresh.read_to_end().is_empty());
    slow.send("now\n");
    let reply = slow.reply().unwrap();
    assert_eq!(
        (reply.text(), reply.header("connection")),
        ("ok".into(), Some("close"))
    );
    assert_eq!(proxy.ended().code(), Some(0));
    wait_until("every line", || proxy.logged().lines().count() == 6);
}

#[test]
fn what_does_not_end_is_cut_and_logged() {
    let backend = patient();
    let mut proxy = proxy(&backend)
        .arg("--drain-timeout", "1")
        .arg("--access-log", "json")
        .start();
    let mut client = Client::connect(proxy.http());
    client.send(BEGIN);
    backend.wait_for("POST / HTTP/1.1");
    proxy.signal("-TERM");
    assert!(client.read_to_end().is_empty());
    assert_eq!(proxy.ended().code(), Some(0));
    wait_until("its line", || proxy.logged().contains("\"status\":499"));
}

#[test]
fn a_client_that_says_nothing_does_not_hold_it_up() {
    let backend = Backend::named("b");
    let mut proxy = proxy(&backend)
        .arg("--handshake-timeout", "600")
        .arg("--drain-timeout", "600")
        .start();
    let mut silent = Client::connect(proxy.http());
    wait_until("the connection", || {
        proxy.metric(
            "nginx_ingress_controller_nginx_process_connections",
            &["active"],
        ) > 0.0
    });
    proxy.signal("-TERM");
    assert!(silent.read_to_end().is_empty());
    assert!(proxy.ended().success());
}

#[test]
fn a_second_signal_means_now() {
    let backend = patient();
    let mut proxy = proxy(&backend).arg("--drain-delay", "600").start();
    let mut client = Client::connect(proxy.http());
    client.send(BEGIN);
    backend.wait_for("POST / HTTP/1.1");
    proxy.signal("-INT");
    wait_until("not ready", || {
        get(proxy.admin(), "admin", "/readyz").status == 503
    });
    proxy.signal("-TERM");
    assert_eq!(proxy.ended().code(), Some(0));
}

#[test]
fn a_signal_while_it_starts_is_heard() {
    for _ in 0..5 {
        let mut proxy = proxy(&Backend::named("b")).spawn();
        wait_until("the first listener", || proxy.said().contains("listening"));
        proxy.signal("-TERM");
        let status = proxy.ended();
        assert_eq!(
            (status.code(), status.signal()),
            (Some(0), None),
            "{}",
            proxy.said()
        );
    }
}

#[test]
fn a_port_in_use_is_said_with_its_holder() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let us = format!("(process {})", std::process::id());
    for flag in ["--http", "--https", "--admin"] {
        let mut proxy = proxy(&Backend::named("b")).arg(flag, &address).spawn();
        assert_eq!(proxy.ended().code(), Some(1), "{flag}");
        wait_until("the reason", || proxy.said().contains(" is in use by "));
        let said = proxy.said();
        assert!(
            said.contains(&us) && said.contains(&format!("{flag} ADDRESS")),
            "{said}"
        );
    }
}

#[test]
fn another_of_us_is_in_the_way_as_well() {
    let backend = Backend::named("b");
    let first = proxy(&backend).start();
    let mut second = proxy(&backend)
        .arg("--http", &first.http().to_string())
        .spawn();
    assert_eq!(second.ended().code(), Some(1));
    let holder = format!("portreeve-proxy (process {})", first.id());
    wait_until("the reason", || second.said().contains(&holder));
    assert_eq!(get(first.http(), "a.example", "/").status, 200);
    let mut client = Client::connect(first.http());
    client.send(GET);
    assert_eq!(client.reply().unwrap().text(), "b");
}

/// Every machine lets root listen, and many let anybody, so this takes a network of its own, whose
/// first ports are privileged, and leaves the privilege behind.
#[test]
#[ignore = "needs a network namespace: make test"]
fn a_port_without_permission_is_said() {
    for flag in ["--http", "--https"] {
        let mut proxy = Proxy::without_privileges().arg(flag, "0.0.0.0:80").spawn();
        assert_eq!(proxy.ended().code(), Some(1), "{flag}: {}", proxy.said());
        wait_until("the reason", || {
            proxy
                .said()
                .contains("no permission to listen on 0.0.0.0:80")
        });
        let said = proxy.said();
        assert!(
            said.contains("CAP_NET_BIND_SERVICE") && said.contains(&format!("{flag} ADDRESS")),
            "{said}"
        );
    }
}

#[test]
fn a_directory_that_is_none_is_said() {
    let file = std::env::current_exe().unwrap();
    for path in ["/nonexistent/portreeve", file.to_str().unwrap()] {
        let mut proxy = Proxy::new().arg("--manifests", path).spawn();
        assert_eq!(proxy.ended().code(), Some(1));
        wait_until("the reason", || proxy.said().contains(path));
    }
}
