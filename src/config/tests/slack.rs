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
    let name = "is no id of a channel: a name may be another channel's tomorrow";
    let room =
        |channel: &str| format!("notify: {{ slack: {{ token_file: token }}, channels: {{ r: {{ slack: {{ {channel} }} }} }} }}");
    for (text, expected) in [
        (room("channel: '#ops'"), format!("1:77: \"#ops\" {name}")),
        (room("channel: ops"), format!("1:77: \"ops\" {name}")),
        (room("channel: U0123ABCD"), format!("1:77: \"U0123ABCD\" {name}")),
        (room("canal: C0123"), "1:68: unknown key `canal`; did you mean `channel`?".to_owned()),
        ("notify: { slack: { token: xoxb-1 } }".to_owned(), "1:20: a secret does not belong into this file: `token`".to_owned()),
        ("notify: { slack: { token_file: app-token } }".to_owned(), {
            "1:32: `token_file`: that is the app-level token, xapp-…: it belongs to `app_token_file`".to_owned()
        }),
        ("notify: { slack: { token_file: token, app_token_file: token } }".to_owned(), {
            "1:55: `app_token_file`: Socket Mode takes the app-level token, xapp-…, with the scope connections:write".to_owned()
        }),
        ("notify: { slack: { token_file: token, api_url: slack.com } }".to_owned(), {
            "1:48: `api_url` is not taken: write it like https://slack.com/api".to_owned()
        }),
        (
            "notify: { channels: { r: { slack: { channel: C01 } } } }".to_owned(),
            "1:35: a channel of Slack needs the app's token".to_owned(),
        ),
        ("notify: { channels: { h: { slack_webhook: { url: 'https://a/s3cret' } } } }".to_owned(), {
            "1:45: a secret does not belong into this file: `url`".to_owned()
        }),
        ("notify: { channels: { h: { slack_webhook: { url_file: token } } } }".to_owned(), {
            "1:55: `url_file`: no address in it; Slack's begin with https://hooks.slack.com/services/".to_owned()
        }),
    ] {
        check_all(&text, &expected);
    }
}

/// The first mistake; a missing key may follow from it.
#[track_caller]
fn check_all(text: &str, expected: &str) {
    let found = reading(&format!("{text}\nplaybooks: [p]\n")).map(|_| ()).unwrap_err();
    assert!(found.contains(&format!("heald.yaml:{expected}")), "{found:?} for {text:?}");
    assert!(!found.iter().any(|problem| problem.contains("s3cret")), "{found:?}");
}

#[test]
fn a_missing_key_is_named() {
    check("notify: { slack: {} }", "heald.yaml:1:18: key `token_file` is missing");
    check("notify: { channels: { h: { slack_webhook: {} } } }", "heald.yaml:1:43: key `url_file` is missing");
}
