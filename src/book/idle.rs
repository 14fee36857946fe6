//! What stands in a playbook and can never run: rungs behind those that use every attempt up, and steps whose condition
//! never holds.

use super::compile::Edition;
use super::markdown::{Heading, Page};
use crate::domain::playbook::Playbook;
use crate::domain::template;
use crate::yaml::{File, Kind, Node, Problem, parse, quote};
use minijinja::Environment;

const STEPS: [Heading; 3] = [Heading::AutoRecovery, Heading::Rollback, Heading::Afterwards];

/// Warnings about one playbook that has no mistakes. Most have nothing to look for, and are not read a second time.
pub fn check(edition: &Edition, book: &Playbook) -> Vec<Problem> {
    let text = &edition.source.text;
    let late = first_late(book);
    if late.is_none() && !text.contains("when:") && !text.contains("\"when\"") {
        return Vec::new();
    }
    let file = File::new(&edition.source.path, text);
    let page = Page::read(&file);
    let mut found = Vec::new();
    for heading in STEPS {
        let Some(tree) = tree(&file, &page, heading) else { continue };
        if let (Some((late, used)), Heading::AutoRecovery, Kind::List(items)) = (late, heading, &tree.kind) {
            let rungs = items.iter().zip(&book.rungs).skip(late);
            found.extend(rungs.map(|(node, rung)| unreached(file.at(node.at), &rung.title, used, book.limits.attempts)));
        }
        whens(&tree, &mut |node| found.extend(never(&file, node)));
    }
    found
}

/// The first rung that no attempt is left for, and how many were used by then.
fn first_late(book: &Playbook) -> Option<(usize, u32)> {
    let mut used: u32 = 0;
    for (index, rung) in book.rungs.iter().enumerate() {
        if index > 0 && used >= book.limits.attempts {
            return Some((index, used));
        }
        used = used.saturating_add(rung.times);
    }
    None
}

fn unreached(place: Problem, title: &str, used: u32, attempts: u32) -> Problem {
    let what = format!(
        "rung {} can never run: the rungs before it take {used} attempt{}, and `limits.attempts` is {attempts}",
        quote(title),
        if used == 1 { "" } else { "s" },
    );
    let help = format!("raise `limits: {{ attempts: {} }}`, or lower the `times:` before it", used.saturating_add(1));
    Problem { what, help: Some(help), ..place }.as_warning()
}

fn tree(file: &File<'_>, page: &Page, heading: Heading) -> Option<Node> {
    let [block] = page.parts.get(&heading)?.blocks.as_slice() else { return None };
    parse(file, &block.chunks)
}

/// Every `when:` of a step; a step's parameters lie deeper and may have a key of that name.
fn whens(tree: &Node, visit: &mut impl FnMut(&Node)) {
    let Kind::List(items) = &tree.kind else { return };
    for item in items {
        let Kind::Map(entries) = &item.kind else { continue };
        for (key, node) in entries {
            match key.name.as_str() {
                "when" => visit(node),
                "do" => whens(node, visit),
                _ => {}
            }
        }
    }
}

/// A condition that speaks of nothing has one answer for ever.
fn never(file: &File<'_>, node: &Node) -> Option<Problem> {
    let shown = match &node.kind {
        Kind::Bool(false, written) => written.clone(),
        Kind::Text(text) if constant(text) == Some(false) => text.clone(),
        _ => return None,
    };
    let what = format!("this step can never run: `when: {}` holds never", crate::domain::target::cut(&shown));
    let help = "speak of labels, vars, target or steps, or remove the step".to_owned();
    Some(Problem { what, help: Some(help), ..file.at(node.at) }.as_warning())
}

/// `None` where it depends on something, or can't be worked out.
fn constant(text: &str) -> Option<bool> {
    template::is_expression(text).ok()?;
    let mut engine = Environment::new();
    engine.set_fuel(Some(1_000));
    let expression = engine.compile_expression(text).ok()?;
    if !expression.undeclared_variables(false).is_empty() {
        return None;
    }
    expression.eval(()).ok().map(|value| value.is_true())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_speaks_of_nothing_is_constant() {
        for (text, expected) in [
            ("false", Some(false)),
            ("1 == 2", Some(false)),
            ("not true", Some(false)),
            ("true", Some(true)),
            ("labels.x == 'y'", None),
            ("false and labels.x", None),
            ("(((", None),
            ("}} x", None),
            ("range(99999999)|list", None),
        ] {
            assert_eq!(constant(text), expected, "{text}");
        }
    }
}
