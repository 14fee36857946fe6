//! Every card in every channel, letter by letter: `tests/it/cards/CHANNEL/KIND.txt`.
//!
//! To take a changed layout: `HEALD_BLESS=1 cargo test --test it cards`, then read the difference as a person would.

use heald::domain::notice::{Notice, NoticeKind, Post};
use heald::notify::email::Letter;
use heald::notify::{card, document, gitea, sample};
use std::fs;
use std::path::Path;

/// How a channel shows a notice. A new channel is one line here and one function below.
/// A channel's name, and its words for a notice.
type Words = (&'static str, fn(&Notice) -> String);

const CHANNELS: [Words; 4] = [("text", card::text), ("webhook", json), ("email", letter), ("gitea", issue)];

fn json(notice: &Notice) -> String {
    serde_json::to_string_pretty(&document::of(notice)).unwrap()
}

fn letter(notice: &Notice) -> String {
    let thread = Some("<heald.web-1.17.approval_needed.1@example.org>".to_owned());
    let letter = Letter::of(&Post { channel: "mail".to_owned(), notice: notice.clone(), thread }, "example.org");
    let answers = letter.answers.map_or_else(String::new, |first| format!("In-Reply-To: {first}\n"));
    format!("Subject: {}\nMessage-ID: {}\n{answers}\n{}", letter.subject, letter.id, letter.body)
}

fn issue(notice: &Notice) -> String {
    use gitea::markdown::{body, comment, title};
    format!("{}\n\n==== a new issue ====\n\n{}\n==== a comment ====\n\n{}", title(notice), body(notice), comment(notice))
}

#[test]
fn every_card_reads_as_it_was_approved() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cards");
    let bless = std::env::var_os("HEALD_BLESS").is_some();
    let mut wrong = Vec::new();
    for (channel, shown) in CHANNELS {
        let folder = folder.join(channel);
        for kind in NoticeKind::ALL {
            let file = folder.join(format!("{}.txt", kind.label()));
            let text = format!("{}\n", shown(&sample::notice(kind)).trim_end());
            if bless {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&file, text).unwrap();
            } else if fs::read_to_string(&file).unwrap_or_default() != text {
                wrong.push(format!("{}:\n{text}", file.display()));
            }
        }
        let known = fs::read_dir(&folder).unwrap().count();
        assert_eq!(known, NoticeKind::ALL.len(), "{} holds files of kinds that are no more", folder.display());
    }
    assert!(wrong.is_empty(), "changed; to take it run `HEALD_BLESS=1 cargo test --test it cards`:\n\n{}", wrong.join("\n\n"));
}
