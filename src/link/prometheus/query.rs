//! PromQL with values from outside: they become quoted matchers, and nothing else.

use crate::domain::target::cut;
use crate::domain::template::is_template;
use std::collections::BTreeMap;

/// A query as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query(String);

/// Where the matchers go.
const PLACE: &str = "$labels";
const QUERY_MAX: usize = 8 << 10;

// === impl Query ===

impl Query {
    /// `text` with each `$labels` replaced by the matchers of `labels`, as in `up{$labels}` or `up{mode="idle",$labels}`.
    ///
    /// # Errors
    /// What can't be built, and what would be right.
    pub fn new(text: &str, labels: &BTreeMap<String, String>) -> Result<Self, String> {
        Self::check(text, labels)?;
        let matchers: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        let matchers = matchers.join(",");
        let mut whole = String::new();
        for (piece, is_quoted) in pieces(text)? {
            match is_quoted {
                true => whole.push_str(piece),
                false => whole.push_str(&piece.replace(PLACE, &matchers)),
            }
        }
        Ok(Self(whole))
    }

    /// What can be checked before the templates of the labels' values are filled in.
    ///
    /// # Errors
    /// As [`Query::new`].
    pub fn check(text: &str, labels: &BTreeMap<String, String>) -> Result<(), String> {
        if text.trim().is_empty() {
            return Err("query is empty".to_owned());
        }
        if text.len() > QUERY_MAX {
            return Err(format!("query is longer than {QUERY_MAX} bytes"));
        }
        if is_template(text) {
            let help = "put the value under `labels:` and write `$labels` among the matchers, as in up{$labels}";
            return Err(format!("query holds a template: {help}"));
        }
        if let Some(name) = labels.keys().find(|name| !is_label(name)) {
            return Err(format!("{:?} is no label name: letters, digits and _", cut(name)));
        }
        let mut places = 0;
        for (piece, is_quoted) in pieces(text)? {
            if is_quoted && piece.contains(PLACE) {
                return Err("`$labels` stands inside of quotes: write it bare among the matchers, as in up{$labels}".to_owned());
            }
            for (at, _) in piece.match_indices(PLACE) {
                let before = piece.get(..at).unwrap_or_default().trim_end();
                let after = piece.get(at + PLACE.len()..).unwrap_or_default().trim_start();
                // A quoted matcher may stand before it: then a comma does.
                if !before.ends_with(['{', ',']) || !after.starts_with(['}', ',']) {
                    return Err("`$labels` belongs among the matchers, as in up{$labels}".to_owned());
                }
                places += 1;
            }
        }
        match (places, labels.is_empty()) {
            (0, false) => Err("labels are given, and the query has no place for them: write up{$labels}".to_owned()),
            (1.., true) => Err("the query has `$labels`, and none are given: write `labels: { job: web }`".to_owned()),
            _ => Ok(()),
        }
    }

    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The text in turn outside and inside of quotes. PromQL quotes as Go does; in backquotes nothing is escaped.
fn pieces(text: &str) -> Result<Vec<(&str, bool)>, String> {
    let mut pieces = Vec::new();
    let (mut start, mut quote, mut escaped) = (0, None, false);
    for (at, c) in text.char_indices() {
        match quote {
            None if matches!(c, '"' | '\'' | '`') => {
                pieces.push((&text[start..at], false));
                (start, quote) = (at, Some(c));
            }
            // To the end of the line it is no query, and quotes in it are none.
            None if c == '#' => return Err("query holds a comment: leave it out".to_owned()),
            None => {}
            Some(_) if escaped => escaped = false,
            Some(open) if c == '\\' && open != '`' => escaped = true,
            Some(open) if c == open => {
                let end = at + c.len_utf8();
                pieces.push((&text[start..end], true));
                (start, quote) = (end, None);
            }
            Some(_) => {}
        }
    }
    if let Some(open) = quote {
        return Err(format!("query: a quote {open} is not closed"));
    }
    pieces.push((&text[start..], false));
    Ok(pieces)
}

fn is_label(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// As Go quotes: <https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals>.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, labels: &[(&str, &str)]) -> Result<String, String> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Query::new(text, &labels).map(|query| query.0)
    }

    #[test]
    fn values_become_quoted_matchers() {
        for (text, labels, whole) in [
            ("up{$labels}", &[("job", "web")][..], "up{job=\"web\"}"),
            ("up{ $labels }", &[("job", "a\"} or vector(1) #")], "up{ job=\"a\\\"} or vector(1) #\" }"),
            (
                "a{x=\"y\", $labels} / b{$labels,z='1'}",
                &[("b", "\\"), ("a", "\n\u{1}")],
                "a{x=\"y\", a=\"\\n\\u0001\",b=\"\\\\\"} / b{a=\"\\n\\u0001\",b=\"\\\\\",z='1'}",
            ),
            ("vector(1)", &[], "vector(1)"),
            (
                "label_replace(up, \"a\", \"$1\", \"b\", \"\\\"(.*)\")",
                &[],
                "label_replace(up, \"a\", \"$1\", \"b\", \"\\\"(.*)\")",
            ),
        ] {
            assert_eq!(query(text, labels).as_deref(), Ok(whole));
        }
    }

    #[test]
    fn what_could_be_read_otherwise_is_refused() {
        let job = &[("job", "x")][..];
        for (text, labels, part) in [
            ("up{job=\"{{ labels.job }}\"}", &[][..], "holds a template"),
            ("up{job=\"$labels\"}", job, "inside of quotes"),
            ("up{job=`\\`, $labels, x=`$labels`}", job, "inside of quotes"),
            ("up * $labels", job, "among the matchers"),
            ("up{$labelsx}", job, "among the matchers"),
            ("up", job, "no place for them"),
            ("up{$labels}", &[], "none are given"),
            ("up{$labels}", &[("a-b", "x")], "no label name"),
            ("up{$labels} # '", job, "a comment"),
            ("up{a=\"b}", &[], "not closed"),
            (" ", &[], "empty"),
        ] {
            let error = query(text, labels).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
