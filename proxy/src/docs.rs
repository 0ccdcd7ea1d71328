//! The reference pages of the proxy's own tables, kept fresh: `UPDATE=1 cargo test` rewrites them.

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;
use portreeve_process::pages;

use crate::accesslog;
use crate::error::Reason;
use crate::metrics::{FAMILIES, Kind};
use crate::options::Options;

fn check(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    pages::check(&path, expected).unwrap_or_else(|stale| {
        let hint = "run UPDATE=1 cargo test -p portreeve-proxy docs";
        panic!("docs/{name} is stale: {hint}\n{}", stale.found)
    });
}

#[test]
fn flags() {
    let page = "# The proxy's flags\n\nGenerated from `proxy/src/options.rs`.\nEvery flag can also be given by its environment variable.\n";
    check(
        "flags.md",
        &(page.to_owned() + &pages::flags(Options::command())),
    );
}

#[test]
fn metrics() {
    let mut page = "# The proxy's metrics\n\nGenerated from `proxy/src/metrics/families.rs` and `proxy/src/error.rs`.\nServed on `/metrics` of the admin listener in the Prometheus text format.\n".to_string();
    for family in FAMILIES {
        let kind = match family.kind {
            Kind::Counter => "Counter",
            Kind::Gauge => "Gauge",
            Kind::Histogram => "Histogram",
        };
        let kind = format!("{kind}{}", labels(family.labels));
        pages::metric(&mut page, family.name, family.help, &kind);
    }
    page.push_str("\n## Reasons\n\nThe values of the label `reason`, and of the field `reason` in the access log.\n\n");
    for reason in Reason::ALL {
        let _ = writeln!(page, "* `{}`: {}", reason.name(), reason.doc().trim());
    }
    check("metrics.md", &page);
}

#[test]
fn access_log() {
    let mut page = "# The proxy's access log\n\nGenerated from `proxy/src/accesslog/json.rs`.\nWith `--access-log json` each line is one object with the fields below, `null` when there is nothing to say.\nThose that begin with `upstream_` are lists with one value for each try of an endpoint, empty when none was tried.\n\n".to_string();
    let _ = writeln!(
        page,
        "With `--access-log nginx` lines are in ingress-nginx's default format:\n\n```\n{}\n```\n",
        accesslog::FORMAT,
    );
    page.push_str("Each variable says what the fields say that name it, and `-` when there is nothing to say.\nThe values of several tries are separated by commas.\n`$proxy_upstream_name` is `namespace-service-port`, and empty when there is none; `$proxy_alternative_upstream_name` is always empty.\n\n");
    for (name, variable, says) in accesslog::FIELDS {
        let variable = match *variable {
            "" => String::new(),
            variable => format!(" (`{variable}`)"),
        };
        let says = says.replace(". ", ".\n  ");
        let _ = writeln!(page, "* `{name}`{variable}: {says}");
    }
    let variables = accesslog::FORMAT.split(|c: char| c != '$' && c != '_' && !c.is_alphanumeric());
    for variable in variables.filter(|word| word.starts_with('$')) {
        assert!(
            page.matches(&format!("`{variable}`")).count() > 0,
            "{variable}"
        );
    }
    check("access-log.md", &page);
}

fn labels(labels: &[&str]) -> String {
    match labels {
        [] => String::new(),
        labels => format!(" with the labels `{}`", labels.join("`, `")),
    }
}
