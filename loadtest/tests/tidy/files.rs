//! The files of the repository, as git knows them, new ones included.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A text file: its path from the root, and its content.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every text file that is committed, or would be.
pub(crate) fn all() -> Vec<File> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root());
    let listed = git.output().unwrap();
    assert!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let paths = String::from_utf8(listed.stdout).unwrap();
    // What is not text has nothing to check, and what is listed may just have been deleted.
    let read = |path: &str| {
        let text = fs::read_to_string(root().join(path)).ok()?;
        Some(File {
            path: path.into(),
            text,
        })
    };
    paths.lines().filter_map(read).collect()
}

/// The files whose name ends with `ending`.
pub(crate) fn ending(ending: &str) -> Vec<File> {
    let mut files = all();
    files.retain(|file| file.path.ends_with(ending));
    files
}

impl File {
    /// Whether it belongs to the product: not a test, and not what stands around it.
    pub(crate) fn is_product(&self) -> bool {
        let source = self.path.ends_with(".rs") && self.path.contains("src/");
        source && !self.path.starts_with("loadtest/")
    }

    /// The text before its unit tests.
    pub(crate) fn code(&self) -> &str {
        self.text
            .split("#[cfg(test)]\nmod ")
            .next()
            .unwrap_or_default()
    }

    /// The lines before its unit tests that hold `word` and are no comment.
    pub(crate) fn lines_with<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        let lines = self.code().lines().map(str::trim);
        lines.filter(move |line| line.contains(word) && !line.starts_with("//"))
    }
}
