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

fn answers<'a>(books: &'a [Book], rules: &'a [AlertRule]) -> Graph<'a> {
    // As in the library: by each alertname that is listed, and those that have to be asked one by one.
    let mut listed: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut others = Vec::new();
    for (index, (_, book)) in books.iter().enumerate().filter(|(_, (_, book))| !book.rungs.is_empty()) {
        // Who asks for no alertname would answer everything.
        for selector in book.selectors.iter().filter(|selector| selector.asks_for("alertname")) {
            match selector.alertnames() {
                names if names.is_empty() => others.push(index),
                names => names.into_iter().for_each(|name| listed.entry(name).or_default().push(index)),
            }
        }
    }
    let mut fixed: BTreeMap<&str, Vec<&Labels>> = BTreeMap::new();
    for rule in rules {
        fixed.entry(rule.name()).or_default().push(&rule.fixed);
    }
    let mut graph = Graph::new();
    for (from, (_, book)) in books.iter().enumerate() {
        for alertname in &book.causes {
            let alone = Labels::from([("alertname".to_owned(), alertname.clone())]);
            let fired = fixed.get(alertname.as_str()).cloned().unwrap_or_else(|| vec![&alone]);
            let may = |to: usize| {
                let mut selectors = books[to].1.selectors.iter().filter(|selector| selector.asks_for("alertname"));
                selectors.any(|selector| fired.iter().any(|labels| selector.contradicted_by(labels).next().is_none()))
            };
            for to in listed.get(alertname.as_str()).into_iter().flatten().chain(&others).copied().filter(|to| may(*to)) {
                graph.entry(from).or_default().entry(to).or_insert(alertname);
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
