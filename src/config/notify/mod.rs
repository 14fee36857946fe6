//! `notify:` — the channels to people, one file per kind.

use super::read::url;
use super::secret::Places;
use crate::chat::People;
use crate::notify::slack::App;
use crate::notify::{Kind, LOG, Settings, heartbeat};
use crate::yaml::{Fields, File, Node, quote};
use std::time::Duration;

mod email;
mod gitea;
mod people;
mod slack;
mod telegram;
mod webhook;

/// Names that mean something else in `escalation:`.
const RESERVED: [&str; 2] = [LOG, "digest"];

/// What channels of one kind have in common.
struct Shared {
    has_bot: bool,
    /// `None`: not written; in it `None`: no good, which is said already.
    slack: Option<Option<App>>,
}

pub fn read(mut fields: Fields<'_>, places: &Places<'_>, people: &mut People) -> Settings {
    let telegram = fields.fields("telegram").and_then(|fields| telegram::bot(fields, places));
    let mut settings = Settings { telegram, ..Settings::default() };
    // Short for a channel of that name.
    if let Some(fields) = fields.fields("webhook")
        && let Some(kind) = webhook::read(fields, places)
    {
        settings.channels.insert("webhook".to_owned(), kind);
    }
    let shared =
        Shared { has_bot: fields.has("telegram"), slack: fields.fields("slack").map(|fields| slack::app(fields, places)) };
    if let Some(channels) = fields.fields("channels") {
        let file = channels.file();
        for (key, node) in channels.entries() {
            if let Err(why) = sound(&key.name, &settings) {
                file.refuse(key.at, why);
            }
            if let Some(kind) = channel(file, node, places, &shared) {
                settings.channels.insert(key.name.clone(), kind);
            }
        }
    }
    if let Some(fields) = fields.fields("people") {
        *people = people::read(&fields);
    }
    settings.heartbeat = fields.fields("heartbeat").and_then(|fields| heartbeat(fields, places));
    fields.end();
    settings
}

fn heartbeat(mut fields: Fields<'_>, places: &Places<'_>) -> Option<heartbeat::Settings> {
    let every = fields.span("every", Duration::from_secs(1)..=Duration::from_secs(86_400)).unwrap_or(Duration::from_secs(60));
    // Such an URL is a secret as often as not.
    let from_file = places.read(&mut fields, "url_file", "token").map(|secret| secret.reveal().trim().to_owned());
    let url = if fields.has("url_file") { from_file } else { url(&mut fields) };
    fields.end();
    Some(heartbeat::Settings { url: url?, every })
}

/// `NAME: { KIND: … }`
fn channel(file: &File<'_>, node: &Node, places: &Places<'_>, shared: &Shared) -> Option<Kind> {
    let mut fields = Fields::of(file, node)?;
    let kind = if let Some(fields) = fields.fields("webhook") {
        webhook::read(fields, places)
    } else if let Some(fields) = fields.fields("telegram") {
        telegram::read(fields, shared.has_bot)
    } else if let Some(fields) = fields.fields("slack") {
        slack::channel(fields, &shared.slack)
    } else if let Some(fields) = fields.fields("slack_webhook") {
        slack::webhook(fields, places)
    } else if let Some(fields) = fields.fields("gitea") {
        gitea::read(fields, places)
    } else if let Some(fields) = fields.fields("email") {
        email::read(fields, places)
    } else {
        file.refuse(node.at, "a channel needs its kind: `telegram`, `slack`, `slack_webhook`, `gitea`, `email` or `webhook`, as in `{ telegram: { chat: -100123 } }`");
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
