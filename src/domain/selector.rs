//! Alertmanager's matchers: `name="value"`, `!=`, `=~`, `!~`; a missing label equals the empty string.

use super::alert::Labels;
use regex::Regex;
use std::fmt;

/// All matchers must hold. Never empty: an empty one would match everything.
#[derive(Clone, Debug)]
pub struct Selector(Vec<Matcher>);

#[derive(Clone, Debug)]
pub struct Matcher {
    pub name: String,
    pub test: Test,
    text: String,
}

#[derive(Clone, Debug)]
pub enum Test {
    Equal(String),
    NotEqual(String),
    /// Anchored at both ends, as in Prometheus.
    Matches(Regex),
    NotMatches(Regex),
}

// === impl Selector ===

impl Selector {
    /// # Errors
    /// Names the matcher that can't be read, or says that there is none.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, String> {
        let mut matchers = Vec::new();
        for text in texts {
            matchers.extend(parse_list(text.as_ref())?);
        }
        if matchers.is_empty() {
            return Err("no matcher: it would match every alert".to_owned());
        }
        if matchers.iter().all(|matcher| matcher.holds("")) {
            return Err(format!("{} also matches an alert without labels", Selector(matchers)));
        }
        Ok(Self(matchers))
    }

    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| matcher.holds(labels.get(&matcher.name).map_or("", String::as_str)))
    }

    /// The matchers that do not hold: the reasons why a playbook was not taken.
    pub fn misses(&self, labels: &Labels) -> impl Iterator<Item = &Matcher> {
        self.0.iter().filter(|matcher| !matcher.holds(labels.get(&matcher.name).map_or("", String::as_str)))
    }

    /// The matchers that can't hold for an alert of which only these labels are known: what is not among them may
    /// have any value.
    pub fn contradicted_by(&self, known: &Labels) -> impl Iterator<Item = &Matcher> {
        self.0.iter().filter(|matcher| known.get(&matcher.name).is_some_and(|value| !matcher.holds(value)))
    }

    /// Whether one of the matchers is about this label.
    pub fn asks_for(&self, name: &str) -> bool {
        self.0.iter().any(|matcher| matcher.name == name)
    }

    /// A label set that both certainly match, or None where that can't be shown: where they exclude each other, and
    /// where a regular expression would have to be solved. Labels are independent of each other, so one is found for
    /// each by trying the values that the matchers name, none at all, and one that nobody names.
    pub fn common(&self, other: &Self) -> Option<Labels> {
        let both = || self.0.iter().chain(&other.0);
        let mut labels = Labels::new();
        for name in both().map(|matcher| &matcher.name) {
            let here = || both().filter(|matcher| matcher.name == *name);
            let named = here().filter_map(|matcher| matcher.test.words()).flatten();
            let value = named.chain(["", "any"]).find(|value| here().all(|matcher| matcher.holds(value)))?;
            if !value.is_empty() {
                labels.insert(name.clone(), value.to_owned());
            }
        }
        Some(labels)
    }

    /// All values that `alertname` may have, if one matcher lists them (`="A"`, `=~"A|B"`); else none. The index over
    /// playbooks rests on it.
    pub fn alertnames(&self) -> Vec<&str> {
        let named = self.0.iter().filter(|matcher| matcher.name == "alertname");
        named.filter_map(|matcher| matcher.test.words()).next().unwrap_or_default()
    }
}

/// The same text is the same selector; another text for the same is another.
impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        let texts = |selector: &Self| selector.0.iter().map(|matcher| matcher.text.clone()).collect::<Vec<_>>();
        texts(self) == texts(other)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, matcher) in self.0.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, matcher.text)?;
        }
        Ok(())
    }
}

// === impl Test ===

impl Test {
    /// What it is equal to, where it is no more than a list of plain words.
    fn words(&self) -> Option<Vec<&str>> {
        let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-:".contains(c));
        match self {
            Self::Equal(value) => (!value.is_empty()).then(|| vec![value.as_str()]),
            Self::Matches(regex) => {
                let words: Vec<&str> = regex.as_str().strip_prefix("^(?s:")?.strip_suffix(")$")?.split('|').collect();
                words.iter().all(|word| plain(word)).then_some(words)
            }
            Self::NotEqual(_) | Self::NotMatches(_) => None,
        }
    }
}

