//! That what operators read names what there is. The reference pages are made from the tables that
//! drive the code, so they stand for those here.

use std::collections::BTreeSet;
use std::fs;

use super::files;

fn page(name: &str) -> String {
    fs::read_to_string(files::root().join("docs").join(name)).unwrap()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The names that begin with one of these, of what stands between backticks in lines that begin so.
fn names(text: &str, line: &str, beginnings: &[&str]) -> BTreeSet<String> {
    let lines = text.lines().filter(|it| it.starts_with(line));
    let words = lines
        .flat_map(quoted)
        .filter_map(|it| it.split([' ', '=']).next());
    let named = words.filter(|word| beginnings.iter().any(|it| word.starts_with(it)));
    named.map(ToString::to_string).collect()
}

const METRICS: [&str; 2] = ["portreeve_", "nginx_ingress_controller_"];

#[test]
fn operations_say_of_every_metric_what_to_do_and_of_no_other() {
    let operations = page("operations.md");
    for (reference, heading) in [
        ("admission-metrics.md", "## The admission webhook's metrics"),
        ("controller-metrics.md", "## The controller's metrics"),
        ("metrics.md", "## The proxy's metrics"),
    ] {
        let (_, section) = operations.split_once(&format!("{heading}\n")).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let there = names(&page(reference), "## ", &METRICS);
        assert!(there.len() > 10, "{there:?}");
        assert_eq!(names(section, "| `", &METRICS), there, "{heading}");
    }
}

#[test]
fn operations_say_of_every_refusal_what_to_do_and_of_no_other() {
    let operations = page("operations.md");
    // The first of each line: others may stand in what is said of it.
    let first = |text: &str, line: &str| -> BTreeSet<String> {
        let lines = text.lines().filter(|it| it.starts_with(line));
        let firsts = lines.filter_map(|it| quoted(it).next());
        firsts.map(ToString::to_string).collect()
    };
    let tables = operations.split("| reason |").skip(1);
    let tables: Vec<_> = tables.map(|it| it.split("\n\n").next().unwrap()).collect();
    let pages = ["controller-metrics.md", "admission-metrics.md"];
    assert_eq!(tables.len(), pages.len());
    for (said, reference) in tables.into_iter().zip(pages) {
        let reference = page(reference);
        let (_, there) = reference.split_once("## Reasons\n").unwrap();
        assert_eq!(first(said, "| `"), first(there, "* `"));
    }
}

#[test]
fn operations_name_flags_and_metrics_that_there_are() {
    let pages = ["flags.md", "controller-flags.md", "admission-flags.md"]
        .map(page)
        .concat();
    let flags = names(&pages, "### ", &["--"]);
    let pages = [
        "metrics.md",
        "controller-metrics.md",
        "admission-metrics.md",
    ]
    .map(page)
    .concat();
    let metrics = names(&pages, "## ", &METRICS);
    let operations = page("operations.md");
    for (named, there) in [
        (names(&operations, "", &["--"]), flags),
        (names(&operations, "", &METRICS), metrics),
    ] {
        assert!(!named.is_empty());
        let unknown: Vec<_> = named.difference(&there).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
