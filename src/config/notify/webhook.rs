//! `webhook: { url, bearer_file, hmac_file, headers, content_type, template }`

use super::url;
use crate::config::secret::{Places, Secret};
use crate::notify::Kind;
use crate::notify::webhook::template::Template;
use crate::notify::webhook::{JSON, Settings, headers};
use crate::yaml::{Fields, quote, text};

pub fn read(mut fields: Fields<'_>, places: &Places<'_>) -> Option<Kind> {
    let file = fields.file();
    let url = url(&mut fields);
    let bearer: Option<Secret> = places.read(&mut fields, "bearer_file", "bearer");
    let hmac: Option<Secret> = places.read(&mut fields, "hmac_file", "hmac");
    let headers = fields.fields("headers").map(|fields| pairs(fields, places)).unwrap_or_default();
    let content_type = fields.text("content_type");
    if fields.has("content_type") && !fields.has("template") {
        fields.missing("template", "`content_type` is for what a template makes; the card is JSON");
    }
    let content_type = content_type.unwrap_or_else(|| JSON.to_owned());
    let template = fields.node("template").and_then(|node| {
        let template = text(file, node)?;
        Template::new(template.clone(), &content_type).map_err(|why| file.refuse(node.at, why)).ok()?;
        Some(template)
    });
    fields.end();
    let secret = |secret: Option<Secret>| secret.map(|secret| secret.reveal().to_owned());
    let settings = Settings::new(url?, secret(bearer));
    Some(Kind::Webhook(Settings { hmac: secret(hmac), headers, content_type, template, ..settings }))
}

/// `NAME: value`, or `NAME: { file: F }` where the value is a secret.
fn pairs(fields: Fields<'_>, places: &Places<'_>) -> Vec<(String, String)> {
    const HEALDS: [&str; 4] = ["content-type", "content-length", "host", "idempotency-key"];
    let file = fields.file();
    let mut pairs = Vec::new();
    for (key, node) in fields.entries() {
        let name = key.name.to_ascii_lowercase();
        if HEALDS.contains(&name.as_str()) || name.starts_with("x-heald-") {
            file.refuse(key.at, format!("{} is set by heald itself", quote(&key.name)));
            continue;
        }
        let value = if let crate::yaml::Kind::Map(_) = node.kind {
            let Some(mut inner) = Fields::of(file, node) else { continue };
            let secret = places.read(&mut inner, "file", "value");
            if !inner.has("file") && !inner.has("value") {
                inner.missing("file", "write `{ file: /path/of/the/file }`");
            }
            inner.end();
            secret.map(|secret| secret.reveal().to_owned())
        } else if ["authorization", "cookie", "token", "key", "secret"].iter().any(|word| name.contains(word)) {
            let help = "put it into a file of its own and name that: `{ file: /path/of/the/file }`";
            file.refuse_with_help(node.at, "a secret does not belong into this file", help);
            None
        } else {
            text(file, node)
        };
        let Some(value) = value else { continue };
        match headers(&[(key.name.clone(), value.clone())]) {
            Ok(_) => pairs.push((key.name.clone(), value)),
            Err(why) => file.refuse(key.at, why),
        }
    }
    pairs
}
