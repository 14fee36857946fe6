//! People in the loop: the conversation in Telegram, and an escalation that reaches a board and a room.
//!
//! Telegram, Slack and Gitea are local servers that speak as the public ones are documented to.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::fake::gitea::{self, Gitea};
use crate::fake::slack::{self, FakeSlack};
use crate::fake::telegram::{self, FakeTelegram, Message};
use crate::lab::{Result, wait_for};
use crate::scene::{REPAIR, Scene, auto, check, equal, journal, stays};

const OPS: i64 = -100_200_300;
const ANN: u64 = 4_711;
const VIEWER: u64 = 4_712;
const STRANGER: u64 = 666;

/// What the chat shows soon, or why not.
async fn soon<T>(what: &str, telegram: &FakeTelegram, is: impl Fn(&[Message]) -> Option<T>) -> Result<T> {
    wait_for(what, REPAIR, async || {
        let said = telegram.said(OPS);
        let last = said.last().map_or_else(|| "nothing was said".to_owned(), |message| message.text.clone());
        is(&said).ok_or_else(|| last.into())
    })
    .await
}

/// The answer to a press.
async fn answered(telegram: &FakeTelegram, query: &str) -> Result<String> {
    wait_for("answer to a press", Duration::from_secs(20), async || {
        let state = telegram.state();
        let answer = state.answers.iter().find(|answer| answer.query == query).map(|answer| answer.text.clone());
        answer.ok_or_else(|| format!("{} other answers", state.answers.len()).into())
    })
    .await
}

fn asks(said: &[Message]) -> Option<Message> {
    said.iter().find(|message| message.keyboard.iter().flatten().any(|(label, _)| label.contains("Approve"))).cloned()
}

/// Only a listed person's press restarts the unit, once; also after heald was killed and started again.
pub async fn conversation(scene: Arc<Scene>) -> Result<()> {
    let telegram = FakeTelegram::start(&[OPS]).await;
    let unit = scene.unit().await?;
    let heald = scene
        .running_heald(|options| {
            options.units = vec![unit.name().into()];
            options.overrides = auto(json!({ "mode": "approve" }));
            options.secrets = vec![("telegram-token".into(), telegram::TOKEN.into())];
            options.notify = json!({
                "telegram": { "token_file": "telegram-token", "api_url": telegram.url },
                "channels": { "ops": { "telegram": { "chat": OPS } } },
                "people": {
                    "ann": { "telegram": ANN, "role": "approve" },
                    "bob": { "telegram": VIEWER, "role": "view" },
                },
            });
        })
        .await?;
    let journal = journal(&heald);

    unit.kill().await?;
    let card = soon("question in the chat", &telegram, asks).await?;
    check(card.text.contains(unit.name()), || card.text.clone())?;
    let data = card.keyboard.iter().flatten().find(|(label, _)| label.contains("Approve")).map(|(_, data)| data.clone());
    let data = data.unwrap_or_default();
    for who in [STRANGER, VIEWER] {
        let query = telegram.press(who, OPS, card.id, "Approve");
        let answer = answered(&telegram, &query).await?;
        scene.say(&format!("{who} presses, and is told: {answer}"));
    }
    equal("refusals in the journal", journal.count("refused_in_chat")?, 2)?;
    stays(Duration::from_secs(3), async || unit.expect_starts(1).await).await?;

    let query = telegram.press(ANN, OPS, card.id, "Approve");
    scene.say(&answered(&telegram, &query).await?);
    journal.wait_kind("healed", REPAIR).await?;
    unit.expect_starts(2).await?;
    let healed =
        |said: &[Message]| said.iter().find(|message| message.id == card.id && message.text.contains("repaired")).cloned();
    let shown = soon("repair on the same card", &telegram, healed).await?;
    check(shown.edits > 0 && asks(std::slice::from_ref(&shown)).is_none(), || shown.text.clone())?;
    let query = telegram.press_data(ANN, OPS, card.id, &data);
    let again = answered(&telegram, &query).await?;
    check(again.contains("pressed") || again.contains("no longer"), || again.clone())?;
    stays(Duration::from_secs(2), async || unit.expect_starts(2).await).await?;

    // Another question, and heald dies before it is answered.
    unit.kill().await?;
    let asked_again = |said: &[Message]| {
        let card = asks(said)?;
        (!card.keyboard.iter().flatten().any(|(_, old)| *old == data)).then_some(card)
    };
    let card = soon("second question", &telegram, asked_again).await?;
    heald.kill()?;
    heald.start("").await?;
    let query = telegram.press(ANN, OPS, card.id, "Approve");
    scene.say(&answered(&telegram, &query).await?);
    let twice = |record: &&crate::journal::Record| record.kind == "approved";
    wait_for("second repair", REPAIR, async || {
        let approved = journal.records()?.iter().filter(twice).count();
        match (approved, unit.starts().await?) {
            (2, 3) => Ok(()),
            (approved, starts) => Err(format!("{approved} approvals, {starts} starts").into()),
        }
    })
    .await?;
    telegram.write(ANN, OPS, "/status");
    soon("answer to a command", &telegram, |said| said.iter().find(|message| message.text.contains("heald")).cloned()).await?;
    let log = std::fs::read_to_string(heald.log())?;
    check(!log.contains("canary"), || "the bot's token is in the log".into())
}

/// A denied repair becomes an issue on the board, then a message in the room; when a person has mended it, both say so.
pub async fn board_and_room(scene: Arc<Scene>) -> Result<()> {
    let (board, gitea_url) = Gitea::open().await;
    let slack = FakeSlack::start().await;
    let unit = scene.unit().await?;
    let heald = scene
        .running_heald(|options| {
            options.units = vec![unit.name().into()];
            options.overrides = auto(json!({ "mode": "approve" }));
            options.secrets = vec![("slack-token".into(), slack::BOT.into()), ("gitea-token".into(), gitea::TOKEN.into())];
            options.notify = json!({
                "slack": { "token_file": "slack-token", "api_url": slack.api_url() },
                "channels": {
                    "board": { "gitea": { "url": gitea_url, "repo": "ops/incidents", "token_file": "gitea-token" } },
                    "room": { "slack": { "channel": slack::ROOM } },
                },
            });
            options.escalation = json!({ "chains": { "P1": { "levels": [
                { "to": ["board"] },
                { "after": "1s", "when_stuck": false, "to": ["room"] },
            ] } } });
        })
        .await?;
    let journal = journal(&heald);
    unit.kill().await?;
    let asked = journal.wait_kind("approval_asked", REPAIR).await?;
    let incident = asked.incident.unwrap_or_default().to_string();
    heald.command(&["deny", &incident, "--why", "a person looks at it"]).await?;
    wait_for("issue and message", REPAIR, async || {
        let issues = board.board().issues.len();
        let messages = slack.messages().len();
        if issues == 1 && messages > 0 { Ok(()) } else { Err(format!("{issues} issues, {messages} messages").into()) }
    })
    .await?;
    heald.command(&["ack", &incident]).await?;
    unit.start_again().await?;
    journal.wait_kind("closed", REPAIR).await?;
    wait_for("the end on both", REPAIR, async || {
        let closed = board.board().issues.iter().all(|issue| issue.is_closed);
        let over = slack.messages().iter().any(|message| message.thread.is_none() && message.text.contains("over"));
        if closed && over { Ok(()) } else { Err(format!("closed: {closed}, over: {over}").into()) }
    })
    .await?;
    equal("issues", board.board().issues.len(), 1)?;
    let review = heald.command(&["review", &incident]).await?;
    check(review.contains("## Timeline") && review.contains("denied"), || review.clone())
}
