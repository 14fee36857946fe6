//! A notice as Block Kit, within its limits (<https://docs.slack.dev/reference/block-kit/blocks/>): a header of 150
//! characters, 3000 in a section, 10 fields of 2000, 25 elements, 50 blocks. Slack refuses the whole message where one of
//! them is broken, so all text is cut here; what is cut first is what a person misses least.

use super::escape::{escaped, fenced, link};
use crate::domain::notice::Notice;
use crate::link::slack::Message;
use crate::notify::button::{Button, Verb};
use crate::notify::card::{self, Row};
use serde_json::{Value, json};

const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 2_900;
const FIELDS_MAX: usize = 10;
/// A row of the card is a line of at most 500 characters.
const FIELD_MAX: usize = 700;
/// For cards that are long all over.
const FIELD_MAX_TIGHT: usize = 200;
const LINKS_MAX: usize = 10;
/// Slack publishes no bound for the blocks together (`msg_blocks_too_long`); seen is one near 13,200 bytes.
const BLOCKS_BYTES_MAX: usize = 12_000;
const BLOCKS_MAX: usize = 50;
/// Slack cuts a text beyond 40,000 characters, and recommends 4,000.
const TEXT_MAX: usize = 3_900;
/// Fields beyond this make room for the sections.
const FIELDS_BYTES_MAX: usize = 6_000;

/// What [`crate::chat`] knows a button of heald's by.
pub const ACTION_PREFIX: &str = "heald_";

/// The incident's card, as it is now.
pub fn card(notice: &Notice, buttons: &[Button]) -> Message {
    let mut blocks = vec![json!({ "type": "header", "text": plain(&card::title(notice), HEADER_MAX) }), what(notice)];
    let (links, facts): (Vec<Row>, Vec<Row>) = card::rows(notice).into_iter().partition(|row| row.link.is_some());
    let roomy = fields(&facts, FIELD_MAX);
    blocks.extend(if size(&roomy) <= FIELDS_BYTES_MAX { roomy } else { fields(&facts, FIELD_MAX_TIGHT) });
    let actions = actions(buttons);
    let links = context(&links);
    let mut room = BLOCKS_BYTES_MAX.saturating_sub(size(&blocks) + size(&actions) + size(&links));
    let count = BLOCKS_MAX - actions.len() - links.len() - 1;
    let mut cut = false;
    for piece in pieces(notice) {
        let block = json!({ "type": "section", "text": mrkdwn(piece) });
        let bytes = size(std::slice::from_ref(&block));
        // Nothing after a gap: half of one and the whole of the other would mislead.
        cut |= bytes > room || blocks.len() >= count;
        if !cut {
            room -= bytes;
            blocks.push(block);
        }
    }
    if cut {
        let whole = match notice.kind.is_of_house() {
            true => "`heald incidents` has them all".to_owned(),
            false => format!("the playbook {} has it whole", escaped(&card::line(&notice.playbook.0), 100)),
        };
        let more = format!("cut here for Slack: {whole}");
        blocks.push(json!({ "type": "context", "elements": [mrkdwn(more)] }));
    }
    blocks.extend(links);
    blocks.extend(actions);
    Message { text: escaped(&format!("{}: {}", card::title(notice), card::line(&notice.reason)), TEXT_MAX), blocks }
}

/// The same as one text, for a Slack that does not take the blocks.
pub fn plain_card(notice: &Notice) -> Message {
    Message { text: escaped(&card::text(notice), TEXT_MAX), blocks: Vec::new() }
}

/// One line for the incident's thread.
pub fn log_line(notice: &Notice) -> Message {
    Message { text: escaped(&card::news(notice), TEXT_MAX), blocks: Vec::new() }
}

