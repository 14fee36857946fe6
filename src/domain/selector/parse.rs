//! The text of matchers, as Alertmanager reads it by default (0.27 and later): its UTF-8 grammar first, the classic one
//! where that one fails, and the classic result where both take a text and disagree.
//!
//! heald is stricter in two things: braces come in pairs, and a name is never empty. Sources: Alertmanager's
//! `matcher/parse`, `pkg/labels`, `matcher/compat` and their tests.

/// One matcher taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    pub name: String,
    /// `=`, `!=`, `=~` or `!~`
    pub operator: &'static str,
    pub value: String,
}

/// What a word without quotes may not hold in the UTF-8 grammar.
const RESERVED: &str = "{}!=~,\\\"'`";
/// The longer ones first.
const OPERATORS: [&str; 4] = ["=~", "!~", "!=", "="];

/// A list of matchers, with or without braces; empty texts and braces give none.
///
/// # Errors
/// What is wrong, after `matcher "…": `.
pub fn list(text: &str) -> Result<Vec<Parts>, String> {
    let inner = text.trim();
    let inner = match (inner.strip_prefix('{'), inner.ends_with('}')) {
        (Some(rest), true) => &rest[..rest.len().saturating_sub(1)],
        (None, false) => inner,
        _ => return Err("a brace is missing".to_owned()),
    };
    match (utf8(inner), classic(inner)) {
        (Ok(parts), None) => Ok(parts),
        (_, Some(parts)) => Ok(parts),
        (Err(why), None) => Err(why),
    }
}

/// As Alertmanager prints it; both grammars read it back.
pub fn print(name: &str, operator: &str, value: &str) -> String {
    let plain = !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || RESERVED.contains(c));
    let name = if plain { name.to_owned() } else { quoted(name) };
    format!("{name}{operator}{}", quoted(value))
}

fn quoted(text: &str) -> String {
    let mut word = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => word.push_str("\\\""),
            '\\' => word.push_str("\\\\"),
            '\n' => word.push_str("\\n"),
            other => word.push(other),
        }
    }
    word.push('"');
    word
}

// === the UTF-8 grammar ===

fn utf8(text: &str) -> Result<Vec<Parts>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = word(rest)?.ok_or("a label name is missing")?;
        if name.is_empty() {
            return Err("a label name is missing".to_owned());
        }
        let after = after.trim_start();
        let operator = operator(after).ok_or_else(|| format!("after {name:?} one of = != =~ !~ is missing"))?;
        let (value, after) = word(after[operator.len()..].trim_start())?.ok_or_else(|| format!("{name:?} has no value"))?;
        found.push(Parts { name, operator, value });
        rest = after.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        } else if !rest.is_empty() {
            return Err(format!("a comma is missing before {rest:?}"));
        }
    }
    Ok(found)
}

fn operator(text: &str) -> Option<&'static str> {
    OPERATORS.into_iter().find(|operator| text.starts_with(operator))
}

/// A word in double quotes, or one without any reserved character. `None`: neither begins here.
fn word(text: &str) -> Result<Option<(String, &str)>, String> {
    let Some(body) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c.is_whitespace() || RESERVED.contains(c)).unwrap_or(text.len());
        return Ok((end > 0).then(|| (text[..end].to_owned(), &text[end..])));
    };
    let end = closing(body).ok_or("a closing quote is missing")?;
    let value = unquote(&body[..end]).ok_or_else(|| format!("{:?} has an escape that is not known", &body[..end]))?;
    Ok(Some((value, &body[end + 1..])))
}

/// Where the quote ends that `body` is the inside of.
fn closing(body: &str) -> Option<usize> {
    let mut escaped = false;
    body.char_indices().find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

/// Go's escapes inside double quotes (`strconv.Unquote`). `None`: an unknown one, a line feed, or no UTF-8.
fn unquote(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            if c == '\n' {
                return None;
            }
            push(&mut bytes, c);
            continue;
        }
        match chars.next()? {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            same @ ('\\' | '"') => push(&mut bytes, same),
            'x' => bytes.push(u8::try_from(digits(&mut chars, 2, 16)?).ok()?),
            'u' => push(&mut bytes, char::from_u32(digits(&mut chars, 4, 16)?)?),
            'U' => push(&mut bytes, char::from_u32(digits(&mut chars, 8, 16)?)?),
            first @ '0'..='7' => {
                let rest = digits(&mut chars, 2, 8)?;
                bytes.push(u8::try_from(first.to_digit(8)? * 64 + rest).ok()?);
            }
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn digits(chars: &mut std::str::Chars<'_>, count: u32, radix: u32) -> Option<u32> {
    (0..count).try_fold(0_u32, |sum, _| sum.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?))
}

// === the classic grammar ===

fn classic(text: &str) -> Option<Vec<Parts>> {
    let mut found = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            ',' if !quoted => {
                found.push(classic_one(&text[start..at])?);
                start = at + 1;
            }
            ',' => {}
            '"' if !escaped => quoted = !quoted,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    if !text[start..].trim().is_empty() {
        found.push(classic_one(text[start..].trim())?);
    }
    Some(found)
}

fn classic_one(text: &str) -> Option<Parts> {
    let space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
    let text = text.trim_matches(space);
    let sound = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !sound(c)).unwrap_or(text.len());
    let name = &text[..end];
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = text[end..].trim_start_matches(space);
    let operator = operator(rest)?;
    let raw = rest[operator.len()..].trim_start_matches(space);
    Some(Parts { name: name.to_owned(), operator, value: classic_value(raw)? })
}

/// OpenMetrics escapes; any other backslash stands for itself.
fn classic_value(raw: &str) -> Option<String> {
    let (mut open, raw) = raw.strip_prefix('"').map_or((false, raw), |rest| (true, rest));
    let mut value = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                None => value.push('\\'),
                Some('n') => value.push('\n'),
                Some(same @ ('"' | '\\')) => value.push(same),
                Some(other) => value.extend(['\\', other]),
            },
            // Only as the last one, where there was a first one.
            '"' if !open || chars.peek().is_some() => return None,
            '"' => open = false,
            other => value.push(other),
        }
    }
    (!open).then_some(value)
}
