//! The reference pages of the controller's own tables, kept fresh: `UPDATE=1 cargo test` rewrites
//! them.

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;
use portreeve_process::pages;
use portreeve_watch::families;

use crate::acme::{self, Reason};
use crate::admin::State;
use crate::counts::Count;
use crate::metrics::FAMILIES;
use crate::options::Options;
use crate::serve::Refusal;

fn check(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    pages::check(&path, expected).unwrap_or_else(|stale| {
        let hint = "run UPDATE=1 cargo test -p portreeve-controller docs";
        panic!("docs/{name} is stale: {hint}\n{}", stale.found)
    });
}

#[test]
fn flags() {
    let page = "# The controller's flags\n\nGenerated from `controller/src/options.rs`.\nEvery flag can also be given by its environment variable.\n";
    check(
        "controller-flags.md",
        &(page.to_owned() + &pages::flags(Options::command())),
    );
}

#[test]
fn metrics() {
    let mut page = "# The controller's metrics\n\nGenerated from `controller/src/metrics.rs`, `controller/src/counts.rs` and `controller/src/acme/figures.rs`.\nServed on `/metrics` of the admin listener in the Prometheus text format.\n".to_string();
    page += &pages::families(FAMILIES);
    page += &pages::families(families::<State>());
    for count in Count::ALL {
        pages::metric(&mut page, count.name(), count.help(), "Counter");
    }
    for family in acme::FAMILIES {
        let kind = if family.is_counter {
            "Counter"
        } else {
            "Gauge"
        };
        let label = family.label.map(|it| format!(" with the label `{it}`"));
        let kind = format!("{kind}{}", label.unwrap_or_default());
        pages::metric(&mut page, family.name, family.help, &kind);
    }
    page += "\n## Reasons\n\nThe values of the label `reason`: why a connection was not given a session.\n\n";
    for refusal in Refusal::ALL {
        let _ = writeln!(page, "* `{}`: {}", refusal.as_str(), refusal.help());
    }
    check("controller-metrics.md", &page);
}

#[test]
fn events_of_certificates() {
    let mut page = "# Events about certificates\n\nGenerated from `controller/src/acme/reason.rs`.\nThe controller that leads says them beside the Ingress that wants the certificate: `kubectl events --for ingress/NAME`.\nWhat stands against an order from the start is said as [diagnostics](diagnostics.md), whose codes begin with `Acme` as well.\n".to_string();
    for reason in Reason::ALL {
        let (name, severity) = (reason.as_str(), reason.severity().as_str());
        let (doc, advice) = (reason.doc(), reason.advice());
        let _ = writeln!(
            page,
            "\n## `{name}`\n\n{doc}\n\n* Type: {severity}.\n* To do: {advice}"
        );
    }
    check("acme-events.md", &page);
}