// === impl Matcher ===

impl Matcher {
    fn holds(&self, value: &str) -> bool {
        match &self.test {
            Test::Equal(wanted) => value == wanted,
            Test::NotEqual(unwanted) => value != unwanted,
            Test::Matches(regex) => regex.is_match(value),
            Test::NotMatches(regex) => !regex.is_match(value),
        }
    }

    fn new(name: &str, operator: &str, value: &str, text: &str) -> Result<Self, String> {
        let compile = |pattern: &str| {
            Regex::new(pattern).map_err(|error| format!("matcher {text:?}: the regular expression is wrong: {error}"))
        };
        // Compiled alone first: `a)|(b` would slip out of its anchors.
        let anchored = |value: &str| compile(value).and_then(|_| compile(&format!("^(?s:{value})$")));
        let test = match operator {
            "=" => Test::Equal(value.to_owned()),
            "!=" => Test::NotEqual(value.to_owned()),
            "=~" => Test::Matches(anchored(value)?),
            _ => Test::NotMatches(anchored(value)?),
        };
        Ok(Self { name: name.to_owned(), test, text: text.trim().to_owned() })
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One matcher, a list `a="b", c=~"d"`, or the same in braces.
fn parse_list(text: &str) -> Result<Vec<Matcher>, String> {
    let inner = text.trim();
    let inner = match (inner.strip_prefix('{'), inner.ends_with('}')) {
        (Some(rest), true) => &rest[..rest.len() - 1],
        (None, false) => inner,
        _ => return Err(format!("matcher {text:?}: a brace is missing")),
    };
    let mut matchers = Vec::new();
    let mut rest = inner.trim_start();
    while !rest.is_empty() {
        let (matcher, after) = parse_one(rest, text)?;
        matchers.push(matcher);
        rest = after.trim_start();
        if let Some(after_comma) = rest.strip_prefix(',') {
            rest = after_comma.trim_start();
        } else if !rest.is_empty() {
            return Err(format!("matcher {text:?}: a comma is missing before {rest:?}"));
        }
    }
    Ok(matchers)
}

fn parse_one<'a>(rest: &'a str, whole: &str) -> Result<(Matcher, &'a str), String> {
    let start = rest;
    let (name, rest) = take_word(rest, "=!~,}\" \t", whole)?;
    if name.is_empty() {
        return Err(format!("matcher {whole:?}: a label name is missing"));
    }
    let rest = rest.trim_start();
    let operator = ["=~", "!~", "!=", "="]
        .into_iter()
        .find(|operator| rest.starts_with(operator))
        .ok_or_else(|| format!("matcher {whole:?}: after {name:?} one of = != =~ !~ is missing"))?;
    let rest = rest[operator.len()..].trim_start();
    let (value, after) = take_word(rest, ",}", whole)?;
    let matcher = Matcher::new(&name, operator, &value, &start[..start.len() - after.len()])?;
    Ok((matcher, after))
}

/// A quoted text with `\"`, `\\` and `\n`, or a bare word up to one of `ends`.
fn take_word<'a>(rest: &'a str, ends: &str, whole: &str) -> Result<(String, &'a str), String> {
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find(|c| ends.contains(c)).unwrap_or(rest.len());
        return Ok((rest[..end].trim_end().to_owned(), &rest[end..]));
    };
    let mut word = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((word, &quoted[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => word.push('\n'),
                Some((_, escaped @ ('"' | '\\'))) => word.push(escaped),
                // Regular expressions are full of backslashes; Alertmanager keeps the unknown ones too.
                Some((_, other)) => word.extend(['\\', other]),
                None => break,
            },
            other => word.push(other),
        }
    }
    Err(format!("matcher {whole:?}: a closing quote is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn matchers_hold_as_in_alertmanager() {
        let down = labels(&[("alertname", "OllamaDown"), ("reason", "oom")]);
        for (text, holds) in [
            (r#"alertname="OllamaDown""#, true),
            (r#"alertname=OllamaDown"#, true),
            (r#"alertname="Ollama""#, false),
            (r#"alertname=~"Ollama""#, false), // anchored
            (r#"alertname=~"Ollama.*|X""#, true),
            (r#"alertname=~"(?i)ollamadown""#, true),
            (r#"{alertname="OllamaDown", reason=~"oom|exit-137"}"#, true),
            (r#"alertname="OllamaDown",reason!="oom""#, false),
            (r#"alertname="OllamaDown",team="""#, true), // a missing label is empty
            (r#"alertname="OllamaDown",team!~".+""#, true),
            (r#""alertname"="OllamaDown""#, true),
        ] {
            assert_eq!(Selector::parse(&[text]).unwrap().matches(&down), holds, "{text}");
        }
    }

    #[test]
    fn what_matches_everything_or_nothing_readable_is_refused() {
        for text in [
            "",
            "{}",
            r#"a="""#,
            r#"a!="x""#,
            r#"a=~".*""#,
            "a",
            r#"a="b"#,
            r#"{a="b""#,
            r#"a="b" c="d""#,
            r#"a=~"(""#,
            r#"a=~"x)|(y""#,
            r#"="b""#,
        ] {
            assert!(Selector::parse(&[text]).is_err(), "{text:?} was taken");
        }
        assert!(Selector::parse::<&str>(&[]).is_err());
    }

    #[test]
    fn two_selectors_share_an_alert_where_that_can_be_shown() {
        let parse = |text: &str| Selector::parse(&[text]).unwrap();
        for (a, b, common) in [
            (r#"alertname="A""#, r#"alertname="A""#, Some(vec![("alertname", "A")])),
            (r#"alertname="A""#, r#"alertname="B""#, None),
            (r#"alertname=~"A|B""#, r#"alertname=~"B|C""#, Some(vec![("alertname", "B")])),
            (r#"alertname=~"A|B""#, r#"alertname=~"A|B", alertname!="A""#, Some(vec![("alertname", "B")])),
            (r#"alertname="A""#, r#"alertname="A", reason="oom""#, Some(vec![("alertname", "A"), ("reason", "oom")])),
            (r#"alertname="A", reason="""#, r#"alertname="A", reason="oom""#, None),
            (r#"alertname="A", reason!="oom""#, r#"alertname="A", reason="oom""#, None),
            (
                r#"alertname="A", reason="x""#,
                r#"alertname="A", reason=~"oom|x""#,
                Some(vec![("alertname", "A"), ("reason", "x")]),
            ),
            (r#"alertname="A", team!="a""#, r#"alertname="A", host!="""#, Some(vec![("alertname", "A"), ("host", "any")])),
            // To solve a regular expression is not tried.
            (r#"alertname="A", reason=~"oo+m""#, r#"alertname="A""#, None),
            (
                r#"alertname="A", reason=~"oo+m""#,
                r#"alertname="A", reason="ooom""#,
                Some(vec![("alertname", "A"), ("reason", "ooom")]),
            ),
        ] {
            let expected = common.map(|pairs| labels(&pairs));
            for (a, b) in [(a, b), (b, a)] {
                let found = parse(a).common(&parse(b));
                assert_eq!(found, expected, "{a} and {b}");
                assert!(found.is_none_or(|labels| parse(a).matches(&labels) && parse(b).matches(&labels)));
            }
        }
    }

    #[test]
    fn only_lists_of_words_can_be_looked_up() {
        for (text, names) in [
            (r#"alertname="A.b""#, vec!["A.b"]),
            (r#"alertname=~"A|B_1|c-d""#, vec!["A", "B_1", "c-d"]),
            (r#"alertname=~"A.*|B""#, vec![]),
            (r#"alertname=~"(?i)A""#, vec![]),
            (r#"alertname=~"A|""#, vec![]),
            (r#"alertname!="A",b="c""#, vec![]),
            (r#"b="c""#, vec![]),
        ] {
            let Ok(selector) = Selector::parse(&[text, r#"x="y""#]) else { panic!("{text}") };
            assert_eq!(selector.alertnames(), names, "{text}");
        }
    }

    #[test]
    fn the_misses_explain() {
        let selector = Selector::parse(&[r#"alertname="A""#, r#"host="b""#, r#"team="""#]).unwrap();
        let misses: Vec<String> =
            selector.misses(&labels(&[("alertname", "A"), ("host", "c")])).map(ToString::to_string).collect();
        assert_eq!(misses, [r#"host="b""#]);
    }
}
