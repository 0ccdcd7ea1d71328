//! The reference pages of the webhook's own tables, kept fresh: `UPDATE=1 cargo test` rewrites them.

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;
use portreeve_process::pages;
use portreeve_watch::families;

use crate::admin::{FAMILIES, State};
use crate::options::Options;
use crate::refusal::Refusal;

fn check(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    pages::check(&path, expected).unwrap_or_else(|stale| {
        let hint = "run UPDATE=1 cargo test -p portreeve-admission docs";
        panic!("docs/{name} is stale: {hint}\n{}", stale.found)
    });
}

#[test]
fn flags() {
    let page = "# The admission webhook's flags\n\nGenerated from `admission/src/options.rs` and `controller/settings/src/flags.rs`.\nEvery flag can also be given by its environment variable.\n";
    check(
        "admission-flags.md",
        &(page.to_owned() + &pages::flags(Options::command())),
    );
}

#[test]
fn metrics() {
    let mut page = "# The admission webhook's metrics\n\nGenerated from `admission/src/admin.rs` and `controller/watch/src/metrics.rs`.\nServed on `/metrics` of the admin listener in the Prometheus text format.\n".to_string();
    page += &pages::families(FAMILIES);
    page += &pages::families(families::<State>());
    page += "\n## Reasons\n\nThe values of the label `reason`: why a request was not reviewed, and what is answered.\n\n";
    for refusal in Refusal::ALL {
        let status = refusal.status().as_u16();
        let _ = writeln!(
            page,
            "* `{}` ({status}): {}",
            refusal.as_str(),
            refusal.help()
        );
    }
    check("admission-metrics.md", &page);
}
