//! The tree: serde-saphyr's events, each with its place.

use super::problem::{File, quote};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::Spanned;
use std::fmt;
use std::ops::Range;

/// A value and where it begins in the file.
#[derive(Clone, Debug)]
pub struct Node {
    pub at: usize,
    pub kind: Kind,
    /// As it was written, for what is no text: `version: 1.10` is no number to who wants a text.
    written: Range<usize>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Null,
    Bool(bool, String),
    Number(Number, String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug)]
pub struct Key {
    pub at: usize,
    pub name: String,
}

/// A piece of the YAML text: Markdown may indent a code block, so that it is not one piece of the file.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Where its first byte lies in the file.
    pub at: usize,
    pub text: String,
}

/// Far above any sane file, and small enough that hostile ones cost nothing.
const NODES_MAX: usize = 20_000;
const ALIASES_MAX: usize = 100;

// === impl parse ===

/// Reports everything wrong with the YAML itself to `file`; None when there is no tree.
pub fn parse(file: &File<'_>, chunks: &[Chunk]) -> Option<Node> {
    let text: String = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    let start = chunks.first().map_or(0, |chunk| chunk.at);
    let empty = || file.refuse(start, "no YAML here: it is empty");
    if text.trim().is_empty() {
        empty();
        return None;
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 4 * NODES_MAX,
            max_nodes: NODES_MAX,
            max_aliases: ALIASES_MAX,
            max_anchors: ALIASES_MAX,
            max_documents: 2,
            max_recorded_anchor_events: NODES_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: NODES_MAX },
        // Found below, with all the others.
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::PassThrough,
        merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Node>(&text, options) {
        // Only comments.
        Ok(Node { kind: Kind::Null, .. }) => {
            empty();
            None
        }
        Ok(mut root) => {
            let before = file.count();
            root.settle(&text, chunks, file);
            (file.count() == before).then_some(root)
        }
        Err(error) => {
            let at = error.location().map_or(0, |location| offset(&text, &location));
            file.refuse(in_file(chunks, at), reason(&error));
            None
        }
    }
}

fn reason(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error.without_snippet() {
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } | Error::AliasExpansionLimitExceeded { .. } => {
            format!("this YAML is too large: at most {NODES_MAX} values and {ALIASES_MAX} aliases")
        }
        Error::AliasError { error, .. } => reason(error),
        Error::MultipleDocuments { .. } => "a second YAML document (`---`) begins here; one is enough".to_owned(),
        Error::MergeKeyNotAllowed { .. } => {
            "`<<` is not supported; repeat the keys, or use an alias for the whole map".to_owned()
        }
        other => {
            // The parser ends its messages with a place of its own, which counts from the wrong line.
            let message = other.to_string();
            let first = message.lines().next().unwrap_or_default();
            let end = first.find(" at line ").into_iter().chain(first.find(" (line ")).min().unwrap_or(first.len());
            format!("this is no YAML: {}", &first[..end])
        }
    }
}

fn offset(text: &str, location: &serde_saphyr::Location) -> usize {
    if let Some(at) = location.span().byte_offset() {
        return usize::try_from(at).unwrap_or(text.len());
    }
    let line = usize::try_from(location.line()).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(location.column()).unwrap_or(1).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    start + text[start..].chars().take(column).map(char::len_utf8).sum::<usize>()
}

fn in_file(chunks: &[Chunk], mut at: usize) -> usize {
    for chunk in chunks {
        if at < chunk.text.len() {
            return chunk.at + at;
        }
        at -= chunk.text.len();
    }
    chunks.last().map_or(0, |chunk| chunk.at + chunk.text.len())
}

// === impl Node ===

impl Node {
    /// Calls `visit` with every text below, and its place.
    pub fn texts(&self, visit: &mut impl FnMut(usize, &str)) {
        match &self.kind {
            Kind::Text(text) => visit(self.at, text),
            Kind::List(items) => items.iter().for_each(|item| item.texts(visit)),
            Kind::Map(entries) => entries.iter().for_each(|(_, value)| value.texts(visit)),
            Kind::Null | Kind::Bool(..) | Kind::Number(..) => {}
        }
    }

    /// Something else at the same place.
    #[must_use]
    pub fn with(&self, kind: Kind) -> Self {
        Self { at: self.at, kind, written: self.written.clone() }
    }

