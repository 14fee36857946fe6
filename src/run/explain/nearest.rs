//! Why a playbook was taken, and which matcher kept the others from it.

use crate::domain::alert::Labels;
use crate::domain::playbook::{Library, Playbook};
use crate::domain::selector::Matcher;
use crate::domain::target::cut;
use crate::run::view::ConsideredView;

/// Of those that are not about this `alertname` at all, shown only where none is.
const FAR_MAX: usize = 3;
/// A page that a person reads.
const NEAR_MAX: usize = 10;

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
