//! Why a playbook was taken, and which matcher kept the others from it.

use crate::domain::alert::Labels;
use crate::domain::id::PlaybookId;
use crate::domain::playbook::{Library, Playbook};
use crate::domain::selector::Matcher;
use crate::domain::target::cut;
use crate::run::view::ConsideredView;

/// Of those that are not about this `alertname` at all, shown only where none is.
const FAR_MAX: usize = 3;
/// So many playbooks about one alert are more than anybody has.
const NEAR_MAX: usize = 100;

/// Those that match, then the nearest of the others.
pub fn considered(library: &Library, labels: &Labels) -> Vec<ConsideredView> {
    let (matching, chosen) = (library.matching(labels), library.chosen(labels));
    let highest = chosen.first().map_or(0, |book| book.priority);
    let mut found: Vec<ConsideredView> = matching
        .iter()
        .map(|book| {
            let why = match book.priority == highest {
                true if chosen.len() == 1 => "it matches".to_owned(),
                true => format!("it matches, as {} of the same priority do", chosen.len()),
                false => format!("it matches, and another one of a higher priority too ({} against {highest})", book.priority),
            };
            ConsideredView { playbook: book.id.clone(), applies: chosen.len() == 1 && book.priority == highest, why }
        })
        .collect();
    let others = library.books().iter().filter(|book| matching.iter().all(|one| one.id != book.id));
    let mut others: Vec<(Vec<&Matcher>, &Playbook)> = others.filter_map(|book| Some((missing(book, labels)?, &**book))).collect();
    others.sort_by_key(|(misses, _)| misses.len());
    let about_it = |misses: &[&Matcher]| misses.iter().all(|matcher| matcher.name != "alertname");
    let most = if others.iter().any(|(misses, _)| about_it(misses)) {
        others.retain(|(misses, _)| about_it(misses));
        NEAR_MAX
    } else if found.is_empty() {
        FAR_MAX
    } else {
        0
    };
    found.extend(others.into_iter().take(most).map(|(misses, book)| {
        let why: Vec<String> = misses.into_iter().map(|matcher| miss(matcher, labels)).collect();
        ConsideredView { playbook: book.id.clone(), applies: false, why: why.join("; ") }
    }));
    found
}

/// The one that a person named: its matchers are not asked.
pub fn named(playbook: &PlaybookId) -> Vec<ConsideredView> {
    vec![ConsideredView { playbook: playbook.clone(), applies: true, why: "it is named; its matchers are not asked".to_owned() }]
}

/// Of the selector that comes nearest.
fn missing<'a>(book: &'a Playbook, labels: &Labels) -> Option<Vec<&'a Matcher>> {
    let each = book.selectors.iter().map(|selector| selector.misses(labels).collect::<Vec<_>>());
    each.min_by_key(Vec::len)
}

fn miss(matcher: &Matcher, labels: &Labels) -> String {
    match labels.get(&matcher.name).filter(|value| !value.is_empty()) {
        Some(value) => format!("{matcher} does not hold: it is {:?}", cut(value)),
        None => format!("{matcher} does not hold: there is no such label"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::{Edition, Override, Source};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn book(id: &str, matchers: &str) -> Arc<Playbook> {
        let text = format!("---\nplaybook: {id}\nmatch: [{matchers}]\ntarget: {{ unit: web.service }}\n---\n# T\n");
        let source = Source { path: "x.md".into(), text };
        let edition = Edition { source, changes: Override::default(), vars: BTreeMap::new() };
        Arc::new(edition.compile().unwrap_or_else(|problems| panic!("{}", problems[0])))
    }

    fn told(books: Vec<Arc<Playbook>>, labels: &[(&str, &str)]) -> Vec<String> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        considered(&Library::new(books), &labels).into_iter().map(|view| format!("{}: {}", view.playbook, view.why)).collect()
    }

    #[test]
    fn every_near_miss_is_named_with_its_matcher_and_the_labels_value() {
        let mut books = vec![
            book("gold", r#"'alertname="Down"', 'tier="gold"', 'zone=~"a.*"'"#),
            book("other", r#"'alertname="Up"'"#),
            book("calm", r#"'alertname="Down"', 'reason!~"oom|kill"'"#),
        ];
        let labels = [("alertname", "Down"), ("tier", "silver"), ("reason", "oom")];
        assert_eq!(
            told(books.clone(), &labels),
            [
                "calm: reason!~\"oom|kill\" does not hold: it is \"oom\"",
                "gold: tier=\"gold\" does not hold: it is \"silver\"; zone=~\"a.*\" does not hold: there is no such label",
            ]
        );
        // However many there are; and the one that matches goes first.
        books.extend((0..30).map(|n| book(&format!("n{n}"), &format!(r#"'alertname="Down"', 'number="{n}"'"#))));
        books.push(book("any", r#"'alertname="Down"'"#));
        let all = told(books, &labels);
        assert_eq!((all.len(), all[0].as_str()), (33, "any: it matches"));
    }

    #[test]
    fn where_nothing_is_about_it_the_nearest_few_are_shown() {
        let books: Vec<_> = (0..9).map(|n| book(&format!("n{n}"), &format!(r#"'alertname="A{n}"'"#))).collect();
        let all = told(books, &[("alertname", "B")]);
        assert_eq!((all.len(), all[0].as_str()), (FAR_MAX, "n0: alertname=\"A0\" does not hold: it is \"B\""));
    }
}
