//! Text as Telegram's [HTML](https://core.telegram.org/bots/api#html-style): whatever it holds, it stays text.
//!
//! Every tag is opened and closed by one call, so that a page is valid wherever it ends.

use crate::link::telegram::TEXT_MAX;

/// A message in the making: never longer than Telegram takes.
#[derive(Debug)]
pub struct Page {
    html: String,
    /// UTF-16 units that still fit; what tags and entities take does not count.
    left: usize,
    is_cut: bool,
    hint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Bold,
    Italic,
    /// A block to be copied as it stands.
    Block,
}

/// Raw text longer than this is cut by Telegram before it parses it; nobody needs such a link.
const URL_MAX: usize = 2_000;
/// How far back a better place for the cut is looked for.
const LOOK_BACK: usize = 200;

// === impl Page ===

impl Page {
    /// `hint`: where the rest can be read; it is shown only where something was cut.
    pub fn new(hint: &str) -> Self {
        let hint = format!("\n… {hint}");
        Self { html: String::new(), left: TEXT_MAX.saturating_sub(length(&hint)), is_cut: false, hint }
    }

    #[must_use]
    pub fn add(mut self, style: Style, text: &str) -> Self {
        let (open, close) = match style {
            Style::Plain => ("", ""),
            Style::Bold => ("<b>", "</b>"),
            Style::Italic => ("<i>", "</i>"),
            Style::Block => ("<pre>", "</pre>"),
        };
        let text = if style == Style::Block { bare(text) } else { mute(text) };
        self.push(open, &text, close);
        self
    }

    /// A link where the URL can be one; else the text alone.
    #[must_use]
    pub fn link(mut self, text: &str, url: &str) -> Self {
        if url.len() <= URL_MAX {
            self.push(&format!("<a href=\"{}\">", escape(&bare(url))), &mute(text), "</a>");
            return self;
        }
        self.add(Style::Plain, text)
    }

    pub fn finish(mut self) -> String {
        if self.is_cut {
            self.html.push_str(&escape(&self.hint));
        }
        self.html
    }

    fn push(&mut self, open: &str, text: &str, close: &str) {
        if self.is_cut || text.is_empty() {
            return;
        }
        let (fits, is_cut) = cut(text, self.left);
        self.is_cut = is_cut;
        if !fits.is_empty() {
            self.left -= length(fits);
            self.html.push_str(open);
            self.html.push_str(&escape(fits));
            self.html.push_str(close);
        }
    }
}

/// Without markup, at most as long as Telegram takes; what is cut ends with the hint.
pub fn plain(text: &str, hint: &str) -> String {
    let text = mute(text);
    let hint = format!("\n… {hint}");
    match cut(&text, TEXT_MAX) {
        (whole, false) => whole.to_owned(),
        _ => format!("{}{hint}", cut(&text, TEXT_MAX.saturating_sub(length(&hint))).0),
    }
}

/// The four characters that mean something in HTML.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Telegram makes mentions, commands and links out of what looks like them; alerts must not ring anybody, and a finger
/// must not send `/pause`. A word joiner, which is not seen, keeps them text.
fn mute(text: &str) -> String {
    const JOINER: char = '\u{2060}';
    let text = bare(text);
    let mut muted = String::with_capacity(text.len());
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        muted.push(c);
        let rest = &text[at + c.len_utf8()..];
        let is_scheme = || {
            let tail = text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            tail.eq_ignore_ascii_case("tg") || tail.eq_ignore_ascii_case("ton")
        };
        let looks_alive = match c {
            '@' => true,
            '/' => {
                !before.is_alphanumeric()
                    && !matches!(before, '/' | '<' | '>')
                    && rest.starts_with(|c: char| c.is_ascii_alphabetic())
            }
            ':' => rest.starts_with("//") && is_scheme(),
            _ => false,
        };
        if looks_alive {
            muted.push(JOINER);
        }
        before = c;
    }
    muted
}

/// Without what moves a terminal's cursor.
fn bare(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

/// As Telegram counts.
fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The part that fits, and whether something was cut: best after a line, then after a word.
fn cut(text: &str, max: usize) -> (&str, bool) {
    let mut length = 0;
    let Some((end, _)) = text.char_indices().find(|(_, c)| {
        length += c.len_utf16();
        length > max
    }) else {
        return (text, false);
    };
    let fits = &text[..end];
    let near = |found: Option<usize>| found.filter(|at| end - at <= LOOK_BACK);
    let at = near(fits.rfind('\n')).or_else(|| near(fits.rfind(' '))).unwrap_or(end);
    (&fits[..at], true)
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
