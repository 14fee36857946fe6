//! Log lines as evidence: short, clean, and without the secrets that programs print by mistake.

use regex::Regex;
use std::sync::LazyLock;

/// So much of the end is kept with an incident and in the journal, in bytes.
pub const KEPT_MAX: usize = 4 * 1_024;

/// Stands for what was taken out.
pub const REDACTED: &str = "[redacted]";

/// What looks like a secret, and what stays of it. It finds the obvious: whoever logs secrets must stop doing so.
const SECRETS: [(&str, &str); 6] = [
    (r"(?is)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)", REDACTED),
    // The rest of the line: a header's value may hold several words.
    (r"(?im)\b(authorization|cookie|set-cookie)(['\x22]?\s*[:=])[^\n]*", "${1}${2} [redacted]"),
    (r"(?i)\b(bearer|basic)\s+[a-z0-9+/._~=-]{6,}", "${1} [redacted]"),
    (
        r#"(?i)((?:passwd|password|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)['"]?\s*[:=]\s*)(?:"[^"\n]*"?|'[^'\n]*'?|[^\s,;&'"})\]]+)"#,
        "${1}[redacted]",
    ),
    (r"(?i)([a-z][a-z0-9+.-]*://)[^\s/@]+:[^\s/@]+@", "${1}[redacted]@"),
    // Known by their form: JSON web tokens, bots of Telegram, GitHub, Slack, AWS.
    (r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?|\b\d{8,10}:[\w-]{35}\b|\b(?:gh[pousr]_|xox[abprs]-|AKIA)[\w-]{12,}", REDACTED),
];

static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    // A test proves that each of them is one.
    SECRETS.iter().filter_map(|(pattern, stays)| Some((Regex::new(pattern).ok()?, *stays))).collect()
});

/// What passwords, tokens and keys look like is taken out.
pub fn redact(text: &str) -> String {
    PATTERNS.iter().fold(text.to_owned(), |text, (pattern, stays)| match pattern.replace_all(&text, *stays) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(redacted) => redacted,
    })
}

/// Lines without colours, control characters and characters that turn the writing direction.
pub fn clean(text: &str) -> String {
    static COLOUR: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\x1b\[[0-9;?]*[ -/]*[@-~]").ok());
    let plain = COLOUR.as_ref().map_or_else(|| text.into(), |colour| colour.replace_all(text, ""));
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let shown = plain.chars().filter_map(|c| match c {
        '\n' => Some('\n'),
        '\t' => Some(' '),
        c if hidden(c) => None,
        c => Some(c),
    });
    shown.collect::<String>().trim_end().to_owned()
}

/// The end of it, from the beginning of a line where there is one, in at most `max` bytes.
pub fn end(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let from = (text.len() - max..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let tail = &text[from..];
    match tail.split_once('\n') {
        // It began within a line: half of one would mislead.
        Some((_, rest)) if !rest.is_empty() && !text[..from].ends_with('\n') => rest,
        _ => tail,
    }
}

/// The last `count` lines, for the middle of a text with fences of its own.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n").replace("```", "'''")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obvious_secrets_are_taken_out() {
        assert_eq!(PATTERNS.len(), SECRETS.len());
        for (text, shown) in [
            ("GET / Authorization: Basic dXNlcjpwYXNz more", "GET / Authorization: [redacted]"),
            (r#"{"authorization":"Token abc", "x":1}"#, r#"{"authorization": [redacted]"#),
            ("sent Bearer abcdef.ghi-123", "sent Bearer [redacted]"),
            ("login password=hunter2, user=ann", "login password=[redacted], user=ann"),
            ("DB_PASSWORD = 'two words' next", "DB_PASSWORD = [redacted] next"),
            (r#"{"api_key":"k","n":2}"#, r#"{"api_key":[redacted],"n":2}"#),
            ("GET /hook?token=s3cret&x=1", "GET /hook?token=[redacted]&x=1"),
            ("postgres://app:pw@db/x", "postgres://[redacted]@db/x"),
            ("bot 123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "bot [redacted]"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nafter", "[redacted]\nafter"),
            ("-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted]"),
        ] {
            assert_eq!(redact(text), shown, "{text}");
        }
        for text in ["unit web.service failed", "basic auth is off", "took 12 ms: status 500", "http://web.example/a@b"] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn lines_are_clean_and_the_end_is_kept() {
        assert_eq!(clean("\u{1b}[31mred\u{1b}[0m\tx\r\n\u{202e}y\u{7}\n\n"), "red x\ny");
        assert_eq!((end("one\ntwo\nthree", 7), end("one\ntwo", 99), end("ää", 3)), ("three", "one\ntwo", "ä"));
        assert_eq!(end("one\ntwo\n", 4), "two\n", "a whole line stays whole");
        assert_eq!(last_lines("a\nb\n```\nc", 2), "'''\nc");
    }
}
