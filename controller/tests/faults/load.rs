//! Requests that are made all the while.

use std::net::SocketAddr;

use clap::Parser;
use portreeve_loadtest::run::{Options, Output, Running};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    options: Options,
}

pub(crate) struct Load(Running);

impl Load {
    /// So many requests a second, over connections that are kept.
    pub(crate) fn start(address: SocketAddr, host: &str, rate: u32) -> Self {
        Self::of(&format!("--rate {rate} --host {host} http://{address}/"))
    }

    /// The same over a new connection each.
    pub(crate) fn start_anew(address: SocketAddr, host: &str, rate: u32) -> Self {
        let line = format!("--rate {rate} --host {host} --new-connections http://{address}/");
        Self::of(&line)
    }

    fn of(line: &str) -> Self {
        let line = format!("run --connections 8 --duration 600 --timeout 10 {line}");
        let options = Cli::try_parse_from(line.split(' ')).unwrap().options;
        Self(Running::start(&options).unwrap())
    }

    /// How many requests have ended.
    pub(crate) fn requests(&self) -> u64 {
        self.0.requests()
    }

    /// Ends it, and says how many requests there were; none may have failed.
    pub(crate) async fn none_failed(self) -> u64 {
        let report = self.0.stop().await.unwrap();
        let printed = report.print(Output::Human);
        assert_eq!(report.failed, 0, "{printed}");
        assert!(report.requests > 0, "{printed}");
        report.requests
    }
}
