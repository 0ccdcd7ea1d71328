//! What people are told while the process runs: one line each, on standard error.

use std::fmt::Display;
use std::io::Write;

/// Writes a line; that nobody may be there to read it is no reason to stop.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
