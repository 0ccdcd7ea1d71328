//! The commands of a Markdown file and what they are said to print.
//!
//! A line of only `...` stands for any lines, and `...` within a line for any text.

/// A command and its output, as a `console` block of the file shows them.
pub(crate) struct Shown {
    pub(crate) command: String,
    pub(crate) output: Vec<String>,
}

/// Everything the `console` blocks of `markdown` show, in order.
pub(crate) fn shown(markdown: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    let mut within = false;
    let mut unfinished = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            within = line == "```console";
        } else if within && let Some(command) = line.strip_prefix("$ ") {
            unfinished = command.ends_with('\\');
            all.push(Shown {
                command: command.into(),
                output: Vec::new(),
            });
        } else if within && let Some(last) = all.last_mut() {
            if unfinished {
                unfinished = line.ends_with('\\');
                last.command = format!("{}\n{line}", last.command);
            } else {
                last.output.push(line.trim_end().into());
            }
        }
    }
    all
}

/// Whether `printed` is what was `shown`.
pub(crate) fn agrees(shown: &[String], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((any, rest)), _) if any == "..." => {
            (0..=printed.len()).any(|from| agrees(rest, &printed[from..]))
        }
        (Some(_), None) => false,
        (Some((line, rest)), Some((said, more))) => {
            line_agrees(line, said.trim_end()) && agrees(rest, more)
        }
    }
}

fn line_agrees(shown: &str, printed: &str) -> bool {
    let mut pieces = shown.split("...");
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        last = Some(piece);
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    // Text after the last piece is allowed only where the pattern ends with "...".
    rest.is_empty() || last.is_some_and(str::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_outputs_are_found() {
        let markdown = "x\n```console\n$ a \\\n  b\n1\n2\n$ c\n```\n$ d\n```sh\n$ e\n```\n";
        let found: Vec<_> = shown(markdown)
            .into_iter()
            .map(|s| (s.command, s.output))
            .collect();
        let expected = [
            ("a \\\n  b".into(), vec!["1".into(), "2".into()]),
            ("c".into(), vec![]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn dots_stand_for_what_differs() {
        for (shown, printed, expected) in [
            (&["a"][..], &["a"][..], true),
            (&["a"], &["a", "b"], false),
            (&["a", "..."], &["a"], true),
            (&["...", "b", "..."], &["a", "b", "c", "d"], true),
            (&["...", "e"], &["a", "b"], false),
            (&["from 127.0.0.1:..."], &["from 127.0.0.1:99"], true),
            (&["id: ... end"], &["id: 1 end"], true),
            (&["id: ... end"], &["id: 1 end."], false),
        ] {
            let shown: Vec<_> = shown.iter().map(ToString::to_string).collect();
            assert_eq!(agrees(&shown, printed), expected, "{shown:?} {printed:?}");
        }
    }
}
