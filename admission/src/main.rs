//! The webhook's process: flags in, exit code out.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use portreeve_admission::Options;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match portreeve_admission::run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portreeve-admission: {error}");
            ExitCode::FAILURE
        }
    }
}
