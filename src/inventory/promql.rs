//! Selectors with names from outside in them. The only place where such a name becomes PromQL or a template.

use std::fmt;

/// `metric{label="value"}`, or `=~`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    metric: &'static str,
    /// Label, operator, value.
    matchers: Vec<(&'static str, &'static str, String)>,
}

// === impl Selector ===

impl Selector {
    /// `metric` is a literal of this program.
    pub fn of(metric: &'static str) -> Self {
        Self { metric, matchers: Vec::new() }
    }

    /// `label` is a literal of this program, `value` anything.
    #[must_use]
    pub fn with(mut self, label: &'static str, value: &str) -> Self {
        self.matchers.push((label, "=", value.to_owned()));
        self
    }

    /// `pattern`: a regular expression; a name in it must be [`literal`].
    #[must_use]
    pub fn matching(mut self, label: &'static str, pattern: &str) -> Self {
        self.matchers.push((label, "=~", pattern.to_owned()));
        self
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric)?;
        for (index, (label, operator, value)) in self.matchers.iter().enumerate() {
            write!(f, "{}{label}{operator}{}", if index == 0 { '{' } else { ',' }, Quoted(value))?;
        }
        if self.matchers.is_empty() { Ok(()) } else { f.write_str("}") }
    }
}

/// A name as a piece of a regular expression, where it means itself.
pub fn literal(name: &str) -> String {
    regex::escape(name)
}

/// A double-quoted string, by the rules of Go's `strconv.Unquote`, which Prometheus reads it with.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if hidden(c) => write!(f, "\\U{:08x}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

/// What no person sees in a file, or sees at the wrong place.
pub fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text for a label or an annotation, both of which Prometheus expands as Go templates: each `{` of it stays one.
///
/// Every brace, not only the double ones: what is put in front of it might end with another.
pub fn escape(text: &str) -> String {
    text.replace('{', r#"{{ "{" }}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_as_go_reads_them() {
        let quoted = |value: &str| Selector::of("up").with("host", value).to_string();
        assert_eq!(Selector::of("up").to_string(), "up");
        assert_eq!(Selector::of("up").with("job", "node").with("host", "a").to_string(), r#"up{job="node",host="a"}"#);
        assert_eq!(quoted(r#"a"} or vector(1) #"#), r#"up{host="a\"} or vector(1) #"}"#);
        assert_eq!(quoted(r"dev-x\x2dy"), r#"up{host="dev-x\\x2dy"}"#);
        assert_eq!(quoted("a\nb\tc\r"), r#"up{host="a\nb\tc\r"}"#);
        assert_eq!(quoted("büro ☂ 東京"), "up{host=\"büro ☂ 東京\"}");
        assert_eq!(quoted("a\u{202e}b\u{0}\u{85}"), r#"up{host="a\U0000202eb\U00000000\U00000085"}"#);
    }

    #[test]
    fn a_name_in_a_pattern_means_itself() {
        let pattern = format!("{}|b", literal("a.*"));
        assert_eq!(Selector::of("up").matching("job", &pattern).to_string(), r#"up{job=~"a\\.\\*|b"}"#);
    }

    #[test]
    fn braces_stay_braces() {
        assert_eq!(escape("plain }} text"), "plain }} text");
        assert_eq!(escape("{{ query \"up\" }}"), r#"{{ "{" }}{{ "{" }} query "up" }}"#);
    }
}
