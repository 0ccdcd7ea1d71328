//! `serve` and `run` against each other, with nothing between them: what a proxy is measured by
//! must be right on its own.

// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::process::Command;

use clap::Parser;
use common::Backends;
use portreeve_loadtest::run::{Options, Report, Running, measure};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

/// Runs the load of `arguments`, where `{NAME}` is the address of a service.
async fn load(backends: &Backends, arguments: &str) -> Report {
    measure(&options(backends, arguments)).await.unwrap()
}

fn options(backends: &Backends, arguments: &str) -> Options {
    let mut arguments = format!("run {arguments}");
    for (name, address) in &backends.addresses {
        arguments = arguments.replace(&format!("{{{name}}}"), &address.to_string());
    }
    let cli = Cli::try_parse_from(arguments.split_whitespace());
    cli.unwrap_or_else(|error| panic!("{arguments}: {error}"))
        .options
}

fn backends() -> Backends {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/backends.txt");
    Backends::start(&["--backends", file], 3)
}

#[tokio::test]
async fn every_protocol_gets_its_answers() {
    let backends = backends();
    for arguments in [
        "http://{plain}/ --requests 200",
        "http://{plain}/bytes/100000 --requests 50 --connections 2",
        "http://{plain}/chunked/10/1000 --requests 50",
        "http://{plain}/sse/3/1 --requests 10",
        "http://{plain}/echo --method POST --body 200000 --requests 20",
        "http://{plain}/ --requests 50 --new-connections",
        "http://{plain}/ --requests 200 --rate 2000",
        "http://{plain}/ --requests 200 --http2 --streams 8",
        "http://{plain}/echo --method POST --body 200000 --requests 20 --http2",
        "http://{plain}/status/503 --expect 503 --requests 10",
        "http://{gone}/any --expect 410 --requests 10",
        "https://{tls}/ --insecure --requests 50",
        "https://{tls}/ --insecure --http2 --streams 4 --requests 50",
        "https://{tls}/ --insecure --new-connections --requests 20",
        "grpc://{plain} --body 1000 --streams 4 --requests 200",
        "grpcs://{tls} --body 1000 --insecure --requests 50",
        "ws://{plain}/ --body 70000 --requests 50",
        "wss://{tls}/ --body 10 --insecure --requests 50",
        "ws://{plain}/ --body 10 --new-connections --requests 20",
    ] {
        let report = load(&backends, arguments).await;
        assert!(report.requests >= 10, "{arguments}");
        assert_eq!(report.failures, [].into(), "{arguments}");
    }
}

#[tokio::test]
async fn failures_are_counted_by_kind() {
    let backends = backends();
    for (arguments, kind) in [
        ("http://{plain}/status/503 --requests 10", "status 503"),
        (
            "http://{plain}/delay/60000 --requests 10 --connections 10 --timeout 1",
            "timed out",
        ),
        (
            "http://127.0.0.1:1/ --requests 10",
            "connect: connection refused",
        ),
        (
            "https://{tls}/ --requests 10 --host other.example --ca {ca}",
            "TLS: ",
        ),
        (
            "grpc://{plain}/echo.Echo/Nope --requests 10",
            "gRPC status 12",
        ),
        ("grpc://{gone} --requests 10", "status 410"),
        ("ws://{gone}/ --requests 10", "status 410"),
        ("http://{tls}/ --requests 10", "no response: "),
    ] {
        let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/other-ca.pem");
        let report = load(&backends, &arguments.replace("{ca}", ca)).await;
        assert_eq!(report.failed, 10, "{arguments}: {:?}", report.failures);
        let all = report
            .failures
            .keys()
            .all(|failure| failure.starts_with(kind));
        assert!(all, "{arguments}: {:?}", report.failures);
    }
}

#[tokio::test]
async fn time_ends_a_run_and_cpu_is_counted() {
    let backends = backends();
    let pid = backends.process.id();
    let report = load(
        &backends,
        &format!("http://{{plain}}/ --duration 1 --pid {pid}"),
    )
    .await;
    assert!((1.0..5.0).contains(&report.seconds), "{report:?}");
    assert!(report.cpu.unwrap().seconds > 0.0, "{report:?}");
}

#[tokio::test]
async fn a_run_that_is_told_to_stop_reports_what_was_made() {
    let backends = backends();
    let options = options(&backends, "http://{plain}/ --duration 600");
    let running = Running::start(&options).unwrap();
    let report = running.end_unless(std::future::ready(())).await.unwrap();
    assert_eq!(report.failed, 0, "{report:?}");
    assert!(report.seconds < 60.0, "{report:?}");
}

#[test]
fn a_measured_backend_answers_in_full() {
    let backends = Backends::start(&["--measure", "--listen", "127.0.0.1:0=canned"], 1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let report = runtime.block_on(load(
        &backends,
        "http://{canned}/bytes/1024 --requests 1000",
    ));
    assert_eq!((report.failed, report.bytes), (0, 1_024_000));
}

#[test]
fn talk_prints_what_comes_back() {
    let backends = backends();
    let url = format!("ws://{}/", backends.address("plain"));
    let mut talk = Command::new(env!("CARGO_BIN_EXE_portreeve-loadtest"));
    let output = talk
        .args(["talk", &url, "--", "hello", "world"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\nworld\n");
}

#[test]
fn a_signal_ends_it_well_and_a_taken_port_is_named() {
    let backends = backends();
    let taken = backends.address("plain").to_string();
    let mut second = Command::new(env!("CARGO_BIN_EXE_portreeve-loadtest"));
    let output = second.args(["serve", "--listen", &taken]).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(&taken) && said.contains("choose another"),
        "{said}"
    );
    assert!(backends.process.terminate().success());
}
