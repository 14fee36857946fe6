//! Whatever a page is made of, Telegram's own parser takes it.

use super::*;
use crate::fake::telegram::html::parse as parsed;

/// xorshift64*: the same texts in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % sides
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 24] = [
            "<",
            ">",
            "&",
            "\"",
            "&amp;",
            "</b>",
            "<a href=\"",
            "<pre>",
            "</pre>",
            "tg://user?id=1",
            "@everyone",
            "\n",
            " ",
            "/pause",
            "\u{202e}",
            "\u{1b}[2J",
            "\0",
            "😀",
            "e\u{301}",
            "&#60;",
            "<!channel>",
            "ünï",
            "word",
            "x",
        ];
        let pieces = [3, 40, 400, 6_000][self.roll(4)];
        (0..self.roll(pieces)).map(|_| PIECES[self.roll(PIECES.len())]).collect()
    }
}

#[test]
fn every_page_is_valid_html_of_at_most_4096_characters() {
    let mut dice = Dice(0x5eed);
    let mut cuts = 0;
    for round in 0..2_000 {
        let mut page = Page::new("heald incidents 17");
        for _ in 0..dice.roll(12) {
            let text = dice.text();
            page = match dice.roll(5) {
                0 => page.add(Style::Plain, &text),
                1 => page.add(Style::Bold, &text),
                2 => page.add(Style::Italic, &text),
                3 => page.add(Style::Block, &text),
                _ => page.link("runbook", &format!("https://x/{text}")),
            };
        }
        let html = page.finish();
        let shown = parsed(&html).unwrap_or_else(|why| panic!("round {round}: {why}: {html}"));
        assert!(shown.encode_utf16().count() <= TEXT_MAX, "round {round}");
        assert!(!shown.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "round {round}");
        cuts += usize::from(shown.ends_with("\n… heald incidents 17"));
        let text = dice.text();
        assert!(plain(&text, "heald incidents 17").encode_utf16().count() <= TEXT_MAX, "round {round}");
    }
    assert!(cuts > 100, "only {cuts} pages were long enough to be cut");
}

#[test]
fn a_text_that_fits_is_shown_to_the_letter() {
    let text = "a < b && c > \"d\"";
    assert_eq!(parsed(&Page::new("").add(Style::Block, text).finish()).unwrap(), text);
    let exact = "x".repeat(TEXT_MAX - 8);
    assert_eq!(Page::new("hint").add(Style::Plain, &exact).finish().len(), TEXT_MAX - 8);
    assert_eq!(plain(&"x".repeat(TEXT_MAX), "hint").len(), TEXT_MAX);
}

#[test]
fn what_is_cut_ends_with_a_whole_line_or_word() {
    let lines = "0123456789 abcdef\n".repeat(400);
    let html = Page::new("more").add(Style::Block, &lines).finish();
    assert!(html.ends_with("0123456789 abcdef</pre>\n… more"), "{}", &html[html.len() - 60..]);
    let words = "0123456789 ".repeat(600);
    assert!(plain(&words, "more").ends_with("0123456789\n… more"));
}

#[test]
fn an_alerts_text_rings_nobody_and_offers_no_command() {
    for (text, expected) in [
        ("@ann see /pause now", "@\u{2060}ann see /\u{2060}pause now"),
        ("tg://user?id=1", "tg:\u{2060}//user?id=1"),
        ("Tg://x http://y/a/b 1/2 /etc/passwd", "Tg:\u{2060}//x http://y/a/b 1/2 /\u{2060}etc/passwd"),
    ] {
        assert_eq!(Page::new("").add(Style::Bold, text).finish(), format!("<b>{expected}</b>"));
    }
    assert_eq!(Page::new("").add(Style::Block, "cat /etc/hosts").finish(), "<pre>cat /etc/hosts</pre>", "copied as it stands");
}
