//! Telegram's HTML as <https://core.telegram.org/bots/api#html-style> has it: which tags, which entities, closed in order.

/// The text that is shown.
///
/// # Errors
/// Why Telegram would answer "can't parse entities".
pub fn parse(html: &str) -> Result<String, String> {
    let mut shown = String::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(c) = rest.chars().next() {
        match c {
            '<' => {
                let end = rest.find('>').ok_or("Unclosed start tag")?;
                let tag = &rest[1..end];
                rest = &rest[end + 1..];
                if let Some(name) = tag.strip_prefix('/') {
                    if open.pop().as_deref() != Some(name) {
                        return Err(format!("Unmatched end tag </{name}>"));
                    }
                } else {
                    open.push(name(tag, open.last())?);
                }
            }
            '&' => {
                // What is no entity stays as it is; Telegram knows four by name and all by number.
                let entity = rest.find(';').filter(|end| *end <= 10).map(|end| &rest[1..end]);
                let c = entity.and_then(|entity| match entity {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    other => other.strip_prefix('#')?.parse().ok().and_then(char::from_u32),
                });
                shown.push(c.unwrap_or('&'));
                rest = c.map_or(&rest[1..], |_| &rest[rest.find(';').map_or(1, |end| end + 1)..]);
            }
            _ => {
                shown.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    match open.pop() {
        Some(tag) => Err(format!("Can't find end tag corresponding to start tag \"{tag}\"")),
        None => Ok(shown),
    }
}

fn name(tag: &str, around: Option<&String>) -> Result<String, String> {
    let (name, attribute) = tag.split_once(' ').unwrap_or((tag, ""));
    let sound = match name {
        "b" | "strong" | "i" | "em" | "u" | "ins" | "s" | "strike" | "del" | "code" | "pre" | "tg-spoiler" => {
            attribute.is_empty()
        }
        "blockquote" => matches!(attribute, "" | "expandable"),
        "a" => attribute.strip_prefix("href=\"").and_then(|url| url.strip_suffix('"')).is_some_and(|url| !url.contains('"')),
        _ => false,
    };
    if !sound {
        return Err(format!("Unsupported start tag \"{tag}\""));
    }
    if around.is_some_and(|around| matches!(around.as_str(), "code" | "pre")) {
        return Err(format!("\"{tag}\" inside of code"));
    }
    Ok(name.to_owned())
}
