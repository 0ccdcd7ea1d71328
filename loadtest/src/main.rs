#![forbid(unsafe_code)]
//! The command line of the load tester: one subcommand, one job.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use portreeve_loadtest::{compare, generate, run, serve};

/// Echo backends and a small load generator for trying, testing and measuring Portreeve.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    job: Job,
}

#[derive(Subcommand)]
enum Job {
    /// Answer as one or several backends over HTTP/1.1, HTTP/2, gRPC and WebSocket.
    Serve(serve::Options),
    /// Make requests, and count what comes of them.
    Run(run::Options),
    /// Load several proxies in turn and compare their CPU time per request.
    Compare(compare::Options),
    /// Write a directory of many manifests.
    Generate(generate::Options),
    /// Say words over a WebSocket and print what comes back: talk URL -- WORD...
    Talk(run::TalkOptions),
}

// One thread: whoever measures pins this process to one core, and examples need no more.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done: Result<(), Box<dyn Error>> = match Cli::parse().job {
        Job::Serve(options) => serve::run(options).await.map_err(Into::into),
        Job::Run(options) => run::run(options).await.map_err(Into::into),
        Job::Compare(options) => compare::run(options).await.map_err(Into::into),
        Job::Generate(options) => generate::run(&options).map_err(Into::into),
        Job::Talk(options) => run::talk(options).await.map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portreeve-loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}
