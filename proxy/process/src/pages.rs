//! Reference pages, made from the tables that drive parsing, and kept fresh by tests.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use clap::{Arg, Command};

use crate::metrics::Family;

/// A page that is not what its table says.
#[derive(Debug)]
pub struct Stale {
    /// What it says.
    pub found: String,
}

/// Compares a page with what its table says, or writes it when `UPDATE` is set in the environment.
///
/// # Errors
/// When the page says something else.
///
/// # Panics
/// Never; a page that cannot be written is a stale one.
pub fn check(path: &Path, expected: &str) -> Result<(), Stale> {
    let written: io::Result<()> = match std::env::var_os("UPDATE") {
        Some(_) => fs::write(path, expected),
        None => Ok(()),
    };
    let found = written.and_then(|()| fs::read_to_string(path));
    let found = found.unwrap_or_else(|error| error.to_string());
    (found == expected).then_some(()).ok_or(Stale { found })
}

/// Every flag of a program that can also be given by its environment variable, which is all of them
/// but `--help` and `--version`.
pub fn flags(mut command: Command) -> String {
    let mut page = String::new();
    command.build();
    let mut heading = String::new();
    for flag in command.get_arguments() {
        let Some((name, env)) = flag.get_long().zip(flag.get_env()) else {
            continue;
        };
        let group = flag.get_help_heading().unwrap_or_default();
        if group != heading {
            heading = group.to_string();
            let _ = writeln!(page, "\n## {heading}");
        }
        let value = flag.get_value_names().and_then(|names| names.first());
        let value = value.map_or("", |name| name.as_str());
        let help = flag.get_long_help().or(flag.get_help());
        let help = help.map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(page, "\n### `--{name} {value}`\n\n{}", sentences(&help));
        if let Some(default) = default(flag) {
            let _ = writeln!(page, "Default: `{default}`.");
        }
        let _ = writeln!(page, "Environment: `{}`.", env.to_string_lossy());
    }
    page
}

/// The value of a flag that is not given, where that is the same on every machine.
fn default(flag: &Arg) -> Option<String> {
    let values = flag.get_default_values().iter();
    let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
    let says = !flag.is_hide_default_value_set() && !values.is_empty();
    says.then(|| values.join(","))
}

/// A section for each family.
pub fn families<S>(families: &[Family<S>]) -> String {
    let mut page = String::new();
    for family in families {
        let label = family
            .label
            .map(|label| format!(" with the label `{label}`"));
        let kind = if family.is_counter {
            "Counter"
        } else {
            "Gauge"
        };
        let kind = format!("{kind}{}", label.unwrap_or_default());
        metric(&mut page, family.name, family.help, &kind);
    }
    page
}

/// The section of a metric.
pub fn metric(page: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(page, "\n## `{name}`\n\n{help}\n{kind}.");
}

/// One sentence per line.
pub fn sentences(text: &str) -> String {
    format!("{}.", text.replace(". ", ".\n").trim_end_matches('.'))
}
