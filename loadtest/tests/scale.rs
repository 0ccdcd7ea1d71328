//! What 10,000 Ingresses, 1,000 Services and 5,000 endpoints cost: time to start, memory, and time
//! until one changed endpoint takes requests.
//!
//! `make scale` builds for release, which takes minutes, and holds the bounds. `make test` runs this
//! with what is there: memory is bounded as strictly, and time so that a loop within a loop shows.

// A helper that panics fails its test, which is all it can do.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs};

use common::Backends;
use common::proxy::Proxy;
use portreeve_loadtest::generate;

const START: Duration = Duration::from_secs(5);
const VISIBLE: Duration = Duration::from_millis(500);
const MEMORY_MB: u64 = 150;
/// How many times as long a build for debugging may take.
const SLOWER: u32 = 12;
/// How often the endpoint is changed; the median counts, since other processes take time too.
const CHANGES: usize = 7;
/// How long a change may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

static ALONE: Mutex<()> = Mutex::new(());

#[test]
#[ignore = "needs the proxy's binary: make test, or make scale"]
fn ten_thousand_ingresses_in_files_of_a_hundred() {
    measure(100);
}

#[test]
#[ignore = "needs the proxy's binary: make test, or make scale"]
fn ten_thousand_ingresses_in_one_file() {
    measure(10_000);
}

#[test]
#[ignore = "needs the proxy's binary: make test, or make scale"]
fn ten_thousand_ingresses_in_a_file_each() {
    measure(1);
}

fn measure(per_file: u32) {
    // Two at a time would measure each other.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let backend = Backends::start(&["--listen", "127.0.0.1:0=there"], 1);
    let directory = generate(per_file, backend.address("there").port());

    let started = Instant::now();
    let proxy = Proxy::start(&directory);
    let start = started.elapsed();
    let ready = memory_mb(proxy.id());
    let nobody = generate::endpoint(0, 0).to_string();
    let mut visible = Vec::new();
    while visible.len() < CHANGES {
        let renamed = replace(&directory, &nobody, "127.0.0.1");
        wait_until(|| answer(proxy.http) == 200);
        visible.push(renamed.elapsed());
        replace(&directory, "127.0.0.1", &nobody);
        // Endpoints take turns, so in so many requests each of the five was asked.
        wait_until(|| (0..5).all(|_| answer(proxy.http) == 502));
    }
    visible.sort();
    let visible = visible.get(CHANGES / 2).copied().unwrap();
    let changed = memory_mb(proxy.id());

    println!(
        "{per_file} to a file: ready after {start:.2?} with {ready} MB; a change is visible after {visible:.0?}, then {changed} MB"
    );
    let patience = if is_release() { 1 } else { SLOWER };
    assert!(start <= START * patience && visible <= VISIBLE * patience);
    assert!(ready <= MEMORY_MB && changed <= MEMORY_MB);
}

/// Whether the proxy is the one that `make scale` names.
fn is_release() -> bool {
    env::var_os("PORTREEVE_PROXY").is_some_and(|path| path.to_string_lossy().contains("release"))
}

/// Makes the directory; nobody listens on any of its endpoints.
fn generate(per_file: u32, port: u16) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scale-{per_file}"));
    let _from_an_earlier_run = fs::remove_dir_all(&directory);
    let options = generate::Options {
        directory: directory.clone(),
        ingresses: 10_000,
        services: 1_000,
        endpoints: 5_000,
        per_file,
        port,
    };
    generate::run(&options).unwrap();
    directory
}

/// Puts one endpoint in place of another in the first file of slices, and says when.
fn replace(directory: &Path, old: &str, new: &str) -> Instant {
    let file = directory.join("slice-000000.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let changed = text.replacen(&format!("[{old}]"), &format!("[{new}]"), 1);
    assert_ne!(changed, text);
    let hidden = directory.join(".slice.new");
    fs::write(&hidden, changed).unwrap();
    fs::rename(hidden, file).unwrap();
    Instant::now()
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "the change does not show");
    }
}

/// The status of a request to the first Ingress, whose Service is the one that is changed.
fn answer(proxy: SocketAddr) -> u16 {
    let mut stream = TcpStream::connect(proxy).unwrap();
    let host = generate::host(0);
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1);
    status.unwrap().parse().unwrap()
}

/// The resident memory of a process.
fn memory_mb(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() / 1024
}
