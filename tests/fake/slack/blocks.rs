//! Block Kit's documented limits, and what Slack's parser would make of a text.

use serde_json::Value;

/// Slack's word for what is wrong with a message.
pub fn check(body: &Value) -> Result<(), &'static str> {
    let text = body["text"].as_str().unwrap_or_default();
    let blocks = body["blocks"].as_array();
    if text.is_empty() && blocks.is_none_or(Vec::is_empty) {
        return Err("no_text");
    }
    if count(text) > 40_000 {
        return Err("msg_too_long");
    }
    let Some(blocks) = blocks else { return Ok(()) };
    if serde_json::to_string(blocks).unwrap().len() > 13_200 {
        return Err("msg_blocks_too_long");
    }
    if blocks.len() > 50 || !blocks.iter().all(is_sound) {
        return Err("invalid_blocks");
    }
    Ok(())
}

fn is_sound(block: &Value) -> bool {
    let all = |list: &Value, max: usize, check: &dyn Fn(&Value) -> bool| {
        list.as_array().is_some_and(|list| (1..=max).contains(&list.len()) && list.iter().all(check))
    };
    let id = block["block_id"].as_str().is_none_or(|id| count(id) <= 255);
    id && match block["type"].as_str() {
        Some("header") => is_text(&block["text"], &["plain_text"], 150),
        Some("section") if block.get("fields").is_some() => all(&block["fields"], 10, &|field| is_text(field, &BOTH, 2_000)),
        Some("section") => is_text(&block["text"], &BOTH, 3_000),
        Some("context") => all(&block["elements"], 10, &|element| is_text(element, &BOTH, 3_000)),
        Some("actions") => all(&block["elements"], 25, &is_button),
        Some("divider") => true,
        _ => false,
    }
}

const BOTH: [&str; 2] = ["mrkdwn", "plain_text"];

fn is_button(button: &Value) -> bool {
    let style = |style: &Value| style.is_null() || style == "primary" || style == "danger";
    let confirm = |confirm: &Value| {
        confirm.is_null()
            || is_text(&confirm["title"], &["plain_text"], 100)
                && is_text(&confirm["text"], &["plain_text"], 300)
                && is_text(&confirm["confirm"], &["plain_text"], 30)
                && is_text(&confirm["deny"], &["plain_text"], 30)
                && style(&confirm["style"])
    };
    button["type"] == "button"
        && is_text(&button["text"], &["plain_text"], 75)
        && button["action_id"].as_str().is_some_and(|id| (1..=255).contains(&count(id)))
        && button["value"].as_str().is_some_and(|value| count(value) <= 2_000)
        && style(&button["style"])
        && confirm(&button["confirm"])
}

fn is_text(text: &Value, kinds: &[&str], max: usize) -> bool {
    let known = ["type", "text", "emoji", "verbatim"];
    text["type"].as_str().is_some_and(|kind| kinds.contains(&kind))
        && text["text"].as_str().is_some_and(|text| (1..=max).contains(&count(text)))
        && text.as_object().is_some_and(|fields| fields.keys().all(|field| known.contains(&field.as_str())))
        // `emoji` belongs to plain text, `verbatim` to mrkdwn.
        && (text["type"] == "plain_text" || text.get("emoji").is_none())
        && (text["type"] == "mrkdwn" || text.get("verbatim").is_none())
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// What Slack would act on instead of showing it: the insides of each `<…>`, and a `<` without its end.
pub fn controls(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap_or(rest.len());
        found.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    found
}

/// Every text that a message shows.
pub fn texts(message: &Value) -> Vec<String> {
    match message {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(text) if key == "text" => vec![text.clone()],
                other => texts(other),
            })
            .collect(),
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// As a person reads it.
pub fn shown(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
