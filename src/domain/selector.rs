//! Alertmanager's matchers: `name="value"`, `!=`, `=~`, `!~`; a missing label equals the empty string.

use super::alert::Labels;
use parse::Parts;
use regex::Regex;
use std::fmt;

mod parse;
#[cfg(test)]
mod tests;

/// All matchers must hold. Never empty: an empty one would match everything.
#[derive(Clone, Debug)]
pub struct Selector(Vec<Matcher>);

#[derive(Clone, Debug)]
pub struct Matcher {
    pub name: String,
    pub test: Test,
}

#[derive(Clone, Debug)]
pub enum Test {
    Equal(String),
    NotEqual(String),
    /// Anchored at both ends; `.` is any character but a line feed.
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
            let text = text.as_ref();
            let parts = parse::list(text).map_err(|why| format!("matcher {text:?}: {why}"))?;
            for part in parts {
                matchers.push(Matcher::new(part, text)?);
            }
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

/// The same matchers in the same order; another regular expression for the same is another.
impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        let parts = |selector: &Self| selector.0.iter().map(ToString::to_string).collect::<Vec<_>>();
        parts(self) == parts(other)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, matcher) in self.0.iter().enumerate() {
            write!(f, "{}{matcher}", if index == 0 { "" } else { ", " })?;
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
                let words: Vec<&str> = pattern(regex).split('|').collect();
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

    fn new(parts: Parts, text: &str) -> Result<Self, String> {
        let Parts { name, operator, value } = parts;
        let compile = |pattern: &str| {
            Regex::new(pattern).map_err(|error| format!("matcher {text:?}: the regular expression is wrong: {error}"))
        };
        // Compiled alone first: `a)|(b` would slip out of its anchors.
        let anchored = |value: &str| compile(value).and_then(|_| compile(&format!("{FRONT}{value}{BACK}")));
        let test = match operator {
            "=" => Test::Equal(value),
            "!=" => Test::NotEqual(value),
            "=~" => Test::Matches(anchored(&value)?),
            _ => Test::NotMatches(anchored(&value)?),
        };
        Ok(Self { name, test })
    }
}

/// Alertmanager's own anchors.
const FRONT: &str = "^(?:";
const BACK: &str = ")$";

/// As it was written.
fn pattern(regex: &Regex) -> &str {
    let text = regex.as_str();
    text.strip_prefix(FRONT).and_then(|text| text.strip_suffix(BACK)).unwrap_or(text)
}

/// In one form, whatever the form it was written in.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operator, value) = match &self.test {
            Test::Equal(value) => ("=", value.as_str()),
            Test::NotEqual(value) => ("!=", value.as_str()),
            Test::Matches(regex) => ("=~", pattern(regex)),
            Test::NotMatches(regex) => ("!~", pattern(regex)),
        };
        f.write_str(&parse::print(&self.name, operator, value))
    }
}
