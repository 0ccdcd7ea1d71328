//! What `compare` is told.

use std::net::SocketAddr;
use std::str::FromStr;

use crate::run::Output;

/// The options of `portreeve-loadtest compare`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A proxy: its name, where it listens, and the processes whose CPU time is its own. The
    /// first one is what the others are compared with.
    #[arg(long, value_name = "NAME=ADDR,PID[,PID...]", required = true)]
    pub target: Vec<Target>,

    /// Where the backend listens that all of them forward to.
    #[arg(long, value_name = "ADDR")]
    pub backend: SocketAddr,

    /// The host to ask for.
    #[arg(long, default_value = "bench.example.com")]
    pub host: String,

    /// Bytes of each answer.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(0..=16_777_216))]
    pub size: u32,

    /// Keep-alive connections, each with one request at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,

    /// How often each target has its turn.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,

    /// How long a turn takes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub seconds: u64,

    /// How to print the report.
    #[arg(long, value_enum, default_value_t = Output::Human)]
    pub output: Output,
}

/// A proxy to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What to call it.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its processes.
    pub pids: Vec<u32>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?}: write NAME=ADDR,PID such as nginx=127.0.0.1:8081,4711");
        let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (address, pids) = rest.split_once(',').ok_or_else(wrong)?;
        let pids = pids.split(',').map(str::parse).collect::<Result<_, _>>();
        Ok(Self {
            name: name.into(),
            address: address.parse().map_err(|_| wrong())?,
            pids: pids.map_err(|_| wrong())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_an_address_and_processes() {
        let target: Target = "nginx=127.0.0.1:80,1,22".parse().unwrap();
        assert_eq!((&*target.name, &*target.pids), ("nginx", &[1, 22][..]));
        for text in [
            "",
            "nginx",
            "nginx=127.0.0.1:80",
            "nginx=localhost:80,1",
            "n=1.1.1.1:1,x",
        ] {
            assert!(
                text.parse::<Target>().unwrap_err().contains("4711"),
                "{text}"
            );
        }
    }
}
