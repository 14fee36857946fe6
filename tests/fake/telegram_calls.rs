//! The methods, one by one.

use super::{Answer, BOT, CONFLICT, Fake, Fault, Keyboard, Message, Shared, chat_of, html, me};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

type Called = Result<Value, (u16, String)>;

const TEXT_MAX: usize = 4_096;

fn bad(text: &str) -> (u16, String) {
    (400, format!("Bad Request: {text}"))
}

/// <https://core.telegram.org/bots/api#getupdates>
pub async fn get_updates(shared: &Arc<Shared>, body: &Value) -> Called {
    let mut changed = shared.changed.subscribe();
    let ticket = {
        let mut state = shared.state.lock().unwrap();
        state.poller += 1;
        let offset = body["offset"].as_i64();
        state.offset = offset;
        // Whoever asks from an offset on has got all before it.
        if let Some(offset) = offset.filter(|offset| *offset > 0) {
            state.updates.retain(|update| update["update_id"].as_i64() >= Some(offset));
        }
        state.poller
    };
    // The one that waited so far is told at once.
    shared.changed.send_modify(|changes| *changes += 1);
    let limit = usize::try_from(body["limit"].as_u64().unwrap_or(100).clamp(1, 100)).unwrap();
    let allowed: Option<Vec<String>> = serde_json::from_value(body["allowed_updates"].clone()).ok();
    let wait = Duration::from_secs(body["timeout"].as_u64().unwrap_or(0));
    let end = tokio::time::Instant::now() + wait;
    loop {
        {
            let state = shared.state.lock().unwrap();
            if state.poller != ticket {
                let Fault::Refuses(code, text) = CONFLICT else { unreachable!() };
                return Err((code, text.to_owned()));
            }
            let wanted = |update: &&Value| {
                allowed.as_ref().is_none_or(|kinds| kinds.iter().any(|kind| update.get(kind.as_str()).is_some()))
            };
            let found: Vec<Value> = state.updates.iter().filter(wanted).take(limit).cloned().collect();
            if !found.is_empty() {
                return Ok(found.into());
            }
        }
        match tokio::time::timeout_at(end, changed.changed()).await {
            Ok(_) => {}
            Err(_) => return Ok(json!([])),
        }
    }
}

pub fn call(state: &mut Fake, method: &str, body: &Value) -> Called {
    match method {
        "getme" => Ok(me()),
        "sendmessage" => send(state, body),
        "editmessagetext" => edit(state, body),
        "answercallbackquery" => answer(state, body),
        "setmycommands" => commands(state, body),
        _ => Err((404, "Not Found: method not found".to_owned())),
    }
}

/// <https://core.telegram.org/bots/api#sendmessage>
fn send(state: &mut Fake, body: &Value) -> Called {
    let chat = chat(state, body)?;
    let (text, is_html) = text(body, "message is too long")?;
    let keyboard = keyboard(body)?;
    let reply = &body["reply_parameters"];
    let mut reply_to = reply["message_id"].as_i64().and_then(|id| i32::try_from(id).ok());
    if let Some(id) = reply_to
        && !state.chats[&chat].iter().any(|message| message.id == id)
    {
        if reply["allow_sending_without_reply"] != true {
            return Err(bad("message to be replied not found"));
        }
        reply_to = None;
    }
    let message = Message {
        id: state.next_message,
        from: BOT,
        text,
        body: body["text"].as_str().unwrap_or_default().to_owned(),
        is_html,
        keyboard,
        reply_to,
        is_silent: body["disable_notification"] == true,
        edits: 0,
    };
    state.next_message += 1;
    let answer = shown(chat, &message);
    state.chats.entry(chat).or_default().push(message);
    Ok(answer)
}

