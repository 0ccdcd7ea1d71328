//! What the kernel is asked for during 10,000 reviews: nothing is run, written or connected to.

use std::path::Path;

use serde_json::json;

use crate::ALONE;
use crate::client::{Client, review};
use crate::place::Place;
use crate::reviewer::Reviewer;
use crate::support::wait::until;

const REVIEWS: usize = 10_000;

/// Calls that run, connect, or make or change files.
const CALLS: &str = "execve,execveat,fork,vfork,connect,bind,open,openat,openat2,creat,truncate,ftruncate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat,symlink,symlinkat,chmod,fchmod,fchmodat,mknod,mknodat,mount,ptrace,memfd_create,clone,clone3";

#[tokio::test]
#[ignore = "needs a cluster and strace: make test"]
async fn ten_thousand_reviews_run_write_and_connect_to_nothing() {
    let _alone = ALONE.lock().await;
    let place = Place::new("admission-traced", 63).await;
    let reviewer = Reviewer::start(&place).await;
    let trace = place.folder.join("trace");
    let tracer = [
        "-f".into(),
        "-p".into(),
        reviewer.process.id.to_string(),
        "-e".into(),
        format!("trace={CALLS}"),
        "-o".into(),
        trace.display().to_string(),
    ];
    let log = place.folder.join("strace.log");
    let mut tracer = crate::process::Process::run(Path::new("strace"), &tracer, &log);
    until("strace is attached", async || {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(tracer.is_alive(), "strace ended: {said}");
        said.contains("attached")
    })
    .await;

    let tls = reviewer.tls();
    let mut client = Client::connect(reviewer.address, &tls).await;
    let (mut denied, mut allowed) = (0, 0);
    for number in 0..REVIEWS {
        // Every third is right, every third is a mistake, every third is an attack.
        let rule = match number % 3 {
            0 => place.rule(&format!("web{number}"), "web", &json!({"number": 80})),
            1 => json!({"host": "a b"}),
            _ => {
                json!({"host": "web.example", "http": {"paths": [{"path": "/$(id)\n} alias /etc/passwd;#", "pathType": "ImplementationSpecific", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}})
            }
        };
        let spec = json!({"ingressClassName": place.name, "rules": [rule]});
        let (status, answer) = client.ask(&review(&place, "web", &spec)).await;
        assert_eq!(status, 200);
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        match answer["response"]["allowed"].as_bool() {
            Some(true) => allowed += 1,
            _ => denied += 1,
        }
    }
    tracer.terminate().await;
    let made = calls(&trace);
    assert!(
        allowed >= REVIEWS / 3 && denied >= REVIEWS / 3,
        "{allowed} {denied}"
    );
    let read_only = |call: &&String| call.contains("open") && call.contains("O_RDONLY");
    let other: Vec<_> = made.iter().filter(|call| !read_only(call)).collect();
    assert!(other.is_empty(), "{other:#?}");
    // Nothing but its certificate is looked at.
    let strange: Vec<_> = made.iter().filter(|call| !call.contains("/tls.")).collect();
    assert!(strange.is_empty(), "{strange:#?}");
    println!("{allowed} allowed, {denied} denied, {} calls", made.len());
}

/// The calls in a trace; strace adds lines of its own.
fn calls(trace: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(trace).unwrap();
    let calls = text.lines().filter(|line| line.contains('('));
    calls.map(String::from).collect()
}