/// The playbook's title and the alert's own words.
fn what(notice: &Notice) -> Value {
    let mut text = format!("*{}*", starless(&escaped(&card::line(&notice.title), 600)));
    // A digest's list has a section of its own.
    let summary = if notice.kind.is_of_house() { notice.summary.lines().next().unwrap_or_default() } else { &notice.summary };
    if !summary.is_empty() {
        text.push_str(&format!("\n>{}", escaped(&card::line(summary), 1_200)));
    }
    json!({ "type": "section", "text": mrkdwn(text) })
}

fn fields(facts: &[Row], max: usize) -> Vec<Value> {
    let field = |row: &Row| mrkdwn(format!("*{}*\n{}", row.name, escaped(&row.value, max)));
    let section = |rows: &[Row]| json!({ "type": "section", "fields": rows.iter().map(field).collect::<Vec<_>>() });
    facts.chunks(FIELDS_MAX).map(section).collect()
}

/// What a person may do, and the lines of a digest.
fn pieces(notice: &Notice) -> Vec<String> {
    let mut pieces = Vec::new();
    for (heading, body) in card::sections(notice) {
        let heading = format!("*{heading}*\n");
        let mut heading = Some(heading);
        for piece in fenced(&body, SECTION_MAX) {
            pieces.push(heading.take().unwrap_or_default() + &piece);
        }
    }
    pieces
}

fn context(links: &[Row]) -> Vec<Value> {
    let link = |row: &Row| link(row.link.as_deref()?, row.name, SECTION_MAX / 2);
    let mut room = BLOCKS_BYTES_MAX / 4;
    let elements: Vec<Value> = links
        .iter()
        .filter_map(link)
        .filter(|link| room.checked_sub(link.len()).inspect(|left| room = *left).is_some())
        .take(LINKS_MAX)
        .map(mrkdwn)
        .collect();
    if elements.is_empty() { Vec::new() } else { vec![json!({ "type": "context", "elements": elements })] }
}

fn actions(buttons: &[Button]) -> Vec<Value> {
    if buttons.is_empty() {
        return Vec::new();
    }
    vec![json!({ "type": "actions", "block_id": "heald", "elements": buttons.iter().map(button).collect::<Vec<_>>() })]
}

fn button(button: &Button) -> Value {
    let mut element = json!({
        "type": "button",
        "action_id": format!("{ACTION_PREFIX}{}", action(button.verb)),
        "text": plain(button.label, 75),
        "value": button.token,
    });
    let style = match button.verb {
        Verb::Approve => Some("primary"),
        Verb::Deny => Some("danger"),
        _ => None,
    };
    if let Some(style) = style {
        element["style"] = style.into();
    }
    if button.verb.is_weighty() {
        element["confirm"] = json!({
            "title": plain(&format!("{}?", button.label), 100),
            "text": plain(warning(button.verb), 300),
            "confirm": plain(button.label, 30),
            "deny": plain("Back", 30),
            "style": if button.verb == Verb::Approve { "primary" } else { "danger" },
        });
    }
    element
}

fn action(verb: Verb) -> &'static str {
    match verb {
        Verb::Ack => "ack",
        Verb::Approve => "approve",
        Verb::Deny => "deny",
        Verb::Silence => "silence",
        Verb::PausePlaybook => "pause_playbook",
        Verb::Details => "details",
        Verb::Review => "review",
    }
}

fn warning(verb: Verb) -> &'static str {
    match verb {
        Verb::Approve => "heald then does what the card says, within its limits.",
        Verb::Deny => "heald then leaves it to people.",
        Verb::PausePlaybook => "heald then repairs nothing with this playbook until somebody resumes it.",
        _ => "Is that what you want?",
    }
}

fn mrkdwn(text: String) -> Value {
    // Slack then makes no links of what only looks like a name or an address.
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

fn plain(text: &str, max: usize) -> Value {
    json!({ "type": "plain_text", "text": escaped(text, max), "emoji": true })
}

/// A star would end the bold print early.
fn starless(text: &str) -> String {
    text.replace('*', "∗")
}

fn size(blocks: &[Value]) -> usize {
    blocks.iter().map(|block| block.to_string().len() + 1).sum()
}
