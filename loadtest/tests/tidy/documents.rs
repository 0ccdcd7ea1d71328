//! What documents and other committed files must keep to.

use std::fs;

use super::files::{self, File};

/// Places that exist only on somebody's machine. Written in two parts, so as not to find itself.
const MACHINES: [&str; 5] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("sparse+", "http"),
];

#[test]
fn nothing_committed_names_a_machine() {
    for file in files::all() {
        for place in MACHINES {
            let found = file.text.lines().find(|line| line.contains(place));
            assert!(
                found.is_none(),
                "{}: {}",
                file.path,
                found.unwrap_or_default()
            );
        }
    }
}

#[test]
fn text_ends_with_one_line_break_and_has_no_trailing_space() {
    for file in files::all() {
        // Golden files may show what a program really printed.
        let checked = [".rs", ".md", ".sh", ".toml", ".yaml"]
            .iter()
            .any(|e| file.path.ends_with(e));
        if checked && !file.path.contains("/golden/") {
            let trailing = file
                .text
                .lines()
                .position(|line| line.ends_with([' ', '\t']));
            let path = &file.path;
            assert_eq!(
                trailing.map(|n| n + 1),
                None,
                "{path}: a line ends with a space"
            );
            assert!(
                file.text.ends_with('\n') && !file.text.ends_with("\n\n"),
                "{path}: its end"
            );
        }
    }
}

/// A link within the repository leads to a file.
#[test]
fn no_link_is_broken() {
    for file in files::ending(".md") {
        let folder = files::root().join(&file.path);
        let targets = file
            .text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|target| !target.contains("://") && !target.is_empty()) {
            let there = folder.parent().unwrap().join(target).exists();
            assert!(there, "{}: {target} does not exist", file.path);
        }
    }
}

/// One sentence a line: a change to one sentence is a change to one line.
#[test]
fn markdown_has_one_sentence_a_line() {
    for file in files::ending(".md") {
        let mut code = false;
        for (number, line) in file.text.lines().enumerate() {
            code ^= line.trim_start().starts_with("```");
            if !code && !line.starts_with('|') && !line.starts_with("    ") {
                let two = two_sentences(line);
                assert!(
                    !two,
                    "{}, line {}: two sentences\n{line}",
                    file.path,
                    number + 1
                );
            }
        }
    }
}

/// A full stop, a space and a capital letter, after a word of some length: "e.g. A" is one
/// sentence.
fn two_sentences(line: &str) -> bool {
    let mut ends = line.match_indices(". ");
    ends.any(|(at, _)| {
        let (before, after) = line.split_at(at);
        let word = before
            .rsplit(|c: char| !c.is_alphabetic())
            .next()
            .unwrap_or_default();
        let next = after.chars().nth(2).is_some_and(char::is_uppercase);
        next && word.chars().count() > 2 && word != "etc"
    })
}

/// The invariants of ARCHITECTURE.md are a numbered list under a heading with that word, and each
/// names in backticks what holds it: a test's function, a lint, or an entry of a .toml file. Names
/// of several words must all exist: a test that was renamed takes its invariant along.
#[test]
fn every_invariant_names_what_holds_it() {
    let text = fs::read_to_string(files::root().join("ARCHITECTURE.md")).unwrap();
    let sources = files::all();
    let invariants = invariants(&text);
    assert!(
        !invariants.is_empty(),
        "ARCHITECTURE.md has no list of invariants"
    );
    for invariant in invariants {
        let names: Vec<_> = invariant.split('`').skip(1).step_by(2).collect();
        let held = names.iter().any(|name| holds(&sources, name));
        assert!(held, "no test or lint of that name exists: {invariant}");
        for name in names.iter().filter(|name| name.matches('_').count() > 1) {
            assert!(holds(&sources, name), "{name} does not exist: {invariant}");
        }
    }
}

/// The items, each with its continuation lines.
fn invariants(text: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let lines = text.lines().skip_while(|line| !is_heading(line)).skip(1);
    for line in lines.take_while(|line| !line.starts_with('#')) {
        let numbered = line
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .starts_with(". ");
        match items.last_mut() {
            _ if numbered => items.push(line.into()),
            Some(item) => *item = format!("{item}\n{line}"),
            None => {}
        }
    }
    items
}

fn is_heading(line: &str) -> bool {
    line.starts_with('#') && line.to_lowercase().contains("invariant")
}

fn holds(sources: &[File], name: &str) -> bool {
    let function = format!("fn {}(", name.rsplit("::").next().unwrap_or(name));
    sources.iter().any(|file| {
        let test = file.path.ends_with(".rs") && file.text.contains(&function);
        test || (file.path.ends_with(".toml") && file.text.contains(name))
    })
}

#[test]
fn the_rules_themselves_work() {
    for (line, two) in [
        ("One sentence. Another one.", true),
        ("One sentence, e.g. This one.", false),
        ("Version 1.2. Next", false),
        ("It ends here.", false),
    ] {
        assert_eq!(two_sentences(line), two, "{line}");
    }
    let text = "# A\n1. no\n## Invariants\nText.\n1. One `a`\n   more `b`\n2. Two\n## B\n3. no";
    assert_eq!(invariants(text), ["1. One `a`\n   more `b`", "2. Two"]);
}
