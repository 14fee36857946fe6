//! A notice as Gitea's Markdown, in which nothing that came from an alert has a meaning.
//!
//! Whatever is not heald's own wording stands in code: Gitea makes neither mentions nor references, links, images or HTML
//! of it (`modules/references`, `modules/markup/mdstripper` of its source). A title knows no code: there the signs that
//! Gitea looks for are torn apart.

use crate::domain::notice::{Notice, NoticeKind};
use crate::notify::card;
use std::fmt::Write;

/// A hidden line by which heald knows its issues again.
///
/// `<!-- heald web-1/17 web-1/down/unit%20web.service web-1/17/escalated/3 -->`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Host and number.
    pub incident: String,
    /// Host, playbook and target: the same for all incidents of one problem.
    pub problem: String,
    /// The notice that the issue was made for.
    pub notice: String,
}

/// Gitea cuts titles at 255 characters.
const TITLE_MAX: usize = 200;
/// Joins two characters without a place to break, and is not seen.
const JOINER: char = '\u{2060}';

// === impl Mark ===

impl Mark {
    pub fn of(notice: &Notice) -> Self {
        let problem = if notice.kind.is_of_house() {
            format!("{}/heald/{}", notice.host, notice.kind.label())
        } else {
            format!("{}/{}/{}", notice.host, notice.playbook, notice.target)
        };
        let incident = format!("{}/{}", notice.host, notice.incident);
        Self { incident: coded(&incident), problem: coded(&problem), notice: coded(&card::key(notice)) }
    }

    /// The mark in an issue's text. Alert text can't hold one: it never begins a line there.
    pub fn read(body: &str) -> Option<Self> {
        body.lines().find_map(|line| {
            let words = line.strip_prefix("<!-- heald ")?.trim_end().strip_suffix(" -->")?;
            let mut words = words.split(' ').map(str::to_owned);
            let mark = Self { incident: words.next()?, problem: words.next()?, notice: words.next()? };
            words.next().is_none().then_some(mark)
        })
    }

    fn line(&self) -> String {
        format!("<!-- heald {} {} {} -->", self.incident, self.problem, self.notice)
    }
}

/// Without anything that changes later: `P1 SystemdUnitFailed: unit web.service on web-1`.
pub fn title(notice: &Notice) -> String {
    let text = if notice.kind.is_of_house() {
        format!("heald on {}: {}", notice.host, card::headline(notice))
    } else {
        let name = [card::severity(notice), &notice.alertname].join(" ");
        format!("{}: {} on {}", name.trim(), notice.target, notice.host)
    };
    torn(&card::line(&text)).chars().take(TITLE_MAX).collect()
}

/// The text: the whole card as it is now.
pub fn body(notice: &Notice) -> String {
    let mut text = format!("{} **{}**\n\n", card::emoji(notice), card::headline(notice));
    push_words(&mut text, notice);
    push_facts(&mut text, notice);
    text.push_str(&Mark::of(notice).line());
    text.push('\n');
    text
}

/// What is new. A person who is called gets the whole card, for the text is of an earlier moment.
pub fn comment(notice: &Notice) -> String {
    let mut text = format!("{} **{}** at {}: {}\n", card::emoji(notice), card::headline(notice), notice.at, reason(notice));
    if notice.kind != NoticeKind::Progress {
        text.push('\n');
        push_facts(&mut text, notice);
    }
    text
}

/// The first comment of a further incident on a problem's issue.
pub fn again(notice: &Notice) -> String {
    let count = format!("**Incident {} is the {} in 30 days** of this playbook and target.", notice.incident, nth(notice.times));
    format!("{count}\n\n{}", comment(notice))
}

fn push_words(text: &mut String, notice: &Notice) {
    for words in [&notice.title, &notice.summary] {
        let words = code(words);
        if !words.is_empty() && *words != *code(&notice.reason) {
            // Writing to a String can't fail.
            let _ = writeln!(text, "{words}\n");
        }
    }
}

fn push_facts(text: &mut String, notice: &Notice) {
    for row in card::rows(notice) {
        let _ = match &row.link {
            Some(url) => writeln!(text, "- **{}:** [{}](<{}>)", row.name, row.name.to_lowercase(), address(url)),
            None => writeln!(text, "- **{}:** {}", row.name, code(&row.value)),
        };
    }
    text.push('\n');
    for (heading, body) in card::sections(notice) {
        let fence = "`".repeat(longest_run(&body).max(2) + 1);
        let _ = writeln!(text, "**{heading}**\n\n{fence}text\n{}\n{fence}\n", body.replace("<!--", &format!("<{JOINER}!--")));
    }
}

fn reason(notice: &Notice) -> String {
    code(notice.reason.lines().next().unwrap_or_default())
}

/// Between more backticks than the text has in a row (CommonMark, code spans).
pub fn code(text: &str) -> String {
    let text = card::line(text);
    if text.is_empty() {
        return text;
    }
    let ticks = "`".repeat(longest_run(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// `@`, `#` and `!` begin mentions and references, `://` a link, and a backtick code.
fn torn(text: &str) -> String {
    let mut torn = String::with_capacity(text.len());
    for c in text.replace("://", &format!(":{JOINER}//")).chars() {
        torn.push(c);
        if matches!(c, '@' | '#' | '!') {
            torn.push(JOINER);
        }
    }
    torn.replace('`', "'")
}

/// A URL between `<` and `>`; `card` has refused spaces and control characters.
fn address(url: &str) -> String {
    url.chars().fold(String::new(), |mut safe, c| {
        match c {
            '<' | '>' | '\\' | '`' | '"' | '\'' => {
                let _ = write!(safe, "%{:02X}", u32::from(c));
            }
            c => safe.push(c),
        }
        safe
    })
}

/// Without spaces, and without what ends a comment.
fn coded(text: &str) -> String {
    let mut coded = String::new();
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b':');
        // Two of them in a row would end the comment in some readers.
        if is_plain || byte == b'-' && !coded.ends_with('-') {
            coded.push(char::from(byte));
        } else {
            let _ = write!(coded, "%{byte:02X}");
        }
    }
    coded
}

/// 1st, 2nd, 3rd, 4th, 11th.
fn nth(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}
