//! What came of a run, for people and for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::tally::Tally;

/// How to print a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// A table.
    Human,
    /// One JSON object.
    Json,
}

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Requests that ended, well or not.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// How they failed, and how often.
    pub failures: BTreeMap<String, u64>,
    /// How long the run took.
    pub seconds: f64,
    /// Requests a second.
    pub per_second: f64,
    /// Bytes of response bodies.
    pub bytes: u64,
    /// The latencies of the requests that succeeded.
    pub latency_us: Latency,
    /// What the watched processes used; absent when none was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    /// The median.
    pub p50: u64,
    /// Nine of ten were faster.
    pub p90: u64,
    /// 99 of 100 were faster.
    pub p99: u64,
    /// 999 of 1000 were faster.
    #[serde(rename = "p99.9")]
    pub p99_9: u64,
    /// The slowest.
    pub max: u64,
}

/// CPU time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cpu {
    /// In total.
    pub seconds: f64,
    /// For each request, in microseconds.
    pub us_per_request: f64,
}

impl Report {
    pub(super) fn new(tally: &Tally, elapsed: Duration, cpu: Option<Duration>) -> Self {
        let requests = tally.requests.max(1) as f64;
        let latency = |quantile| tally.latency_us.value_at_quantile(quantile);
        Self {
            requests: tally.requests,
            failed: tally.failures.values().sum(),
            failures: tally.failures.clone(),
            seconds: elapsed.as_secs_f64(),
            per_second: tally.requests as f64 / elapsed.as_secs_f64(),
            bytes: tally.bytes,
            latency_us: Latency {
                p50: latency(0.5),
                p90: latency(0.9),
                p99: latency(0.99),
                p99_9: latency(0.999),
                max: tally.latency_us.max(),
            },
            cpu: cpu.map(|used| Cpu {
                seconds: used.as_secs_f64(),
                us_per_request: used.as_secs_f64() * 1e6 / requests,
            }),
        }
    }

    /// The requests that went well.
    pub fn succeeded(&self) -> u64 {
        self.requests - self.failed
    }

    /// The report as text.
    pub fn print(&self, output: Output) -> String {
        match output {
            Output::Human => self.table(),
            // Numbers and strings always serialise; an empty line would show that they did not.
            Output::Json => serde_json::to_string(self).unwrap_or_default(),
        }
    }

    fn table(&self) -> String {
        let Latency {
            p50,
            p90,
            p99,
            p99_9,
            max,
        } = self.latency_us;
        let mut table = format!(
            "requests   {} in {:.2} s, {:.0} a second, {} bytes\n\
             failed     {}\n",
            self.requests, self.seconds, self.per_second, self.bytes, self.failed
        );
        for (kind, count) in &self.failures {
            table += &format!("           {count} x {kind}\n");
        }
        table += &format!(
            "latency    p50 {p50} us, p90 {p90} us, p99 {p99} us, p99.9 {p99_9} us, max {max} us"
        );
        if let Some(cpu) = self.cpu {
            let Cpu {
                seconds,
                us_per_request,
            } = cpu;
            table += &format!("\nCPU        {us_per_request:.2} us a request, {seconds:.2} s");
        }
        table
    }
}
