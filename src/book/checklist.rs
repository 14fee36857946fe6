//! The section *Checklist*: steps that people do and tick.

use super::markdown::{Heading, Page};
use super::templates::check_prose;
use crate::yaml::File;

/// More than that nobody ticks at night; the rest belongs into *Manual fix*.
const ITEMS_MAX: usize = 40;
/// A step is a sentence or two, and a command.
const ITEM_MAX: usize = 400;

/// Its items in order, each on one line; empty without the section.
pub fn read(page: &Page, file: &File<'_>) -> Vec<String> {
    let Some(part) = page.parts.get(&Heading::Checklist) else { return Vec::new() };
    check_prose(file, part.body.clone());
    let mut items: Vec<(usize, String)> = Vec::new();
    let mut at = part.body.start;
    let mut open = false;
    for line in file.text()[part.body.clone()].split_inclusive('\n') {
        let (words, indented) = (line.trim(), line.starts_with([' ', '\t']));
        if let Some(item) = words.strip_prefix("- [ ] ").filter(|_| !indented) {
            items.push((at, item.to_owned()));
            open = true;
        } else if let Some((_, item)) = items.last_mut().filter(|_| open && indented && !words.is_empty()) {
            item.push(' ');
            item.push_str(words);
        } else if !indented && ["- ", "* ", "+ "].iter().any(|mark| words.starts_with(mark)) {
            let help = "begin each step with `- [ ] `, and indent what continues it";
            file.refuse_with_help(at, "a line of the checklist that is no step", help);
        } else if !words.is_empty() {
            // Words between the steps are for whoever reads the page.
            open = false;
        }
        at += line.len();
    }
    if items.is_empty() {
        file.refuse_with_help(
            part.at,
            "a checklist without steps",
            "write `- [ ] what to do` for each, or leave the section out",
        );
    }
    if let Some((at, _)) = items.get(ITEMS_MAX) {
        file.refuse(*at, format!("more than {ITEMS_MAX} steps in one checklist"));
    }
    for (at, _) in items.iter().filter(|(_, item)| item.chars().count() > ITEM_MAX) {
        file.refuse(*at, format!("a step of more than {ITEM_MAX} characters"));
    }
    items.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn items(body: &str) -> (Vec<String>, Vec<String>) {
        let text = format!("---\na: 1\n---\n# T\n\n## Checklist\n{body}");
        let file = File::new(Path::new("x.md"), &text);
        let items = read(&Page::read(&file), &file);
        let problems = file.into_problems().into_iter();
        (items, problems.map(|problem| format!("{}: {}", problem.line, problem.what)).collect())
    }

    #[test]
    fn a_step_is_a_line_with_what_is_indented_below_it() {
        let (found, problems) =
            items("\nFirst of all:\n\n- [ ] Call the owner.\n\n- [ ] Stop it:\n      `systemctl stop {{ target }}`\n");
        assert_eq!(problems, [""; 0]);
        assert_eq!(found, ["Call the owner.", "Stop it: `systemctl stop {{ target }}`"]);
    }

    #[test]
    fn what_is_no_step_is_named() {
        for (body, told) in [
            ("\n", "6: a checklist without steps"),
            ("- [x] done already\n", "7: a line of the checklist that is no step"),
            ("- [ ] one\n* [ ] two\n", "8: a line of the checklist that is no step"),
            ("- [ ] say {{ labels.x\n", "7: template: "),
        ] {
            let (_, problems) = items(body);
            assert!(problems.iter().any(|problem| problem.starts_with(told)), "{body}: {problems:?}");
        }
        let (_, problems) = items(&"- [ ] again\n".repeat(ITEMS_MAX + 1));
        assert_eq!(problems, ["47: more than 40 steps in one checklist"]);
    }
}
