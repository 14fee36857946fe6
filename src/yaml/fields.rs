//! Walks a map key by key and keeps going after a mistake.

use super::node::{Key, Kind, Node};
use super::problem::{File, nearest, quote};
use crate::domain::time::Span;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The keys of one map. What was asked for is what is known: [`Fields::end`] refuses the rest.
#[derive(Debug)]
pub struct Fields<'a> {
    file: &'a File<'a>,
    at: usize,
    entries: &'a [(Key, Node)],
    known: Vec<&'static str>,
}

// === impl Fields ===

impl<'a> Fields<'a> {
    /// None, and a problem, when the node is no map.
    pub fn of(file: &'a File<'a>, node: &'a Node) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self { file, at: node.at, entries, known: Vec::new() }),
            _ => {
                file.refuse(node.at, format!("{} where a map of keys is expected", node.noun()));
                None
            }
        }
    }

    pub fn file(&self) -> &'a File<'a> {
        self.file
    }

    /// Where the map begins.
    pub fn at(&self) -> usize {
        self.at
    }

    pub fn entries(&self) -> &'a [(Key, Node)] {
        self.entries
    }

    /// The value of a key that has one. `key:` with nothing behind it is refused: it is never what was meant.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        #[cfg(test)]
        asked::note(self.at, key);
        let (at, node) = self.entries.iter().find_map(|(found, node)| (found.name == key).then_some((found.at, node)))?;
        if matches!(node.kind, Kind::Null) {
            self.file.refuse(at, format!("`{key}` has no value; give it one or remove the line"));
            return None;
        }
        Some(node)
    }

    /// The map below a key.
    pub fn fields(&mut self, key: &'static str) -> Option<Fields<'a>> {
        let node = self.node(key)?;
        Fields::of(self.file, node)
    }

    /// Anything that reads itself out of one value.
    pub fn get<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        let node = self.node(key)?;
        read(self.file, node)
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        let node = self.node(key)?;
        text(self.file, node)
    }

    /// A list of texts with their places; one text stands for a list of one.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<(usize, String)>> {
        let node = self.node(key)?;
        Some(match &node.kind {
            Kind::List(items) => items.iter().filter_map(|item| Some((item.at, text(self.file, item)?))).collect(),
            _ => vec![(node.at, text(self.file, node)?)],
        })
    }

    pub fn span(&mut self, key: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let node = self.node(key)?;
        span(self.file, node, range)
    }

    pub fn number(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let node = self.node(key)?;
        number(self.file, node, range)
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let node = self.node(key)?;
        let found = text(self.file, node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == found) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let hint = nearest(&found, &known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        self.file.refuse(node.at, format!("{} is none of {}{hint}", quote(&found), known.join(", ")));
        None
    }

    /// A map from names to any values.
    pub fn values(&mut self, key: &'static str) -> Option<BTreeMap<String, Value>> {
        let fields = self.fields(key)?;
        Some(fields.entries.iter().filter_map(|(key, node)| Some((key.name.clone(), read(self.file, node)?))).collect())
    }

    /// A key that heald knows of but does nothing for yet: to ignore it would be a broken promise.
    pub fn unsupported(&mut self, keys: &[&'static str]) {
        for key in keys {
            if let Some((found, _)) = self.entries.iter().find(|(found, _)| found.name == *key) {
                self.known.push(key);
                self.file.refuse(found.at, unsupported(key));
            }
        }
    }

    /// A key that is refused with an advice.
    pub fn forbidden(&mut self, key: &'static str, what: &str, help: &str) {
        if let Some((found, _)) = self.entries.iter().find(|(found, _)| found.name == key) {
            self.known.push(key);
            self.file.refuse_with_help(found.at, what, help);
        }
    }

    pub fn missing(&self, key: &str, help: &str) {
        self.file.refuse_with_help(self.at, format!("key `{key}` is missing"), help);
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(found, _)| found.name == key)
    }

    /// Refuses every key that nobody asked for.
    pub fn end(self) {
        for (key, _) in self.entries {
            if self.known.contains(&key.name.as_str()) {
                continue;
            }
            let hint = nearest(&key.name, &self.known)
                .map_or_else(|| format!("known are {}", self.known.join(", ")), |near| format!("did you mean `{near}`?"));
            self.file.refuse(key.at, format!("unknown key `{}`; {hint}", crate::domain::target::cut(&key.name)));
        }
    }
}

pub fn unsupported(key: &str) -> String {
    format!("`{key}` is not supported by this version")
}

/// Reads a whole subtree by serde; None, and a problem, when it does not fit.
pub fn read<T: DeserializeOwned>(file: &File<'_>, node: &Node) -> Option<T> {
    T::deserialize(node).map_err(|wrong| file.refuse(wrong.at.unwrap_or(node.at), wrong.what)).ok()
}

pub fn text(file: &File<'_>, node: &Node) -> Option<String> {
    let text: String = read(file, node)?;
    if text.trim().is_empty() {
        file.refuse(node.at, "an empty text");
        return None;
    }
    Some(text)
}

pub fn span(file: &File<'_>, node: &Node, range: RangeInclusive<Duration>) -> Option<Duration> {
    let Span(span) = read(file, node)?;
    if range.contains(&span) {
        return Some(span);
    }
    file.refuse(node.at, format!("{} is out of range: from {} to {}", Span(span), Span(*range.start()), Span(*range.end())));
    None
}

pub fn number(file: &File<'_>, node: &Node, range: RangeInclusive<u32>) -> Option<u32> {
    let (start, end) = (range.start(), range.end());
    match &node.kind {
        Kind::Number(number, written) => {
            let found = number.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
            if found.is_none() {
                file.refuse(node.at, format!("{written} is out of range: a whole number from {start} to {end}"));
            }
            found
        }
        _ => {
            file.refuse(node.at, format!("{} where a whole number from {start} to {end} is expected", node.noun()));
            None
        }
    }
}

/// Which keys were asked for, by where their map begins: what the schemas are held against.
#[cfg(test)]
pub(crate) mod asked {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    thread_local! {
        static KEYS: RefCell<BTreeMap<usize, BTreeSet<&'static str>>> = RefCell::default();
    }

    pub fn note(at: usize, key: &'static str) {
        KEYS.with_borrow_mut(|keys| keys.entry(at).or_default().insert(key));
    }

    /// Since the last time, in this thread.
    pub fn take() -> BTreeMap<usize, BTreeSet<&'static str>> {
        KEYS.with_borrow_mut(std::mem::take)
    }
}
