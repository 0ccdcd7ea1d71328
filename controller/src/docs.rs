//! The reference pages of the controller's own tables, kept fresh: `UPDATE=1 cargo test` rewrites
//! them.

use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;
use portreeve_process::pages;
use portreeve_watch::families;

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
    let mut page = "# The controller's metrics\n\nGenerated from `controller/src/metrics.rs` and `controller/src/counts.rs`.\nServed on `/metrics` of the admin listener in the Prometheus text format.\n".to_string();
    page += &pages::families(FAMILIES);
    page += &pages::families(families::<State>());
    for count in Count::ALL {
        pages::metric(&mut page, count.name(), count.help(), "Counter");
    }
    page += "\n## Reasons\n\nThe values of the label `reason`: why a connection was not given a session.\n\n";
    for refusal in Refusal::ALL {
        let _ = writeln!(page, "* `{}`: {}", refusal.as_str(), refusal.help());
    }
    check("controller-metrics.md", &page);
}
