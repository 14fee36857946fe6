//! Repairs that cause what other repairs answer. `causes:` names the alerts that a playbook's own steps may set off; if
//! they lead back to it, heald may repair in circles until a budget ends it.

use super::compile::Edition;
use super::place::front;
use super::rules::AlertRule;
use crate::domain::alert::Labels;
use crate::domain::graph;
use crate::domain::playbook::Playbook;
use crate::domain::target::cut;
use crate::yaml::Problem;
use std::collections::BTreeMap;
use std::sync::Arc;

type Book = (Edition, Arc<Playbook>);
/// From one playbook to those that answer what it causes, each with the alert.
type Graph<'a> = BTreeMap<usize, BTreeMap<usize, &'a str>>;

/// So many are named; who has more reads these first.
const CYCLES_MAX: usize = 20;

/// One warning for each circle, at the alert in `causes:` that closes it. Without rules an alert is known by its name
/// alone, with them by the labels that its rules fix.
pub fn check(books: &[Book], rules: &[AlertRule]) -> Vec<Problem> {
    let mut graph = answers(books, rules);
    let mut found = Vec::new();
    while found.len() < CYCLES_MAX {
        let plain = graph.iter().map(|(from, to)| (*from, to.keys().copied().collect())).collect();
        let Some(circle) = graph::circle(&plain) else { break };
        found.push(warning(books, &graph, &circle));
        // Without its first edge the next circle is another one.
        if let [from, to, ..] = circle.as_slice() {
            graph.entry(*from).or_default().remove(to);
        }
    }
    found
}

fn answers<'a>(books: &'a [Book], rules: &[AlertRule]) -> Graph<'a> {
    let mut graph = Graph::new();
    for (from, (_, book)) in books.iter().enumerate() {
        for alertname in &book.causes {
            let alone = Labels::from([("alertname".to_owned(), alertname.clone())]);
            let mut fired: Vec<&Labels> = rules.iter().filter(|rule| rule.name() == alertname).map(|rule| &rule.fixed).collect();
            if fired.is_empty() {
                fired.push(&alone);
            }
            for (to, (_, other)) in books.iter().enumerate() {
                // Who asks for no alertname would answer everything.
                let may = |labels: &Labels| {
                    let mut asks = other.selectors.iter().filter(|selector| selector.asks_for("alertname"));
                    asks.any(|selector| selector.contradicted_by(labels).next().is_none())
                };
                if !other.rungs.is_empty() && fired.iter().any(|labels| may(labels)) {
                    graph.entry(from).or_default().entry(to).or_insert(alertname);
                }
            }
        }
    }
    graph
}

fn warning(books: &[Book], graph: &Graph<'_>, circle: &[usize]) -> Problem {
    let name = |index: usize| cut(&books[index].1.id.0);
    let alert = |from: usize, to: usize| graph.get(&from).and_then(|to_| to_.get(&to)).copied().unwrap_or_default();
    let mut chain = String::new();
    for pair in circle.windows(2) {
        chain.push_str(&format!("`{}` causes {}, answered by ", name(pair[0]), cut(alert(pair[0], pair[1]))));
    }
    let first = circle.first().copied().unwrap_or_default();
    let what = format!("repairs may go in a circle: {chain}`{}`", name(first));
    let closing = circle.get(1).map_or("", |to| alert(first, *to));
    let help = "make one of them wait (`after:`), match less, or let it only observe; budgets and flapping still end it";
    front(&books[first].0.source, "causes", closing, what, Some(help)).as_warning()
}
