//! What no playbook can see alone: whom it waits for, which names of the configuration it uses, and whether
//! another one would answer the same alert.

use super::compile::{Edition, Source};
use super::load::{Loaded, OVERRIDES};
use super::place::front;
use super::rules::AlertRule;
use super::{cycles, fed, idle};
use crate::domain::graph;
use crate::domain::id::PlaybookId;
use crate::domain::playbook::Playbook;
use crate::domain::policy::Policy;
use crate::domain::target::cut;
use crate::yaml::{Problem, nearest, quote};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

type Book = (Edition, Arc<Playbook>);

/// Every mistake between the playbooks, and between them and the configuration. Without a policy the playbooks are
/// read by themselves: they may be a part of the whole, so names that they don't know are not judged.
pub fn check(books: &[Book], policy: Option<&Policy>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = circles(books).into_iter().collect();
    problems.extend(doubles(books));
    if let Some(policy) = policy {
        let ids: Vec<&str> = books.iter().map(|(_, book)| &*book.id.0).collect();
        let intervals: Vec<&str> = policy.intervals.keys().map(String::as_str).collect();
        for (Edition { source, .. }, book) in books {
            for PlaybookId(name) in &book.after {
                problems.extend(unknown(source, "after", name, "playbook", &ids));
            }
            for name in &book.windows.mute {
                problems.extend(unknown(source, "mute_time_intervals", name, "name in `time_intervals:`", &intervals));
            }
            for name in &book.windows.active {
                problems.extend(unknown(source, "active_time_intervals", name, "name in `time_intervals:`", &intervals));
            }
        }
        for PlaybookId(name) in policy.severity.by_playbook.keys().filter(|id| !ids.contains(&&*id.0)) {
            let place = "`guards: { severity: { playbooks: … } }` names the playbook";
            let what = format!("{place} `{}`, and there is none{}", cut(name), hint(name, &ids));
            problems.push(Problem::of_file(Path::new(OVERRIDES), what));
        }
    }
    problems
}

/// What is no mistake and most likely not meant. `rules`: what feeds the playbooks, where that is known.
pub fn warnings(loaded: &Loaded, rules: Option<&[AlertRule]>) -> Vec<Problem> {
    let books = &loaded.books;
    let mut found: Vec<Problem> = books.iter().flat_map(|(edition, book)| idle::check(edition, book)).collect();
    found.extend(cycles::check(books, rules.unwrap_or_default()));
    if let Some(rules) = rules {
        let ids: Vec<&str> = loaded.ids.iter().map(String::as_str).collect();
        found.extend(fed::check(books, &ids, rules));
    }
    found.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    found
}

fn circles(books: &[Book]) -> Option<Problem> {
    let after: BTreeMap<&PlaybookId, Vec<&PlaybookId>> =
        books.iter().map(|(_, book)| (&book.id, book.after.iter().collect())).collect();
    let circle = graph::circle(&after)?;
    let (edition, _) = books.iter().find(|(_, book)| Some(&&book.id) == circle.first())?;
    let names: Vec<&str> = circle.iter().map(|id| &*id.0).collect();
    let what = format!("`after:` goes in a circle, so none of them would ever be repaired: {}", names.join(" → "));
    Some(front(&edition.source, "after", names[1], what, None))
}

/// Two that would answer the same alert, with nothing to say which. What can't be decided here is refused when such
/// an alert arrives.
fn doubles(books: &[Book]) -> Vec<Problem> {
    let mut by_alertname: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, (_, book)) in books.iter().enumerate() {
        for name in book.selectors.iter().flat_map(|selector| selector.alertnames()) {
            by_alertname.entry(name).or_default().push(index);
        }
    }
    let mut pairs: Vec<(usize, usize)> = by_alertname
        .values()
        .flat_map(|list| list.iter().flat_map(|a| list.iter().map(move |b| (*a, *b))))
        .filter(|(a, b)| a < b && books[*a].1.priority == books[*b].1.priority)
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.into_iter().filter_map(|(a, b)| double(&books[a], &books[b])).collect()
}

fn double((first, a): &Book, (second, b): &Book) -> Option<Problem> {
    let labels = a.selectors.iter().find_map(|left| b.selectors.iter().find_map(|right| left.common(right)))?;
    let shown: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={}", quote(value))).collect();
    let what = format!(
        "an alert with {{{}}} matches this playbook and `{}` in {}; heald would repair neither",
        shown.join(", "),
        a.id,
        first.source.path.display()
    );
    let help = "give one of them a higher `priority:`, or make their matchers exclude each other";
    Some(front(&second.source, "match", "", what, Some(help)))
}

fn unknown(source: &Source, key: &str, name: &str, noun: &str, known: &[&str]) -> Option<Problem> {
    let what = || format!("{} is no {noun}{}", quote(name), hint(name, known));
    (!known.contains(&name)).then(|| front(source, key, name, what(), None))
}

fn hint(name: &str, known: &[&str]) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}
