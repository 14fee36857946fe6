//! Slack over the wire, against a local one: by the bot, and by an incoming webhook.

use crate::fake::slack::blocks::{controls, shown, texts};
use crate::fake::slack::{BOT, FakeSlack, Fault, Membership, Message, ROOM};
use heald::domain::notice::{Again, Delivery, Notice, NoticeKind, Post};
use heald::link::slack::{Settings as Api, Slack, Token};
use heald::notify::{Kind, Notifier, Settings, sample, slack, slack_webhook};
use serde_json::{Value, json};
use std::time::Duration;

fn api(fake: &FakeSlack) -> Api {
    Api { api_url: fake.api_url(), app: Some(Token::new("xapp-CANARY-app")), ..Api::new(Token::new(BOT)) }
}

fn notifier_with(api: Api, channel: &str) -> Notifier {
    let app = slack::App { api, signing_secret: None };
    let kind = Kind::Slack(slack::Settings { app, channel: channel.to_owned() });
    Notifier::new(Settings { channels: [("room".to_owned(), kind)].into(), ..Settings::default() }).unwrap()
}

fn notifier(fake: &FakeSlack) -> Notifier {
    notifier_with(api(fake), ROOM)
}

fn hook(url: &str, timeout: Duration) -> Notifier {
    let kind = Kind::SlackWebhook(slack_webhook::Settings { timeout, ..slack_webhook::Settings::new(Token::new(url)) });
    Notifier::new(Settings { channels: [("room".to_owned(), kind)].into(), ..Settings::default() }).unwrap()
}

async fn post(notifier: &Notifier, notice: Notice, thread: Option<String>) -> Delivery {
    let delivery = notifier.post(Post { channel: "room".to_owned(), notice, thread }).await;
    assert!(!format!("{delivery:?} {notifier:?}").contains("CANARY"), "{delivery:?} {notifier:?}");
    delivery
}

fn header(message: &Message) -> String {
    shown(message.blocks[0]["text"]["text"].as_str().unwrap())
}

