//! Bytes that arrive in any pieces, taken out line by line.

use std::ops::Range;

/// Bytes that have come and are not read yet.
#[derive(Debug, Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Where the first line that was not taken begins.
    start: usize,
    /// Before where there is no end of a line.
    searched: usize,
}

/// A line without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than {0} bytes")]
pub struct LineTooLong(pub usize);

impl LineBuffer {
    /// Adds bytes.
    ///
    /// # Errors
    /// When the last line has more than `limit` bytes; whoever sends such lines cannot be followed.
    pub fn push(&mut self, bytes: &[u8], limit: usize) -> Result<(), LineTooLong> {
        self.bytes.drain(..self.start);
        self.searched = self.searched.saturating_sub(self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
        let pending = bytes.iter().rev().position(|byte| *byte == b'\n');
        let pending = pending.unwrap_or(self.bytes.len());
        if pending > limit {
            return Err(LineTooLong(limit));
        }
        Ok(())
    }

    /// The next whole line, without its end.
    pub fn next_line(&mut self) -> Option<&[u8]> {
        let line = self.find()?;
        self.bytes.get(line)
    }

    fn find(&mut self) -> Option<Range<usize>> {
        let unread = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(length) = unread.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.bytes.len();
            return None;
        };
        let end = self.searched + length;
        let line = self.start..end;
        self.start = end + 1;
        self.searched = self.start;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str], limit: usize) -> Result<Vec<String>, LineTooLong> {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for piece in pieces {
            buffer.push(piece.as_bytes(), limit)?;
            while let Some(line) = buffer.next_line() {
                lines.push(String::from_utf8(line.to_vec()).unwrap());
            }
        }
        Ok(lines)
    }

    #[test]
    fn lines_are_whole_however_they_are_cut() {
        let text = "one\ntwo\n\nthree\nrest";
        for cut in 1..text.len() {
            let pieces: Vec<_> = text.as_bytes().chunks(cut).collect();
            let pieces: Vec<_> = pieces.iter().map(|p| str::from_utf8(p).unwrap()).collect();
            assert_eq!(
                lines(&pieces, 100).unwrap(),
                ["one", "two", "", "three"],
                "{cut}"
            );
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        assert_eq!(lines(&["1234\n12345"], 5).unwrap(), ["1234"]);
        assert_eq!(lines(&["1234\n123", "456"], 5), Err(LineTooLong(5)));
    }
}
