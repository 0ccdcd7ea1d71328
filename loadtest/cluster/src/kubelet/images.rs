//! What runs for an image: a table from a part of the image's name to a program of this machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    part: String,
    words: Vec<String>,
}

impl FromStr for Image {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?}: write IMAGE=PROGRAM ARG..., such as echo=/bin/server {{ARGS}}");
        let (part, command) = text.split_once('=').ok_or_else(wrong)?;
        let words: Vec<_> = command.split_whitespace().map(String::from).collect();
        let part = part.to_owned();
        (!words.is_empty())
            .then_some(Self { part, words })
            .ok_or_else(wrong)
    }
}

/// The table: the longest part that is in an image's name wins, and of two the same the later one.
///
/// In a program's words `{POD_IP}`, `{POD_NAME}`, `{POD_NAMESPACE}` and `{PORT}`, the first port of
/// the container, are replaced. The word `{ARGS}` stands for the container's arguments, `{COMMAND}`
/// for its command and arguments.
#[derive(Clone, Debug, Default)]
pub struct Images {
    table: Vec<Image>,
}

impl Images {
    /// The images of this repository's manifests as the programs of its build in `folder`.
    pub fn built_in(folder: &Path) -> Self {
        let row = |image: &str, program: &str, arguments: &[&str]| Image {
            part: image.into(),
            words: [folder.join(program).to_string_lossy().into_owned()]
                .into_iter()
                .chain(arguments.iter().map(ToString::to_string))
                .collect(),
        };
        let echo = ["serve", "--listen", "[::]:{PORT}={POD_NAME}", "{ARGS}"];
        let table = vec![
            row("portreeve-echo", "portreeve-loadtest", &echo),
            row("portreeve-controller", "portreeve-controller", &["{ARGS}"]),
            row("portreeve-proxy", "portreeve-proxy", &["{ARGS}"]),
            row("portreeve-admission", "portreeve-admission", &["{ARGS}"]),
        ];
        Self { table }
    }

    /// This table with more rows, which win over those it has.
    pub fn with(mut self, more: Vec<Image>) -> Self {
        self.table.extend(more);
        self
    }

    /// The program for an image and its arguments, or nothing if the table has none.
    pub(crate) fn command(
        &self,
        image: &str,
        command: &[String],
        arguments: &[String],
        values: &BTreeMap<&str, String>,
    ) -> Option<Vec<String>> {
        let rows = self.table.iter().filter(|row| image.contains(&row.part));
        let row = rows.max_by_key(|row| row.part.len())?;
        let mut words = Vec::new();
        for word in &row.words {
            match word.as_str() {
                "{ARGS}" => words.extend_from_slice(arguments),
                "{COMMAND}" => words.extend(command.iter().chain(arguments).cloned()),
                word => words.push(replace(word, values)),
            }
        }
        (!words.is_empty()).then_some(words)
    }
}

fn replace(word: &str, values: &BTreeMap<&str, String>) -> String {
    values.iter().fold(word.to_owned(), |word, (name, value)| {
        word.replace(&format!("{{{name}}}"), value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(rows: &[&str], image: &str) -> Option<Vec<String>> {
        let rows = rows.iter().map(|row| row.parse().unwrap()).collect();
        let images = Images::default().with(rows);
        let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        let values = BTreeMap::from([("PORT", "80".into()), ("POD_IP", "10.0.0.1".into())]);
        images.command(image, &words("/entry run"), &words("--a --b"), &values)
    }

    #[test]
    fn the_longest_part_wins_and_then_the_later_row() {
        let rows = ["echo=one", "example/echo=two", "=three", "echo=four"];
        assert_eq!(command(&rows, "example/echo:1"), Some(vec!["two".into()]));
        assert_eq!(command(&rows, "other/echo:1"), Some(vec!["four".into()]));
        assert_eq!(command(&rows, "busybox"), Some(vec!["three".into()]));
        assert_eq!(command(&["echo=one"], "busybox"), None);
    }

    #[test]
    fn placeholders_are_replaced_within_words_and_by_words() {
        let said = |row| command(&[row], "x").unwrap().join(" ");
        assert_eq!(said("=p {POD_IP}:{PORT} {ARGS}"), "p 10.0.0.1:80 --a --b");
        assert_eq!(said("={COMMAND}"), "/entry run --a --b");
        assert_eq!(said("=p {UNKNOWN}"), "p {UNKNOWN}");
    }

    #[test]
    fn a_row_without_a_program_is_refused() {
        for text in ["echo", "echo=", "echo= "] {
            assert!(text.parse::<Image>().is_err(), "{text}");
        }
    }
}
