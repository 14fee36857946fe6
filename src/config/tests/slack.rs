//! `notify.slack`, and the channels that speak through it.

use super::{check, reading};
use crate::notify::Kind;

#[test]
fn channels_share_the_app_and_name_their_ids() {
    let settings = reading(
        "playbooks: p\n\
         notify:\n\
         \x20 channels:\n\
         \x20   room: { slack: { channel: C0123ABCD } }\n\
         \x20   owner: { slack: { channel: D0123ABCD } }\n\
         \x20   hook: { slack_webhook: { url_file: hook } }\n\
         \x20 slack: { token_file: token, app_token_file: app-token, signing_secret_file: token, api_url: 'http://127.0.0.1:1/api/' }\n",
    )
    .unwrap();
    let (app, channels) = settings.notify.slack().unwrap();
    assert_eq!(channels, [("owner", "D0123ABCD"), ("room", "C0123ABCD")]);
    assert_eq!((app.api.api_url.as_str(), app.api.bot.reveal()), ("http://127.0.0.1:1/api", "s3cret"));
    assert_eq!(app.api.app.as_ref().unwrap().reveal(), "xapp-s3cret");
    assert!(app.listens() && app.signing_secret.is_some());
    let Kind::SlackWebhook(hook) = &settings.notify.channels["hook"] else { panic!("no webhook") };
    assert_eq!(hook.url.reveal(), "https://hooks.slack.com/services/T0/B0/s3cret");
    let shown = format!("{:?}", settings.notify);
    assert!(!shown.contains("s3cret"), "{shown}");
    let plain =
        reading("playbooks: p\nnotify: { slack: { token_file: token }, channels: { room: { slack: { channel: C01 } } } }\n")
            .unwrap();
    let (app, _) = plain.notify.slack().unwrap();
    assert_eq!((app.api.api_url.as_str(), app.listens()), ("https://slack.com/api", false));
}

#[test]
fn what_cannot_work_is_refused_with_its_place() {
    let name = |channel: &str| format!("\"{channel}\" is no id of a channel: a name may be another channel's tomorrow");
    let room = |channel: &str| format!("slack: {{ token_file: token }}, channels: {{ r: {{ slack: {{ {channel} }} }} }}");
    refused(&room("channel: '#ops'"), "'#ops'", &name("#ops"));
    refused(&room("channel: ops"), "ops", &name("ops"));
    refused(&room("channel: U0123ABCD"), "U0123ABCD", &name("U0123ABCD"));
    refused(&room("canal: C0123"), "canal", "unknown key `canal`; known are channel");
    for (text, mark, what) in [
        ("slack: { token: xoxb-1 }", "token", "a secret does not belong into this file: `token`"),
        (
            "slack: { token_file: app-token }",
            "app-token",
            "`token_file`: that is the app-level token, xapp-…: it belongs to `app_token_file`",
        ),
        (
            "slack: { token_file: app-token, app_token_file: token }",
            "token }",
            "`app_token_file`: Socket Mode takes the app-level token, xapp-…, with the scope connections:write",
        ),
        (
            "slack: { token_file: token, signing_secret_file: app-token }",
            "app-token",
            "`signing_secret_file`: that is a token; the signing secret stands in the app's Basic Information",
        ),
        (
            "slack: { token_file: token, api_url: slack.com }",
            "slack.com",
            "`api_url` is not taken: write it like https://slack.com/api",
        ),
        ("channels: { r: { slack: { channel: C01 } } }", "{ channel:", "a channel of Slack needs the app's token"),
        (
            "channels: { h: { slack_webhook: { url: 'https://a/s3cret' } } }",
            "url:",
            "a secret does not belong into this file: `url`",
        ),
        (
            "channels: { h: { slack_webhook: { url_file: token } } }",
            "token",
            "`url_file`: no address in it; Slack's begin with https://hooks.slack.com/services/",
        ),
    ] {
        refused(text, mark, what);
    }
}

/// At the first place of `mark`. A missing key may follow from the mistake.
#[track_caller]
fn refused(notify: &str, mark: &str, what: &str) {
    let text = format!("notify: {{ {notify} }}\nplaybooks: [p]\n");
    let column = text.find(mark).unwrap_or_else(|| panic!("{mark} is not in {text}")) + 1;
    let found = reading(&text).map(|_| ()).unwrap_err();
    assert!(found.contains(&format!("heald.yaml:1:{column}: {what}")), "{found:?} for {text:?}");
    assert!(!found.iter().any(|problem| problem.contains("s3cret")), "{found:?}");
}

#[test]
fn a_missing_key_is_named() {
    check("notify: { slack: {} }", "heald.yaml:1:18: key `token_file` is missing");
    check("notify: { channels: { h: { slack_webhook: {} } } }", "heald.yaml:1:43: key `url_file` is missing");
}
