//! Processes of a test: started on free ports, known to be up before they are used, ended by
//! their id whatever happens to the test.

// Each test file uses the part of this that it needs.
#![allow(dead_code)]
// A helper that panics fails its test, which is all it can do.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

pub(crate) mod console;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod tools;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Command;

use process::Process;

/// Backends by name, with the process that serves them.
pub(crate) struct Backends {
    pub(crate) process: Process,
    pub(crate) addresses: HashMap<String, SocketAddr>,
}

impl Backends {
    /// Starts `serve` with `arguments`, which name `count` services.
    pub(crate) fn start(arguments: &[&str], count: usize) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portreeve-loadtest"));
        let mut process = Process::start(command.arg("serve").args(arguments));
        let mut addresses = HashMap::new();
        while addresses.len() < count {
            let line = process.line("listening ");
            let words: Vec<_> = line.split_whitespace().collect();
            addresses.insert(words[1].to_owned(), words[2].parse().unwrap());
        }
        Self { process, addresses }
    }

    /// Where the service `name` listens.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.addresses[name]
    }
}
