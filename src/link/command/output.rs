//! What a program writes: its beginning and its end are kept, however much it is.

use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// For each of the two.
    half: usize,
    written: u64,
    is_open: bool,
}

// === impl Output ===

impl Output {
    pub fn new(max: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), half: max / 2, written: 0, is_open: true }
    }

    pub fn is_open(&self) -> bool {
        self.is_open
    }

    pub fn close(&mut self) {
        self.is_open = false;
    }

    pub fn written(&self) -> u64 {
        self.written
    }

    pub fn take(&mut self, bytes: &[u8]) {
        self.written += bytes.len() as u64;
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..over);
    }

    /// Clean for a message: no control character but newline and tab.
    pub fn text(mut self) -> String {
        let kept = (self.head.len() + self.tail.len()) as u64;
        let head = String::from_utf8_lossy(&self.head).into_owned();
        let tail = String::from_utf8_lossy(self.tail.make_contiguous()).into_owned();
        let between = match self.written.saturating_sub(kept) {
            0 => String::new(),
            left_out => format!("\n… {left_out} bytes left out …\n"),
        };
        let clean = |c: char| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c };
        format!("{head}{between}{tail}").chars().map(clean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_left_out() {
        let mut output = Output::new(8);
        for piece in ["abc", "defgh", "ijklmnop"] {
            output.take(piece.as_bytes());
        }
        assert_eq!(output.written(), 16);
        assert_eq!(output.text(), "abcd\n… 8 bytes left out …\nmnop");
        let mut short = Output::new(8);
        short.take(b"a\x1b[1mb\n");
        assert_eq!(short.text(), "a [1mb\n");
    }
}
