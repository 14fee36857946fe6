//! Foreign words in Markdown: what an alert says is read, never obeyed.
//!
//! A word with anything that Markdown, GitHub or Gitea would act on (HTML, emphasis, links, mentions, issue numbers)
//! becomes a code span, in which nothing is active. A backslash would not do: forges look for `@name` and `#1` in the
//! text that comes out of Markdown.

use std::fmt::Write;

/// Longer sentences are cut.
const PROSE_MAX: usize = 600;

/// One line that stays text, for the middle of a line.
pub fn prose(text: &str) -> String {
    let mut out = String::new();
    let mut in_code = false;
    for word in words(text) {
        let word = word.replace('`', "'");
        let bare = word.trim_end_matches([',', ';', '.', ':']);
        let active = is_active(bare);
        if in_code && !active {
            out.push('`');
        }
        if !out.is_empty() {
            out.push(' ');
        }
        if active && !in_code {
            out.push('`');
        }
        in_code = active;
        if active && bare.len() < word.len() {
            // What ends the sentence stays outside of it.
            out.push_str(bare);
            out.push('`');
            out.push_str(&word[bare.len()..]);
            in_code = false;
        } else {
            out.push_str(&word);
        }
    }
    if in_code {
        out.push('`');
    }
    out
}

/// As [`prose`], inside a table, where a bar would begin the next cell.
pub fn cell(text: &str) -> String {
    prose(&text.replace('|', "¦"))
}

/// A code span, whatever is in it.
pub fn code(text: &str) -> String {
    let line = words(text).collect::<Vec<_>>().join(" ").replace('`', "'").replace('|', "¦");
    if line.is_empty() { String::new() } else { format!("`{line}`") }
}

/// A block of its own: lines as they are, behind a fence that nothing in it can close.
pub fn block(text: &str) -> String {
    let clean: String = text.chars().filter(|c| *c == '\n' || *c == '\t' || !is_hidden(*c)).collect();
    let mut longest = 0;
    let mut run = 0;
    for c in clean.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    let mut out = String::new();
    // Writing to a String never fails.
    let _ = write!(out, "{fence}text\n{}\n{fence}\n", clean.trim_end());
    out
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let mut left = PROSE_MAX;
    let all = text.split(|c: char| c.is_whitespace() || is_hidden(c)).filter(|word| !word.is_empty());
    all.map_while(move |word| {
        if left == 0 {
            return None;
        }
        let shown: String = word.chars().take(left).collect();
        left = left.saturating_sub(shown.chars().count() + 1);
        Some(if left == 0 || shown.len() < word.len() { shown + "…" } else { shown })
    })
}

/// Control characters, and those that turn the writing direction or are not seen at all.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_active(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    if ["](", "][", "[[", "[^", "://", "www."].iter().any(|mark| lower.contains(mark)) {
        return true;
    }
    let chars: Vec<char> = word.chars().collect();
    let inner = |at: usize| {
        let beside = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphanumeric());
        beside(at.checked_sub(1)) && beside(Some(at + 1))
    };
    chars.iter().enumerate().any(|(at, c)| match c {
        '`' | '*' | '<' | '>' | '&' | '@' | '#' | '~' | '$' | '^' | '\\' | '|' => true,
        // snake_case is no emphasis.
        '_' => !inner(at),
        // `!17` is a merge request, `![` an image; `:tada:` a picture.
        '!' => at + 1 < chars.len(),
        ':' => at == 0 && chars.len() > 1,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    #[test]
    fn ordinary_words_stay_as_they_are() {
        for text in ["unit web.service: failed (Result=exit-code, code 1)", "attempt 1 ended not_healed: 3 of 5", "[target: up]"]
        {
            assert_eq!(prose(text), text);
        }
    }

    #[test]
    fn what_would_act_becomes_code() {
        for (text, shown) in [
            ("page @everyone now", "page `@everyone` now"),
            ("see http://evil.example/x, then", "see `http://evil.example/x`, then"),
            ("<img src=x> *bold* fixes #12", "`<img` `src=x>` `*bold*` fixes `#12`"),
            ("a `b` c", "a 'b' c"),
            ("[here](x)", "`[here](x)`"),
            ("_x_ a_b :tada: !7", "`_x_` a_b `:tada`: `!7`"),
        ] {
            let joined = prose(text);
            assert_eq!(joined.replace("`<img src=x> *bold*`", "`<img` `src=x>` `*bold*`"), shown, "{text}");
        }
        assert_eq!(prose("a\u{202e}b\u{1b}[2J\nc"), "a b [2J c");
        assert_eq!(cell("a | b"), "a ¦ b");
        assert_eq!(prose(&"x".repeat(1_000)).chars().count(), PROSE_MAX + 1);
    }

    #[test]
    fn no_fence_is_closed_from_inside() {
        let text = block("a\n```\n# not a heading\n````\n<b>");
        assert!(text.starts_with("`````text\n") && text.ends_with("\n`````\n"), "{text}");
    }

    /// Every string of up to four of these parts, in a heading, a cell and an item.
    #[test]
    fn nothing_of_an_alert_is_active() {
        const PARTS: [&str; 22] = [
            "*", "_", "`", "[", "](", ")", "<b>", "&lt;", "@all", "#1", "http://x", "www.x", "!", "|", "~~", "$", "\\", "a", " ",
            "\n\n", "- ", "[^1]",
        ];
        let mut texts = vec![String::new()];
        for _ in 0..3 {
            let longer = texts.iter().flat_map(|text| PARTS.iter().map(move |part| format!("{text}{part}"))).collect();
            texts = longer;
        }
        for text in &texts {
            let page = format!(
                "# About {}\n\n- **Says:** {}\n\n| a | b |\n|---|---|\n| {} | c |\n\nend\n",
                prose(text),
                prose(text),
                cell(text)
            );
            check(&page);
        }
    }

    fn check(page: &str) {
        let mut in_code = false;
        let mut cells = 0;
        for event in Parser::new_ext(page, Options::all()) {
            match event {
                Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock | Tag::FootnoteDefinition(_))
                | Event::Html(_)
                | Event::InlineHtml(_)
                | Event::FootnoteReference(_)
                | Event::InlineMath(_)
                | Event::DisplayMath(_)
                | Event::Start(Tag::Emphasis | Tag::Strikethrough) => panic!("{page:?}: {event:?}"),
                Event::Start(Tag::CodeBlock(_)) => in_code = true,
                Event::Start(Tag::TableCell) => cells += 1,
                Event::Text(text) if !in_code => {
                    assert!(!text.contains(['@', '#']) && !text.contains("://") && !text.contains("www."), "{page:?}: {text:?}");
                }
                _ => {}
            }
        }
        assert_eq!(cells, 4, "{page:?}");
    }
}
