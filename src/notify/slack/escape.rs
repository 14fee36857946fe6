//! Text for Slack: what an alert says stays what it says.
//!
//! `&`, `<` and `>` are Slack's control characters, in every text object, and must be sent as entities
//! (<https://docs.slack.dev/messaging/formatting-message-text/#escaping>): then `<!channel>`, `<@U1>` and `<url|words>`
//! are words. Who calls has taken out what moves a cursor or turns the writing direction (`card::line`).

/// Escaped, and cut where it would be longer than `max` bytes, never within an entity. Slack counts characters: bytes are
/// never fewer.
pub fn escaped(text: &str, max: usize) -> String {
    const CUT: char = '…';
    let mut out = String::new();
    // Where it would be cut if more came than fits.
    let mut end = 0;
    // A fence would show all that follows as verbatim.
    for c in text.replace("```", "'''").chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
        if out.len() + CUT.len_utf8() <= max {
            end = out.len();
        }
        if out.len() > max {
            out.truncate(end);
            out.push(CUT);
            return out;
        }
    }
    out
}

/// A link with a name of heald's own; `None` where it would be longer than `max` bytes: half an address leads nowhere.
pub fn link(url: &str, name: &str, max: usize) -> Option<String> {
    // `|` ends the address, and some browsers' addresses hold one.
    let url = escaped(&url.replace('|', "%7C"), usize::MAX);
    Some(format!("<{url}|{name}>")).filter(|link| link.len() <= max)
}

/// In pieces of at most `max` bytes, cut between lines where that can be; as verbatim text, its own fences disarmed.
pub fn fenced(text: &str, max: usize) -> Vec<String> {
    const FENCES: usize = 2 * "```\n".len();
    let room = max - FENCES;
    let mut pieces: Vec<String> = Vec::new();
    let mut piece = String::new();
    for line in text.replace("```", "'''").lines() {
        for part in parts(line, room) {
            if !piece.is_empty() && piece.len() + 1 + part.len() > room {
                pieces.push(std::mem::take(&mut piece));
            } else if !piece.is_empty() {
                piece.push('\n');
            }
            piece.push_str(&part);
        }
    }
    pieces.push(piece);
    let full = pieces.into_iter().filter(|piece| !piece.trim().is_empty());
    full.map(|piece| format!("```\n{piece}\n```")).collect()
}

/// A line that fits, or one that must be cut in the middle.
fn parts(line: &str, max: usize) -> Vec<String> {
    let mut parts = vec![String::new()];
    for c in line.chars() {
        let mut bytes = [0; 4];
        let c = escaped(c.encode_utf8(&mut bytes), usize::MAX);
        match parts.last_mut() {
            Some(part) if part.len() + c.len() <= max => part.push_str(&c),
            _ => parts.push(c),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_entities_and_none_is_cut_in_half() {
        assert_eq!(escaped("<!channel> & <@U1>", 100), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(escaped("abc", 3), "abc");
        assert_eq!(escaped("abcd", 3), "…");
        assert_eq!(escaped("abcde", 4), "a…");
        for max in 3..40 {
            let cut = escaped("a<b>&ü<🔴>&&&", max);
            assert!(cut.len() <= max, "{cut}");
            let rest = ["&amp;", "&lt;", "&gt;"].iter().fold(cut.clone(), |text, entity| text.replace(entity, ""));
            assert!(!rest.contains(['&', '<', '>', ';']), "{max}: {cut}");
        }
    }

    #[test]
    fn an_address_stays_whole_or_away() {
        assert_eq!(link("https://a.example/?q=1&b=|>", "rule", 100).unwrap(), "<https://a.example/?q=1&amp;b=%7C&gt;|rule>");
        assert_eq!(link(&format!("https://a.example/{}", "x".repeat(100)), "rule", 100), None);
    }

    #[test]
    fn long_text_comes_in_pieces_between_lines() {
        assert_eq!(fenced("a && b\n```\nc", 100), ["```\na &amp;&amp; b\n'''\nc\n```"]);
        assert_eq!(fenced("one\ntwo\nthree", 17), ["```\none\ntwo\n```", "```\nthree\n```"]);
        assert_eq!(fenced(&"x".repeat(12), 18), ["```\nxxxxxxxxxx\n```", "```\nxx\n```"]);
        assert_eq!(fenced(" \n\n", 100), Vec::<String>::new());
    }
}
