//! Whether playbooks and alert rules know each other: a playbook that no rule feeds never runs, and nobody notices.

use super::compile::Edition;
use super::place::front;
use super::rules::AlertRule;
use crate::domain::playbook::Playbook;
use crate::domain::target::cut;
use crate::yaml::{Problem, nearest, quote};
use std::sync::Arc;

/// Warnings only: labels may also come from the rule's expression, from relabelling or from another Prometheus. `ids`:
/// every playbook that there is, those with mistakes too.
pub fn check(books: &[(Edition, Arc<Playbook>)], ids: &[&str], rules: &[AlertRule]) -> Vec<Problem> {
    let mut found: Vec<Problem> = books.iter().filter_map(|(edition, book)| unfed(edition, book, rules)).collect();
    found.extend(rules.iter().filter_map(|rule| misled(books, ids, rule)));
    found
}

/// A playbook is fed if no matcher contradicts what a rule fixes; what the rule leaves open may be anything.
fn unfed(edition: &Edition, book: &Playbook, rules: &[AlertRule]) -> Option<Problem> {
    let mut near: Option<(usize, String)> = None;
    for rule in rules {
        for selector in &book.selectors {
            let wrong: Vec<_> = selector.contradicted_by(&rule.fixed).collect();
            let about_it = wrong.iter().all(|matcher| matcher.name != "alertname");
            match wrong.first() {
                None => return None,
                Some(first) if about_it && near.as_ref().is_none_or(|(count, _)| wrong.len() < *count) => {
                    let value = rule.fixed.get(&first.name).map_or("", String::as_str);
                    near = Some((wrong.len(), format!("the rule {} gives {}={}", rule.place(), first.name, quote(value))));
                }
                Some(_) => {}
            }
        }
    }
    let names = book.selectors.iter().flat_map(|selector| selector.alertnames()).collect::<Vec<_>>();
    let known: Vec<&str> = rules.iter().map(AlertRule::name).collect();
    let hint = near.map(|(_, why)| why).or_else(|| {
        let near = names.iter().find_map(|name| nearest(name, &known))?;
        Some(format!("did you mean the alert `{near}`?"))
    });
    let what = match hint {
        Some(hint) => format!("no rule gives an alert that this playbook matches; {hint}"),
        None => "no rule gives an alert that this playbook matches, so it never runs".to_owned(),
    };
    let help = "mend `match:`, or add the rule; give every rule file with --rules";
    Some(front(&edition.source, "match", "", what, Some(help)).as_warning())
}

/// The label `playbook` is a hint for people; heald goes by `match:`. Where the two disagree one of them is wrong.
fn misled(books: &[(Edition, Arc<Playbook>)], ids: &[&str], rule: &AlertRule) -> Option<Problem> {
    let (name, place) = rule.playbook.as_ref()?;
    if !ids.contains(&name.as_str()) {
        let hint = nearest(name, ids).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let what = format!("the label `playbook` names {}, and there is none{hint}", quote(name));
        return Some(Problem { what, ..place.clone() }.as_warning());
    }
    // One with mistakes can't be asked.
    let (_, book) = books.iter().find(|(_, book)| *book.id.0 == **name)?;
    let wrong: Vec<_> = book.selectors.iter().map(|selector| selector.contradicted_by(&rule.fixed).next()).collect();
    let matcher = wrong.into_iter().collect::<Option<Vec<_>>>()?.into_iter().next()?;
    let value = rule.fixed.get(&matcher.name).map_or("", String::as_str);
    let what = format!(
        "the label `playbook` names `{}`, which does not match this alert: {matcher} does not hold, it is {}",
        cut(name),
        quote(value)
    );
    Some(Problem { what, ..place.clone() }.as_warning())
}
