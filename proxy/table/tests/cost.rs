//! What routing costs, in instructions: they can be counted exactly where time cannot.

#![cfg(test)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

#[test]
#[ignore = "needs valgrind and half a minute: make test"]
fn routing_costs_the_same_at_ten_hosts_and_at_ten_thousand() {
    let example = build_example();
    let [few, many] = thread::scope(|scope| {
        let counts = [10, 10_000].map(|hosts| {
            let example = &example;
            scope.spawn(move || instructions_per_request(example, hosts))
        });
        counts.map(|count| count.join().unwrap())
    });
    let ratio = many as f64 / few as f64;
    assert!(
        (0.9..=1.1).contains(&ratio),
        "{few} instructions for a request at 10 hosts, {many} at 10,000"
    );
}

/// Builds the example as these tests were built, and says where it is.
fn build_example() -> PathBuf {
    let tests = env::current_exe().unwrap();
    let profile = tests.ancestors().nth(2).unwrap();
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--example", "route_cost"]);
    build.arg("--target-dir").arg(profile.parent().unwrap());
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.unwrap().success(), "the example did not build");
    profile.join("examples/route_cost")
}

/// The difference between two runs leaves out what it costs to start and to compile the table.
fn instructions_per_request(example: &Path, hosts: u32) -> u64 {
    let (short, long) = (1_000, 6_000);
    let difference = instructions(example, hosts, long) - instructions(example, hosts, short);
    difference / u64::from(long - short)
}

fn instructions(example: &Path, hosts: u32, requests: u32) -> u64 {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(example)
        .args([hosts.to_string(), requests.to_string()])
        .output()
        .expect("instructions are counted by valgrind: apt-get install valgrind");
    let report = String::from_utf8_lossy(&run.stderr);
    let answer = String::from_utf8_lossy(&run.stdout);
    let all = format!("{requests} of {requests} requests were routed");
    assert_eq!(answer.trim(), all, "{report}");
    let collected = report
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.unwrap_or_else(|| panic!("no count in {report}"));
    count.trim().parse().unwrap()
}
