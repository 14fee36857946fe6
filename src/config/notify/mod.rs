//! `notify:` — the channels to people, one file per kind.

use super::read::url;
use super::secret::Places;
use crate::chat::People;
use crate::notify::slack::App;
use crate::notify::{Kind, LOG, Settings};
use crate::yaml::{Fields, File, Node, quote};

mod people;
mod slack;
mod webhook;

/// Names that mean something else in `escalation:`.
const RESERVED: [&str; 2] = [LOG, "digest"];

pub fn read(mut fields: Fields<'_>, places: &Places<'_>, people: &mut People) -> Settings {
    let mut settings = Settings::default();
    // Short for a channel of that name.
    if let Some(fields) = fields.fields("webhook")
        && let Some(kind) = webhook::read(fields, places)
    {
        settings.channels.insert("webhook".to_owned(), kind);
    }
    let has_slack = fields.has("slack");
    let slack = fields.fields("slack").and_then(|fields| slack::app(fields, places));
    if let Some(channels) = fields.fields("channels") {
        let file = channels.file();
        for (key, node) in channels.entries() {
            if let Err(why) = sound(&key.name, &settings) {
                file.refuse(key.at, why);
            }
            if let Some(kind) = channel(file, node, places, (slack.as_ref(), has_slack)) {
                settings.channels.insert(key.name.clone(), kind);
            }
        }
    }
    if let Some(fields) = fields.fields("people") {
        *people = people::read(&fields);
    }
    fields.end();
    settings
}

/// `NAME: { KIND: … }`
fn channel(file: &File<'_>, node: &Node, places: &Places<'_>, app: (Option<&App>, bool)) -> Option<Kind> {
    let mut fields = Fields::of(file, node)?;
    let kind = if let Some(fields) = fields.fields("webhook") {
        webhook::read(fields, places)
    } else if let Some(fields) = fields.fields("slack") {
        slack::channel(fields, app.0, app.1)
    } else if let Some(fields) = fields.fields("slack_webhook") {
        slack::webhook(fields, places)
    } else {
        file.refuse(node.at, "a channel needs its kind: `webhook: { url: … }`");
        None
    };
    fields.end();
    kind
}

fn sound(name: &str, settings: &Settings) -> Result<(), String> {
    if RESERVED.contains(&name) {
        return Err(format!("{} can't be a channel's name: it means something else in `escalation:`", quote(name)));
    }
    if settings.channels.contains_key(name) {
        return Err(format!("there are two channels {}", quote(name)));
    }
    if !is_name(name) {
        return Err(format!("{} can't be a channel's name: write at most 32 letters, digits, _ and -", quote(name)));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    (1..=32).contains(&name.len()) && name.chars().all(fits)
}
