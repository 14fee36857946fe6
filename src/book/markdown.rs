//! Takes a Markdown file apart: front matter, title, sections, and the YAML inside them.
//!
//! Nothing is interpreted here. Byte ranges are kept, so that whoever reads a
//! section's YAML can name the line and column of the file.

use crate::yaml::{Chunk, File, nearest, quote};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};
use std::collections::BTreeMap;
use std::ops::Range;

/// A playbook file as its headings divide it.
#[derive(Debug, Default)]
pub struct Page {
    /// The text between the two `---`; None when there is none.
    pub front: Option<Chunk>,
    pub title: String,
    pub parts: BTreeMap<Heading, Part>,
}

/// What stands below one heading.
#[derive(Debug)]
pub struct Part {
    /// Where the heading begins.
    pub at: usize,
    /// Everything up to the next heading of the same level.
    pub body: Range<usize>,
    /// Its fenced blocks marked `yaml`.
    pub blocks: Vec<Block>,
}

#[derive(Debug)]
pub struct Block {
    pub at: usize,
    pub chunks: Vec<Chunk>,
}

/// The sections that heald knows. Their order in a file is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heading {
    Symptoms,
    AutoRecovery,
    Verify,
    Rollback,
    Afterwards,
    ManualFix,
    Checklist,
    DebugPrompt,
}

/// Reads the events of one file.
struct Reader<'a> {
    file: &'a File<'a>,
    page: Page,
    /// How deep in lists and quotes: headings count only outside of them.
    depth: usize,
    heading: Option<(HeadingLevel, usize, String)>,
    titles: usize,
    open: Option<(Heading, Part)>,
    block: Option<Block>,
}

// === impl Heading ===

impl Heading {
    const ALL: [Heading; 8] = [
        Self::Symptoms,
        Self::AutoRecovery,
        Self::Verify,
        Self::Rollback,
        Self::Afterwards,
        Self::ManualFix,
        Self::Checklist,
        Self::DebugPrompt,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Symptoms => "Symptoms",
            Self::AutoRecovery => "Auto-recovery",
            Self::Verify => "Verify",
            Self::Rollback => "Rollback",
            Self::Afterwards => "Afterwards",
            Self::ManualFix => "Manual fix",
            Self::Checklist => "Checklist",
            Self::DebugPrompt => "Debug prompt",
        }
    }

    /// `Auto-Recovery`, `auto recovery` and `AutoRecovery` are the same.
    fn find(text: &str) -> Option<Self> {
        let plain =
            |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect() };
        let wanted = plain(text);
        Self::ALL.into_iter().find(|heading| plain(heading.label()) == wanted)
    }
}

// === impl Page ===

impl Page {
    /// Reports what is wrong with the form of the file, and returns what could be read.
    pub fn read(file: &File<'_>) -> Self {
        let (front, body) = front_matter(file);
        let mut reader =
            Reader { file, page: Page { front, ..Page::default() }, depth: 0, heading: None, titles: 0, open: None, block: None };
        for (event, range) in Parser::new(&file.text()[body..]).into_offset_iter() {
            reader.event(event, range.start + body..range.end + body);
        }
        reader.close(file.text().len());
        if reader.titles == 0 {
            file.refuse_with_help(body, "the title is missing", "begin the text with `# What is broken`");
        }
        reader.page
    }