/// <https://core.telegram.org/bots/api#editmessagetext>
fn edit(state: &mut Fake, body: &Value) -> Called {
    let chat = chat(state, body)?;
    let (text, is_html) = text(body, "MESSAGE_TOO_LONG")?;
    let keyboard = keyboard(body)?;
    let messages = state.chats.entry(chat).or_default();
    let Some(message) = messages.iter_mut().find(|message| Some(i64::from(message.id)) == body["message_id"].as_i64()) else {
        return Err(bad("message to edit not found"));
    };
    if message.from != BOT {
        return Err(bad("message can't be edited"));
    }
    let raw = body["text"].as_str().unwrap_or_default();
    if message.body == raw && message.is_html == is_html && message.keyboard == keyboard {
        let text = "message is not modified: specified new message content and reply markup are exactly the same as a \
                    current content and reply markup of the message";
        return Err(bad(text));
    }
    message.text = text;
    message.body = raw.to_owned();
    message.is_html = is_html;
    message.keyboard = keyboard;
    message.edits += 1;
    Ok(shown(chat, message))
}

/// <https://core.telegram.org/bots/api#answercallbackquery>
fn answer(state: &mut Fake, body: &Value) -> Called {
    let query = body["callback_query_id"].as_str().unwrap_or_default().to_owned();
    let Some(at) = state.open_queries.iter().position(|open| *open == query) else {
        return Err(bad("query is too old and response timeout expired or query ID is invalid"));
    };
    let text = body["text"].as_str().unwrap_or_default().to_owned();
    if text.chars().count() > 200 {
        return Err(bad("MESSAGE_TOO_LONG"));
    }
    state.open_queries.remove(at);
    state.answers.push(Answer { query, text, alert: body["show_alert"] == true });
    Ok(true.into())
}

/// <https://core.telegram.org/bots/api#setmycommands>
fn commands(state: &mut Fake, body: &Value) -> Called {
    let found = body["commands"].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found: Vec<_> = found.iter().map(|entry| (word(&entry["command"]), word(&entry["description"]))).collect();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    for (name, what) in &found {
        if !(1..=32).contains(&name.len()) || !name.chars().all(fits) {
            return Err(bad("BOT_COMMAND_INVALID"));
        }
        if !(1..=256).contains(&what.chars().count()) {
            return Err(bad("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    if found.len() > 100 {
        return Err(bad("BOT_COMMANDS_TOO_MUCH"));
    }
    state.commands = found;
    Ok(true.into())
}

fn chat(state: &Fake, body: &Value) -> Result<i64, (u16, String)> {
    let chat = &body["chat_id"];
    let chat = chat.as_i64().or_else(|| chat.as_str()?.parse().ok());
    chat.filter(|chat| state.chats.contains_key(chat)).ok_or_else(|| bad("chat not found"))
}

/// What is shown, and whether it came as HTML.
fn text(body: &Value, too_long: &str) -> Result<(String, bool), (u16, String)> {
    let raw = body["text"].as_str().unwrap_or_default();
    let is_html = match body["parse_mode"].as_str() {
        None => false,
        Some(mode) if mode.eq_ignore_ascii_case("html") => true,
        Some(_) => return Err(bad("unsupported parse_mode")),
    };
    let shown = match is_html {
        true => html::parse(raw).map_err(|why| bad(&format!("can't parse entities: {why}")))?,
        false => raw.to_owned(),
    };
    // Trimmed, as the public server does.
    let shown = shown.trim().to_owned();
    if shown.is_empty() {
        return Err(bad("message text is empty"));
    }
    if shown.encode_utf16().count() > TEXT_MAX {
        return Err(bad(too_long));
    }
    Ok((shown, is_html))
}

/// <https://core.telegram.org/bots/api#inlinekeyboardbutton>: 1 to 64 bytes of data.
fn keyboard(body: &Value) -> Result<Keyboard, (u16, String)> {
    let mut keyboard = Vec::new();
    for row in body["reply_markup"]["inline_keyboard"].as_array().into_iter().flatten() {
        let mut keys = Vec::new();
        for key in row.as_array().into_iter().flatten() {
            let (label, data) = (key["text"].as_str().unwrap_or_default(), key["callback_data"].as_str().unwrap_or_default());
            if !(1..=64).contains(&data.len()) || label.is_empty() {
                return Err(bad("BUTTON_DATA_INVALID"));
            }
            keys.push((label.to_owned(), data.to_owned()));
        }
        keyboard.push(keys);
    }
    Ok(keyboard)
}

fn shown(chat: i64, message: &Message) -> Value {
    json!({
        "message_id": message.id, "date": 1_795_312_000, "chat": chat_of(chat), "from": me(), "text": message.text,
    })
}
