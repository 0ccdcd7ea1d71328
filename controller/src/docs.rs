//! The reference pages of the controller's own tables, kept fresh: `UPDATE=1 cargo test` rewrites
//! them.

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;

use crate::counts::Count;
use crate::metrics::FAMILIES;
use crate::options::Options;
use crate::serve::Refusal;

fn check(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        found, expected,
        "docs/{name} is stale: run UPDATE=1 cargo test -p portreeve-controller docs"
    );
}

#[test]
fn flags() {
    let mut page = "# The controller's flags\n\nGenerated from `controller/src/options.rs`.\nEvery flag can also be given by its environment variable.\n".to_string();
    let mut command = Options::command();
    command.build();
    let mut heading = String::new();
    for flag in command.get_arguments().filter(|a| a.get_env().is_some()) {
        let group = flag.get_help_heading().unwrap_or_default();
        if group != heading {
            heading = group.to_string();
            let _ = writeln!(page, "\n## {heading}");
        }
        let name = flag.get_long().unwrap();
        let value = flag.get_value_names().map_or("", |names| names[0].as_str());
        let help = flag.get_long_help().or(flag.get_help()).unwrap();
        let help = sentences(&help.to_string());
        let _ = writeln!(page, "\n### `--{name} {value}`\n\n{help}");
        if let Some(default) = default(flag) {
            let _ = writeln!(page, "Default: `{default}`.");
        }
        let env = flag.get_env().unwrap().to_string_lossy();
        let _ = writeln!(page, "Environment: `{env}`.");
    }
    check("controller-flags.md", &page);
}

/// The value of a flag that is not given, where that is the same on every machine.
fn default(flag: &clap::Arg) -> Option<String> {
    let values = flag.get_default_values().iter();
    let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
    let says = !flag.is_hide_default_value_set() && !values.is_empty();
    says.then(|| values.join(","))
}

#[test]
fn metrics() {
    let mut page = "# The controller's metrics\n\nGenerated from `controller/src/metrics.rs` and `controller/src/counts.rs`.\nServed on `/metrics` of the admin listener in the Prometheus text format.\n".to_string();
    for family in FAMILIES {
        let label = family
            .label
            .map(|label| format!(" with the label `{label}`"));
        let kind = if family.is_counter {
            "Counter"
        } else {
            "Gauge"
        };
        let kind = format!("{kind}{}", label.unwrap_or_default());
        section(&mut page, family.name, family.help, &kind);
    }
    for count in Count::ALL {
        section(&mut page, count.name(), count.help(), "Counter");
    }
    page += "\n## Reasons\n\nThe values of the label `reason`: why a connection was not given a session.\n\n";
    for refusal in Refusal::ALL {
        let _ = writeln!(page, "* `{}`: {}", refusal.as_str(), refusal.help());
    }
    check("controller-metrics.md", &page);
}

fn section(page: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(page, "\n## `{name}`\n\n{help}\n{kind}.");
}

/// One sentence per line.
fn sentences(text: &str) -> String {
    format!("{}.", text.replace(". ", ".\n").trim_end_matches('.'))
}
