//! `slack: { token_file, app_token_file, signing_secret_file, api_url }`, and the channels that speak through it:
//! `room: { slack: { channel: C0123ABCD } }`, `hook: { slack_webhook: { url_file } }`.

use crate::config::secret::Places;
use crate::link::slack::{Settings, Token};
use crate::notify::slack::{self, App};
use crate::notify::{Kind, slack_webhook};
use crate::yaml::{Fields, quote, text};
use reqwest::Url;

/// What all channels of Slack share.
pub fn app(mut fields: Fields<'_>, places: &Places<'_>) -> Option<App> {
    if !fields.has("token_file") && !fields.has("token") {
        fields.missing("token_file", "write `token_file: slack-bot-token`: a file with the app's bot token, xoxb-…");
    }
    let bot = token(&mut fields, places, "token_file", "token", |text| match text {
        _ if text.starts_with("xapp-") => Err("that is the app-level token, xapp-…: it belongs to `app_token_file`"),
        _ => Ok(()),
    });
    let app = token(&mut fields, places, "app_token_file", "app_token", |text| match text {
        _ if text.starts_with("xapp-") => Ok(()),
        _ => Err("Socket Mode takes the app-level token, xapp-…, with the scope connections:write"),
    });
    let signing_secret = token(&mut fields, places, "signing_secret_file", "signing_secret", |text| match text {
        _ if text.starts_with("xoxb-") || text.starts_with("xapp-") => {
            Err("that is a token; the signing secret stands in the app's Basic Information")
        }
        _ => Ok(()),
    });
    let api_url = fields.node("api_url").map(|node| {
        let file = fields.file();
        let found = text(file, node)?;
        let sound = Url::parse(&found).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if !sound {
            file.refuse(node.at, "`api_url` is not taken: write it like https://slack.com/api");
        }
        sound.then(|| found.trim_end_matches('/').to_owned())
    });
    fields.end();
    let mut api = Settings { app, ..Settings::new(bot?) };
    if let Some(url) = api_url {
        api.api_url = url?;
    }
    Some(App { api, signing_secret })
}

/// `app`: `None` where `slack:` is not written; in it `None` where it is no good, which is said there.
pub fn channel(mut fields: Fields<'_>, app: &Option<Option<App>>) -> Option<Kind> {
    let file = fields.file();
    if app.is_none() {
        let help = "write `notify: { slack: { token_file: slack-bot-token } }`, or use `slack_webhook`";
        file.refuse_with_help(fields.at(), "a channel of Slack needs the app's token", help);
    }
    if !fields.has("channel") {
        fields.missing("channel", "write its id: `channel: C0123ABCD`");
    }
    let channel = fields.node("channel").and_then(|node| {
        let found = text(file, node)?;
        if is_channel(&found) {
            return Some(found);
        }
        let what = format!("{} is no id of a channel: a name may be another channel's tomorrow", quote(&found));
        let help = "open the channel's details; the id, C…, G… or D…, stands at the end of `About`";
        file.refuse_with_help(node.at, what, help);
        None
    });
    fields.end();
    Some(Kind::Slack(slack::Settings { app: app.clone()??, channel: channel? }))
}

pub fn webhook(mut fields: Fields<'_>, places: &Places<'_>) -> Option<Kind> {
    if !fields.has("url_file") && !fields.has("url") {
        fields.missing("url_file", "write `url_file: slack-hook`: a file with the webhook's address, which is a secret");
    }
    let url = token(&mut fields, places, "url_file", "url", |text| match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        _ => Err("no address in it; Slack's begin with https://hooks.slack.com/services/"),
    });
    fields.end();
    Some(Kind::SlackWebhook(slack_webhook::Settings::new(url?)))
}

/// A secret of a file; `check` must not repeat it.
fn token(
    fields: &mut Fields<'_>,
    places: &Places<'_>,
    key: &'static str,
    literal: &'static str,
    check: impl Fn(&str) -> Result<(), &'static str>,
) -> Option<Token> {
    let secret = places.read(fields, key, literal)?;
    let text = secret.reveal().trim();
    if let Err(why) = check(text) {
        let at = fields.node(key).map_or(fields.at(), |node| node.at);
        fields.file().refuse(at, format!("`{key}`: {why}"));
        return None;
    }
    Some(Token::new(text))
}

/// Public and private channels, and direct messages.
fn is_channel(text: &str) -> bool {
    let rest = text.strip_prefix(['C', 'G', 'D']);
    rest.is_some_and(|rest| {
        (2..=30).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}