    /// `a list`, for messages.
    pub fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(..) => "true or false",
            Kind::Number(..) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// Turns offsets in the YAML text into offsets in the file, and finds keys that occur twice.
    fn settle(&mut self, text: &str, chunks: &[Chunk], file: &File<'_>) {
        self.at = in_file(chunks, self.at);
        match &mut self.kind {
            Kind::Bool(_, written) | Kind::Number(_, written) => {
                *written = text.get(self.written.clone()).unwrap_or_default().trim().to_owned();
            }
            Kind::List(items) => items.iter_mut().for_each(|item| item.settle(text, chunks, file)),
            Kind::Map(entries) => {
                let mut seen = std::collections::BTreeMap::new();
                for (key, value) in entries {
                    key.at = in_file(chunks, key.at);
                    if let Some(first) = seen.insert(key.name.clone(), key.at) {
                        let first = file.place(first).0;
                        file.refuse(key.at, format!("key {} occurs twice; first in line {first}", quote(&key.name)));
                    }
                    value.settle(text, chunks, file);
                }
            }
            Kind::Null | Kind::Text(_) => {}
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let Spanned { value: kind, referenced, defined } = Spanned::<Kind>::deserialize(input)?;
        let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
        let start = number(defined.span().byte_offset());
        let written = start..start + number(defined.span().byte_len());
        Ok(Self { at: number(referenced.span().byte_offset()), kind, written })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, input: D) -> Result<Kind, D::Error> {
        Kind::deserialize(input)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value, String::new()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into(), String::new()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into(), String::new()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Kind, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a finite number"))?;
        Ok(Kind::Number(number, String::new()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Kind, E> {
        Ok(Kind::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let at = key.referenced.span().byte_offset().and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
            entries.push((Key { at, name: key.value }, map.next_value()?));
        }
        Ok(Kind::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn problems(text: &str) -> Vec<String> {
        let file = File::new(Path::new("x"), text);
        parse(&file, &[Chunk { at: 0, text: text.to_owned() }]);
        file.into_problems().into_iter().map(|problem| format!("{}:{}: {}", problem.line, problem.column, problem.what)).collect()
    }

    #[test]
    fn every_word_knows_its_place() {
        let text = "- ä: &x {b: [1.10, no, ~]}\n  c: *x\n";
        let file = File::new(Path::new("x"), text);
        let tree = parse(&file, &[Chunk { at: 0, text: text.to_owned() }]).unwrap();
        let Kind::List(items) = tree.kind else { panic!("{tree:?}") };
        let Kind::Map(entries) = &items[0].kind else { panic!("{items:?}") };
        assert_eq!((entries[0].0.at, entries[0].0.name.as_str()), (2, "ä"));
        assert_eq!(entries[1].1.at, text.find("*x").unwrap());
        let Kind::Map(inner) = &entries[0].1.kind else { panic!("{entries:?}") };
        let Kind::List(list) = &inner[0].1.kind else { panic!("{inner:?}") };
        assert!(matches!(&list[0].kind, Kind::Number(_, written) if written == "1.10"), "{list:?}");
        assert!(matches!(&list[1].kind, Kind::Text(text) if text == "no"), "{list:?}");
        assert!(matches!(&list[2].kind, Kind::Null), "{list:?}");
    }

    #[test]
    fn what_is_no_yaml_is_refused_at_its_place() {
        let bomb = (0..9).fold("a: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
            format!("{text}b{n}: &a{} [*a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}, *a{n}]\n", n + 1)
        });
        for (text, expected) in [
            ("", "1:1: no YAML here"),
            ("# only a comment\n", "1:1: no YAML here"),
            ("a: 1\nb: 2\na: 3\n", "3:1: key \"a\" occurs twice; first in line 1"),
            ("a:\n\t- b\n", "2:2: this is no YAML: "),
            ("a: [1, 2\nb: 3\n", "2:2: this is no YAML: "),
            ("a: \"open\n", "2:1: this is no YAML: "),
            ("<<: {a: 1}\n", "1:1: `<<` is not supported"),
            ("a: *nowhere\n", "1:4: this is no YAML: "),
            (bomb.as_str(), "5:15: this YAML is too large"),
            ("a: 1\n---\nb: 2\n", "3:1: a second YAML document"),
        ] {
            let found = problems(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].starts_with(expected), "{text}: {found:?}");
        }
    }
}