fn actions(message: &Message) -> Vec<String> {
    let elements = message.blocks.iter().filter_map(|block| block["elements"].as_array()).flatten();
    elements.filter_map(|element| element["action_id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn an_incident_is_one_message_with_its_log_in_the_thread() {
    let fake = FakeSlack::start().await;
    let notifier = notifier(&fake);
    let asked = post(&notifier, sample::notice(NoticeKind::ApprovalNeeded), None).await;
    let card = fake.messages().remove(0);
    assert_eq!(asked, Delivery { thread: Some(format!("{ROOM}:{}", card.ts)), ..Delivery::taken("room") });
    assert_eq!(header(&card), "🟡 P1 SystemdUnitFailed unit web.service on web-1: heald asks for consent");
    let offered = ["heald_approve", "heald_deny", "heald_ack", "heald_silence", "heald_pause_playbook", "heald_details"];
    assert_eq!(actions(&card), offered);

    let over = post(&notifier, sample::notice(NoticeKind::Over), asked.thread.clone()).await;
    assert_eq!(over, asked, "it keeps its thread");
    let messages = fake.messages();
    let [card, line] = messages.as_slice() else { panic!("{messages:#?}") };
    assert_eq!(header(card), "🟢 P1 SystemdUnitFailed unit web.service on web-1: over");
    assert_eq!((card.edits, actions(card)), (1, vec!["heald_details".to_owned(), "heald_review".to_owned()]));
    assert_eq!((line.thread.as_deref(), line.blocks.len()), (Some(card.ts.as_str()), 0));
    assert_eq!(line.text, "over: resolved, and all probes pass again");
    let (_, posted) = fake.state().calls.iter().rfind(|(method, _)| method == "chat.postMessage").unwrap().clone();
    assert_eq!(posted.get("reply_broadcast"), None);
    assert_eq!(
        (&posted["parse"], &posted["link_names"], &posted["unfurl_links"]),
        (&json!("none"), &json!(false), &json!(false))
    );
}

#[tokio::test]
async fn a_house_notice_begins_no_thread_and_has_no_buttons() {
    let fake = FakeSlack::start().await;
    assert_eq!(post(&notifier(&fake), sample::notice(NoticeKind::Digest), None).await, Delivery::taken("room"));
    let message = fake.messages().remove(0);
    assert_eq!(actions(&message), Vec::<String>::new());
    let text = texts(&json!(message.blocks)).join("\n");
    assert!(text.contains("17 P2 unit web.service: needs a person\n18 P3 unit cache.service"), "{text}");
}

#[tokio::test]
async fn nobody_listens_then_there_is_nothing_to_press() {
    let fake = FakeSlack::start().await;
    let silent = notifier_with(Api { app: None, ..api(&fake) }, ROOM);
    post(&silent, sample::notice(NoticeKind::ApprovalNeeded), None).await;
    assert_eq!(actions(&fake.messages()[0]), Vec::<String>::new());
}

#[tokio::test]
async fn a_message_that_is_gone_is_followed_by_a_new_one() {
    let fake = FakeSlack::start().await;
    let notifier = notifier(&fake);
    let thread = post(&notifier, sample::notice(NoticeKind::Escalated), None).await.thread;
    let first = fake.messages().remove(0).ts;
    fake.delete(&first);
    let quiet = post(&notifier, sample::notice(NoticeKind::Progress), thread.clone()).await;
    assert_eq!((quiet.error, fake.messages().len()), (None, 0), "progress alone is not worth a message");
    let healed = post(&notifier, sample::notice(NoticeKind::Healed), thread.clone()).await;
    let second = fake.messages().remove(0);
    assert_eq!(healed.thread, Some(format!("{ROOM}:{}", second.ts)));
    assert_ne!(healed.thread, thread);
    for odd in ["C0OTHER99:1405895018.000506", "garbage", "C024BE91L:../x"] {
        let begun = post(&notifier, sample::notice(NoticeKind::Healed), Some(odd.to_owned())).await;
        assert!(begun.thread.is_some_and(|thread| thread.starts_with("C024BE91L:14")), "{odd}");
    }
}

#[tokio::test]
async fn every_refusal_and_outage_says_when_to_come_again() {
    let after = |seconds| Again::After(Duration::from_secs(seconds));
    for (fault, again, why) in [
        (Fault::Limit(30), after(30), "429"),
        (Fault::Status(503, Some(7)), after(7), "503"),
        (Fault::Status(500, None), Again::Soon, "500"),
        (Fault::Status(401, None), Again::Never, "401"),
        (Fault::Status(302, None), Again::Never, "302"),
        (Fault::Garbage, Again::Soon, "can't be read"),
        (Fault::LostAnswer, Again::Soon, "502"),
        (Fault::Refuse("invalid_auth"), Again::Never, "invalid_auth"),
        (Fault::Refuse("token_revoked"), Again::Never, "token_revoked"),
        (Fault::Refuse("account_inactive"), Again::Never, "account_inactive"),
        (Fault::Refuse("missing_scope"), Again::Never, "missing_scope"),
        (Fault::Refuse("internal_error"), Again::Soon, "internal_error"),
        (Fault::Refuse("fatal_error"), Again::Soon, "fatal_error"),
        (Fault::Refuse("service_unavailable"), Again::Soon, "service_unavailable"),
    ] {
        let fake = FakeSlack::start().await;
        fake.fail(fault);
        let delivery = post(&notifier(&fake), sample::notice(NoticeKind::Escalated), None).await;
        let error = delivery.error.unwrap_or_else(|| panic!("{fault:?} was not seen"));
        assert_eq!((delivery.again, delivery.thread), (again, None), "{fault:?}");
        assert!(error.contains(why), "{fault:?}: {error}");
        assert_eq!(fake.state().calls.len(), 1, "{fault:?}: one try");
    }
}

#[tokio::test]
async fn channels_that_cannot_be_written_to_are_for_a_person_to_mend() {
    let fake = FakeSlack::start().await;
    fake.join("C0NOMEMBER", Membership::NotMember);
    fake.join("C0ARCHIVED", Membership::Archived);
    for (channel, word) in
        [("C0NOMEMBER", "not_in_channel (invite the app"), ("C0ARCHIVED", "is_archived"), ("C0NOWHERE", "channel_not_found")]
    {
        let delivery = post(&notifier_with(api(&fake), channel), sample::notice(NoticeKind::Escalated), None).await;
        assert_eq!(delivery.again, Again::Never);
        assert!(delivery.error.as_ref().unwrap().contains(word), "{delivery:?}");
    }
    for (bot, word) in [("xoxb-other-CANARY", "invalid_auth"), ("xapp-CANARY-app", "not_allowed_token_type")] {
        let other = notifier_with(Api { bot: Token::new(bot), ..api(&fake) }, ROOM);
        let delivery = post(&other, sample::notice(NoticeKind::Healed), None).await;
        assert!(delivery.error.as_ref().unwrap().contains(word), "{delivery:?}");
        assert_eq!(delivery.again, Again::Never);
    }
}

#[tokio::test]
async fn slow_and_absent_servers_are_given_up_in_time() {
    let fake = FakeSlack::start().await;
    fake.fail(Fault::Slow(Duration::from_secs(60)));
    let hasty = Api { timeout: Duration::from_millis(200), ..api(&fake) };
    let delivery = post(&notifier_with(hasty, ROOM), sample::notice(NoticeKind::Escalated), None).await;
    assert_eq!(delivery.again, Again::Soon);
    assert!(delivery.error.as_ref().unwrap().contains("no answer in time"), "{delivery:?}");
    let absent = Api { api_url: "http://127.0.0.1:9/api".to_owned(), ..api(&fake) };
    let delivery = post(&notifier_with(absent, ROOM), sample::notice(NoticeKind::Escalated), None).await;
    assert!(delivery.error.as_ref().unwrap().contains("no connection"), "{delivery:?}");
    assert_eq!(delivery.again, Again::Soon);
}

#[tokio::test]
async fn blocks_that_slack_does_not_take_are_told_as_text() {
    for word in ["invalid_blocks", "msg_blocks_too_long"] {
        let fake = FakeSlack::start().await;
        fake.fail(Fault::Refuse(word));
        let delivery = post(&notifier(&fake), sample::notice(NoticeKind::Escalated), None).await;
        assert_eq!(delivery.error, None);
        let message = fake.messages().remove(0);
        assert!(message.blocks.is_empty() && message.text.contains("journalctl -u web.service -n 50"), "{message:?}");
    }
    let fake = FakeSlack::start().await;
    fake.fail_on("hook", Fault::Refuse("invalid_blocks"));
    let delivery = post(&hook(&fake.hook_url(), Duration::from_secs(5)), sample::notice(NoticeKind::Escalated), None).await;
    assert_eq!((delivery.error, fake.messages()[0].blocks.len()), (None, 0));
}

#[tokio::test]
async fn a_webhook_carries_the_card_without_buttons() {
    let fake = FakeSlack::start().await;
    let hook = hook(&fake.hook_url(), Duration::from_secs(5));
    assert_eq!(post(&hook, sample::notice(NoticeKind::ApprovalNeeded), None).await, Delivery::taken("room"));
    let message = fake.messages().remove(0);
    assert_eq!(header(&message), "🟡 P1 SystemdUnitFailed unit web.service on web-1: heald asks for consent");
    assert_eq!(actions(&message), Vec::<String>::new());
}

#[tokio::test]
async fn a_webhooks_refusals_are_told_apart() {
    let after = |seconds| Again::After(Duration::from_secs(seconds));
    for (fault, again, why) in [
        (Fault::Refuse("no_service"), Again::Never, "404 Not Found: no_service"),
        (Fault::Refuse("invalid_token"), Again::Never, "403 Forbidden: invalid_token"),
        (Fault::Refuse("channel_is_archived"), Again::Never, "410 Gone: channel_is_archived"),
        (Fault::Refuse("rollup_error"), Again::Soon, "500 Internal Server Error: rollup_error"),
        (Fault::Limit(30), after(30), "429 Too Many Requests: rate_limited"),
        (Fault::Status(502, None), Again::Soon, "502 Bad Gateway"),
        (Fault::Slow(Duration::from_secs(60)), Again::Soon, "no answer in time"),
    ] {
        let fake = FakeSlack::start().await;
        fake.fail(fault);
        let delivery =
            post(&hook(&fake.hook_url(), Duration::from_millis(500)), sample::notice(NoticeKind::Escalated), None).await;
        assert_eq!(delivery.again, again, "{fault:?}");
        let error = delivery.error.unwrap_or_else(|| panic!("{fault:?} was not seen"));
        assert!(error.contains(why), "{fault:?}: {error}");
    }
    let fake = FakeSlack::start().await;
    let wrong = fake.hook_url().replace("CANARYhook", "CANARYother");
    let delivery = post(&hook(&wrong, Duration::from_secs(5)), sample::notice(NoticeKind::Escalated), None).await;
    assert_eq!(
        (delivery.again, delivery.error.unwrap()),
        (Again::Never, "the receiver answered 403 Forbidden: invalid_token".to_owned())
    );
}

#[tokio::test]
async fn the_client_says_who_it_is_and_keeps_its_pace() {
    let fake = FakeSlack::start().await;
    let slack = Slack::new(api(&fake)).unwrap();
    let identity = slack.auth_test().await.unwrap();
    assert_eq!((identity.user.as_str(), identity.team.as_str()), ("U0HEALD", "T024BE7LD"));
    assert!(slack.open_connection().await.unwrap().reveal().starts_with("ws://127.0.0.1:"));
    let start = tokio::time::Instant::now();
    let message = heald::link::slack::Message { text: "a".to_owned(), blocks: Vec::new() };
    for _ in 0..2 {
        slack.post(ROOM, None, &message).await.unwrap();
    }
    assert!(start.elapsed() >= Duration::from_millis(990), "one a second: {:?}", start.elapsed());
    slack.whisper(ROOM, None, "U0123", "only you").await.unwrap();
    assert_eq!(fake.messages()[2].only_for.as_deref(), Some("U0123"));
    assert!(!format!("{slack:?}").contains("CANARY"));
}

/// What an alert may hold that Slack would act on.
const HOSTILE: [&str; 16] = [
    "<!channel>",
    "<!here>",
    "<@U0123ABCD>",
    "<#C024BE91L>",
    "<https://evil.example|your bank>",
    "@everyone",
    "@channel",
    "&lt;!channel&gt;",
    "\u{202e}",
    "\x1b[31m",
    "```",
    "*",
    "|",
    ">",
    "🔴",
    "\n",
];

#[tokio::test]
async fn whatever_an_alert_says_stays_text_and_within_the_limits() {
    let fake = FakeSlack::start().await;
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((seed >> 33) % below as u64) as usize
    };
    for round in 0..300 {
        let mut text = |parts: usize| {
            let parts = random(parts + 1);
            (0..parts).fold(String::new(), |text, _| match random(3) {
                0 => text + HOSTILE[random(HOSTILE.len())],
                1 => text + &char::from_u32(random(0x3000) as u32).unwrap_or(' ').to_string(),
                _ => text + &"xyz &".repeat(random(40)),
            })
        };
        let kind = NoticeKind::ALL[round % NoticeKind::ALL.len()];
        let mut notice = sample::notice(kind);
        notice.title = text(20);
        notice.target = text(20);
        notice.host = text(5);
        notice.alertname = text(10);
        notice.summary = text(60);
        notice.reason = text(60);
        notice.verified = Some(text(60));
        notice.next = Some(text(30));
        notice.acknowledged = Some(text(30));
        notice.playbook = text(9).as_str().into();
        notice.manual_fix = Some(text(400));
        notice.debug_prompt = Some(text(400));
        notice.runbook_url = Some(format!("https://runbooks.example/{}", text(3).replace(char::is_whitespace, "")));
        notice.generator_url = Some(format!("http://prometheus.example/?{}", "expr&|<>".repeat(round * 3)));
        let link = |inside: &String| {
            ["https://runbooks.example", "https://grafana.example", "http://alertmanager.example", "http://prometheus.example"]
                .iter()
                .any(|ours| inside.starts_with(ours))
        };

        let hook = hook(&fake.hook_url(), Duration::from_secs(5));
        assert_eq!(post(&hook, notice.clone(), None).await.error, None, "round {round}");
        for said in [slack::blocks::card(&notice, &[]), slack::blocks::plain_card(&notice), slack::blocks::log_line(&notice)] {
            for text in texts(&json!({ "text": said.text, "blocks": said.blocks })) {
                let stray: Vec<String> = controls(&text).into_iter().filter(|inside| !link(inside)).collect();
                assert!(stray.is_empty(), "round {round}: {stray:?} in {text:?}");
                assert!(!text.contains(['\u{202e}', '\x1b']), "round {round}: {text:?}");
                assert_eq!(text.matches("```").count() % 2, 0, "round {round}: {text:?}");
            }
        }
    }
    // None of them had to be told without its blocks.
    assert_eq!(fake.calls("hook"), 300);
    assert!(fake.messages().iter().all(|message| !message.blocks.is_empty()));
}

#[tokio::test]
async fn each_card_is_what_it_was() {
    let fake = FakeSlack::start().await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/slack");
    for kind in NoticeKind::ALL {
        let notice = sample::notice(kind);
        let buttons = slack::App { api: api(&fake), signing_secret: None }.seal("room").buttons(&notice);
        let card = slack::blocks::card(&notice, &buttons);
        let mut found = serde_json::to_string_pretty(&json!({ "text": card.text, "blocks": card.blocks })).unwrap();
        found.push('\n');
        let file = folder.join(format!("{}.json", kind.label()));
        if std::env::var_os("HEALD_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(found, expected, "{}; HEALD_BLESS=1 writes it anew", file.display());
        let again: Value = serde_json::from_str(&found).unwrap();
        crate::fake::slack::blocks::check(&again).unwrap();
    }
}
