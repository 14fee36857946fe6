//! `notify:` — the channels to people, one file per kind.

use super::read::url;
use super::secret::Places;
use crate::notify::{Kind, LOG, Settings, heartbeat};
use crate::yaml::{Fields, File, Node, quote};
use std::time::Duration;

mod email;
mod gitea;
mod webhook;

/// Names that mean something else in `escalation:`.
const RESERVED: [&str; 2] = [LOG, "digest"];

pub fn read(mut fields: Fields<'_>, places: &Places<'_>) -> Settings {
    let mut settings = Settings::default();
    // Short for a channel of that name.
    if let Some(fields) = fields.fields("webhook")
        && let Some(kind) = webhook::read(fields, places)
    {
        settings.channels.insert("webhook".to_owned(), kind);
    }
    if let Some(channels) = fields.fields("channels") {
        let file = channels.file();
        for (key, node) in channels.entries() {
            if let Err(why) = sound(&key.name, &settings) {
                file.refuse(key.at, why);
            }
            if let Some(kind) = channel(file, node, places) {
                settings.channels.insert(key.name.clone(), kind);
            }
        }
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
fn channel(file: &File<'_>, node: &Node, places: &Places<'_>) -> Option<Kind> {
    let mut fields = Fields::of(file, node)?;
    let kind = if let Some(fields) = fields.fields("webhook") {
        webhook::read(fields, places)
    } else if let Some(fields) = fields.fields("gitea") {
        gitea::read(fields, places)
    } else if let Some(fields) = fields.fields("email") {
        email::read(fields, places)
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
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > 32 || !name.chars().all(fits) {
        return Err(format!("{} can't be a channel's name: write at most 32 letters, digits, _ and -", quote(name)));
    }
    Ok(())
}
