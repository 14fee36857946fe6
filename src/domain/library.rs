//! The playbooks in force, and which of them an alert concerns.

use super::id::PlaybookId;
use super::playbook::Playbook;
use super::selector::Selector;
use std::collections::BTreeMap;

/// The playbooks in force.
#[derive(Debug, Default)]
pub struct Library {
    books: Vec<std::sync::Arc<Playbook>>,
    by_id: BTreeMap<PlaybookId, usize>,
    /// By each `alertname` that a selector lists; the rest is asked one by one.
    by_alertname: BTreeMap<String, Vec<usize>>,
    others: Vec<usize>,
}

// === impl Library ===

impl Library {
    pub fn new(books: Vec<std::sync::Arc<Playbook>>) -> Self {
        let mut library = Self { books, ..Self::default() };
        for (index, book) in library.books.iter().enumerate() {
            library.by_id.entry(book.id.clone()).or_insert(index);
            if book.selectors.iter().any(|selector| selector.alertnames().is_empty()) {
                library.others.push(index);
                continue;
            }
            for name in book.selectors.iter().flat_map(Selector::alertnames) {
                let list = library.by_alertname.entry(name.to_owned()).or_default();
                if list.last() != Some(&index) {
                    list.push(index);
                }
            }
        }
        library
    }

    /// All playbooks that match, in the order of their files.
    pub fn matching(&self, labels: &super::alert::Labels) -> Vec<&std::sync::Arc<Playbook>> {
        let named = labels.get("alertname").and_then(|name| self.by_alertname.get(name));
        let mut found: Vec<usize> = named
            .into_iter()
            .flatten()
            .chain(&self.others)
            .copied()
            .filter(|index| self.books[*index].selectors.iter().any(|selector| selector.matches(labels)))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|index| &self.books[index]).collect()
    }

    /// Those of highest priority among all that match. More than one: which of them applies can't be told.
    pub fn chosen(&self, labels: &super::alert::Labels) -> Vec<&std::sync::Arc<Playbook>> {
        let mut found = self.matching(labels);
        let highest = found.iter().map(|book| book.priority).max();
        found.retain(|book| Some(book.priority) == highest);
        found
    }

    pub fn books(&self) -> &[std::sync::Arc<Playbook>] {
        &self.books
    }

    pub fn get(&self, id: &PlaybookId) -> Option<&std::sync::Arc<Playbook>> {
        self.by_id.get(id).map(|index| &self.books[*index])
    }
}
