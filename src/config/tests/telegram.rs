//! `notify.telegram`, and the chats of that bot.

use super::*;
use crate::notify::Kind;

const TOKEN: &str = "4242:AAcanary-canary-canary-canary-canar";

/// With a bot's token in the file `bot`, and none in the file `token`.
fn reading(text: &str) -> Result<Settings, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bot"), format!("{TOKEN}\n")).unwrap();
    fs::write(dir.path().join("token"), "s3cret\n").unwrap();
    let places = Places { dir: dir.path(), credentials: None };
    let text = format!("{text}\nplaybooks: [p]\n");
    read(Path::new("heald.yaml"), &text, &places)
        .map_err(|problems| problems.iter().map(|problem| format!("{}: {}", problem.place(), problem.what)).collect())
}

#[test]
fn a_chat_needs_a_bot_and_a_number() {
    let settings =
        reading("notify: { telegram: { token_file: bot }, channels: { ops: { telegram: { chat: -1001 } } } }").unwrap();
    let bot = settings.notify.telegram.as_ref().unwrap();
    assert_eq!((bot.token.as_str(), bot.api_url.as_str()), (TOKEN, "https://api.telegram.org"));
    assert!(matches!(&settings.notify.channels["ops"], Kind::Telegram(chat) if chat.chat == -1_001));
    assert!(!format!("{settings:?}").contains("canary"), "secrets are not shown");

    let settings = reading("notify: { telegram: { token_file: bot, api_url: 'http://127.0.0.1:8081/' } }").unwrap();
    assert_eq!(settings.notify.telegram.unwrap().api_url, "http://127.0.0.1:8081");
}

#[test]
fn mistakes_are_named_and_the_token_is_not() {
    let bot = "telegram: { token_file: bot }";
    let number = "a chat is named by number; a name may be somebody else's tomorrow";
    for (text, expected) in [
        ("telegram: { token_file: token }".to_owned(), "1:35: this file does not hold a bot's token".to_owned()),
        ("telegram: { token: x }".to_owned(), "1:23: a secret does not belong into this file: `token`".to_owned()),
        (
            "telegram: { token_file: bot, api_url: 'ftp://x' }".to_owned(),
            "1:49: \"ftp://x\" is no address of a Bot API server: write https://api.telegram.org".to_owned(),
        ),
        ("channels: { ops: { telegram: { chat: -1 } } }".to_owned(), "1:40: the bot of this chat is missing".to_owned()),
        (format!("{bot}, channels: {{ ops: {{ telegram: {{ chat: '@ops' }} }} }}"), format!("1:79: {number}")),
        (format!("{bot}, channels: {{ ops: {{ telegram: {{ chat: 0 }} }} }}"), format!("1:79: {number}")),
        (format!("{bot}, channels: {{ ops: {{ telegram: {{}} }} }}"), "1:71: key `chat` is missing".to_owned()),
    ] {
        let found = reading(&format!("notify: {{ {text} }}")).map(|_| ()).unwrap_err();
        assert_eq!(found, [format!("heald.yaml:{expected}")], "for {text:?}");
        assert!(!found[0].contains("s3cret"));
    }
}