    /// The trimmed source text of a prose section.
    pub fn prose(&self, heading: Heading, file: &File<'_>) -> Option<String> {
        let text = file.text()[self.parts.get(&heading)?.body.clone()].trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// The text between a first line `---` and the next one, and where the rest begins.
///
/// Not left to the Markdown parser: it also takes `---` in the middle of a text
/// for front matter, and would swallow the sections that follow.
fn front_matter(file: &File<'_>) -> (Option<Chunk>, usize) {
    let text = file.text();
    let is_rule = |line: &str| line.trim_end() == "---";
    let mut lines = text.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| is_rule(line)) else {
        let help = "begin the file with a line `---`, then `playbook: its-name`, and end the front matter with `---`";
        file.refuse_with_help(0, "the front matter is missing", help);
        return (None, 0);
    };
    let start = first.len();
    let mut at = start;
    for line in lines {
        if is_rule(line) {
            return (Some(Chunk { at: start, text: text[start..at].to_owned() }), at + line.len());
        }
        at += line.len();
    }
    file.refuse(0, "the front matter is not closed: a second line `---` is missing");
    (None, text.len())
}

// === impl Reader ===

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(Tag::Heading { level, .. }) if self.depth == 0 => {
                self.heading = Some((level, range.start, String::new()));
            }
            Event::End(TagEnd::Heading(_)) if self.depth == 0 => self.headed(range.end),
            Event::Start(Tag::List(_) | Tag::BlockQuote(_)) => self.depth += 1,
            Event::End(TagEnd::List(_) | TagEnd::BlockQuote(_)) => self.depth = self.depth.saturating_sub(1),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => self.fence(&info, &range),
            Event::End(TagEnd::CodeBlock) => {
                if let (Some(block), Some((_, part))) = (self.block.take(), &mut self.open) {
                    part.blocks.push(block);
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, _, words)) = &mut self.heading {
                    words.push_str(&text);
                } else if let Some(block) = &mut self.block {
                    block.chunks.push(Chunk { at: range.start, text: text.into_string() });
                }
            }
            _ => {}
        }
    }

    fn fence(&mut self, info: &str, range: &Range<usize>) {
        let source = &self.file.text()[range.clone()];
        let mark = source.chars().next().unwrap_or('`');
        let last = source.trim_end().lines().last().unwrap_or_default();
        let last = last.trim_start_matches([' ', '\t', '>']);
        if source.trim_end().lines().count() < 2 || last.is_empty() || !last.chars().all(|c| c == mark) {
            self.file.refuse(range.start, "this code block is not closed; it swallows the rest of the file");
        }
        let language = info.split([' ', ',', '{']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("yaml") || language.eq_ignore_ascii_case("yml") {
            self.block = Some(Block { at: range.start, chunks: Vec::new() });
        }
    }

    fn headed(&mut self, end: usize) {
        let Some((level, at, words)) = self.heading.take() else { return };
        match level {
            HeadingLevel::H1 => {
                self.close(at);
                self.titles += 1;
                match (self.titles, words.trim()) {
                    (1, "") => self.file.refuse(at, "the title is empty"),
                    (1, title) => title.clone_into(&mut self.page.title),
                    _ => self.file.refuse(at, format!("a second title {}; a playbook has one", quote(words.trim()))),
                }
            }
            HeadingLevel::H2 => {
                self.close(at);
                let Some(heading) = Heading::find(&words) else {
                    let known = Heading::ALL.map(Heading::label);
                    let hint = nearest(&words, &known)
                        .map_or_else(|| format!("known are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
                    self.file.refuse(at, format!("unknown section {}; {hint}", quote(words.trim())));
                    return;
                };
                self.open = Some((heading, Part { at, body: end..end, blocks: Vec::new() }));
            }
            _ => {}
        }
    }

    /// Ends the open section.
    fn close(&mut self, end: usize) {
        let Some((heading, mut part)) = self.open.take() else { return };
        part.body.end = end.max(part.body.start);
        if let Some(first) = self.page.parts.get(&heading) {
            let first = self.file.place(first.at).0;
            self.file.refuse(part.at, format!("a second section `{}`; the first is in line {first}", heading.label()));
            return;
        }
        self.page.parts.insert(heading, part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn read(text: &str) -> (Page, Vec<String>) {
        let file = File::new(Path::new("x.md"), text);
        let page = Page::read(&file);
        let problems = file.into_problems().into_iter();
        (page, problems.map(|problem| format!("{}:{}: {}", problem.line, problem.column, problem.what)).collect())
    }

    #[test]
    fn sections_are_found_in_any_order_and_spelling() {
        let text = "---\na: 1\n---\n# A `b` c\n\nIntro\n\n---\ntext\n\n---\n\n## manual-fix\n\n1. Do *it*\n\n   ## not a section\n\n## AUTO recovery\n\n- see\n  ```yaml heald\n  - x: 1\n    y: 2\n  ```\n\n```sh\nno\n```\n";
        let (page, problems) = read(text);
        assert_eq!(problems, [""; 0]);
        assert_eq!(page.title, "A b c");
        let file = File::new(Path::new("x.md"), text);
        assert_eq!(page.prose(Heading::ManualFix, &file).unwrap(), "1. Do *it*\n\n   ## not a section");
        let block = &page.parts[&Heading::AutoRecovery].blocks;
        assert_eq!(block.len(), 1);
        let yaml: String = block[0].chunks.iter().map(|chunk| chunk.text.as_str()).collect();
        assert_eq!(yaml, "- x: 1\n  y: 2\n");
        for chunk in &block[0].chunks {
            assert!(text[chunk.at..].starts_with(chunk.text.as_str()));
        }
    }

    #[test]
    fn what_is_wrong_with_the_form_is_said() {
        for (text, expected) in [
            ("# T\n", "1:1: the front matter is missing"),
            ("---\na: 1\n# T\n", "1:1: the front matter is not closed: a second line `---` is missing"),
            ("---\na: 1\n---\ntext\n", "4:1: the title is missing"),
            ("---\na: 1\n---\n# T\n# U\n", "5:1: a second title \"U\"; a playbook has one"),
            ("---\na: 1\n---\n# T\n## Verfy\n", "5:1: unknown section \"Verfy\"; did you mean `Verify`?"),
            (
                "---\na: 1\n---\n# T\n## Whatever\n",
                "5:1: unknown section \"Whatever\"; known are Symptoms, Auto-recovery, Verify, Rollback, Afterwards, Manual fix, Checklist, Debug prompt",
            ),
            ("---\na: 1\n---\n# T\n## Verify\n## verify\n", "6:1: a second section `Verify`; the first is in line 5"),
            (
                "---\na: 1\n---\n# T\n## Verify\n```yaml\na: 1\n## Rollback\n",
                "6:1: this code block is not closed; it swallows the rest of the file",
            ),
        ] {
            let (_, problems) = read(text);
            assert!(problems.iter().any(|problem| problem == expected), "{text}: {problems:?}");
        }
    }
}
