//! The Telegram channel against a Bot API server of our own: what is said, what is changed, and what goes wrong.

use crate::fake::telegram::{CANT_PARSE, FakeTelegram, Fault, KICKED, Message, SERVER_ERROR, TOKEN, UNAUTHORIZED};
use heald::domain::notice::{Again, Delivery, Notice, NoticeKind, Post};
use heald::link;
use heald::notify::{Kind, Notifier, Settings, sample, telegram};
use std::time::Duration;

const OPS: i64 = -1_001;
const CHANNEL: &str = "ops";

fn notifier(url: &str, token: &str) -> Notifier {
    let bot = link::telegram::Settings {
        api_url: format!("{url}/"),
        timeout: Duration::from_millis(500),
        ..link::telegram::Settings::new(token)
    };
    let channels = [(CHANNEL.to_owned(), Kind::Telegram(telegram::Settings { chat: OPS }))].into();
    Notifier::new(Settings { channels, telegram: Some(bot), ..Settings::default() }).unwrap()
}

async fn post(notifier: &Notifier, notice: Notice, thread: Option<&str>) -> Delivery {
    notifier.post(Post { channel: CHANNEL.to_owned(), notice, thread: thread.map(str::to_owned) }).await
}

fn labels(message: &Message) -> Vec<Vec<&str>> {
    message.keyboard.iter().map(|row| row.iter().map(|(label, _)| label.as_str()).collect()).collect()
}

#[tokio::test]
async fn an_incident_is_one_message_that_changes_and_a_line_for_each_news() {
    let server = FakeTelegram::start(&[OPS]).await;
    let notifier = notifier(&server.url, TOKEN);

    // heald asks for consent.
    let told = post(&notifier, sample::notice(NoticeKind::ApprovalNeeded), None).await;
    let first = server.said(OPS).remove(0);
    let thread = format!("{OPS}/{}", first.id);
    assert_eq!(told, Delivery { thread: Some(thread.clone()), ..Delivery::taken(CHANNEL) });
    assert!(first.text.starts_with("🟡 P1 SystemdUnitFailed unit web.service on web-1: heald asks for consent"));
    assert!(first.text.contains("\nAsks may heald do this? systemd.restart unit web.service, attempt 1 of 3\n"));
    assert!(!first.is_silent);
    let expected = [["✅ Approve", "⛔ Deny"], ["👀 Acknowledge", "🔕 Silence 1 h"], ["⏸ Pause playbook", "🔍 Details"]];
    assert_eq!(labels(&first), expected);

    // It goes on quietly, then it is over: the same message, and a line each.
    let told = post(&notifier, sample::notice(NoticeKind::Progress), Some(&thread)).await;
    assert_eq!((told.error, told.thread.as_deref()), (None, Some(thread.as_str())));
    let told = post(&notifier, sample::notice(NoticeKind::Healed), Some(&thread)).await;
    assert_eq!(told.error, None);
    let said = server.said(OPS);
    assert_eq!(said.len(), 3, "{said:#?}");
    assert_eq!((said[0].id, said[0].edits), (first.id, 2));
    assert!(said[0].text.starts_with("🟢 P1 SystemdUnitFailed unit web.service on web-1: repaired and verified"));
    assert_eq!(labels(&said[0]), [["🔍 Details", "📝 Review"]]);
    assert_eq!(said[1].text, "heald is at it: attempt 2 permitted: restart the unit");
    assert_eq!(said[2].text, "repaired and verified: all probes pass after attempt 3");
    assert_eq!((said[1].reply_to, said[2].reply_to), (Some(first.id), Some(first.id)));
    assert_eq!((said[1].is_silent, said[2].is_silent), (true, false));

    // heald died before it could note that the last one was taken: nothing worse than one line twice.
    let told = post(&notifier, sample::notice(NoticeKind::Healed), Some(&thread)).await;
    assert_eq!(told.error, None);
    assert_eq!((server.said(OPS).len(), server.said(OPS)[0].edits), (4, 2));
}

#[tokio::test]
async fn what_concerns_heald_itself_is_a_message_of_its_own() {
    let server = FakeTelegram::start(&[OPS]).await;
    let notifier = notifier(&server.url, TOKEN);
    for thread in [None, Some("-1001/1")] {
        let told = post(&notifier, sample::notice(NoticeKind::DetectionBlind), thread).await;
        assert_eq!(told.error, None);
    }
    let said = server.said(OPS);
    assert_eq!((said.len(), said[0].keyboard.len(), said[1].edits), (2, 0, 0));
}

#[tokio::test]
async fn a_message_that_is_gone_or_of_another_chat_is_sent_anew() {
    let server = FakeTelegram::start(&[OPS]).await;
    let notifier = notifier(&server.url, TOKEN);
    let thread = post(&notifier, sample::notice(NoticeKind::ApprovalNeeded), None).await.thread.unwrap();
    server.delete(OPS, 1);
    let told = post(&notifier, sample::notice(NoticeKind::Healed), Some(&thread)).await;
    assert_eq!(told.thread.as_deref(), Some("-1001/2"));
    let told = post(&notifier, sample::notice(NoticeKind::Healed), Some("-77/2")).await;
    assert_eq!((told.error, told.thread.as_deref()), (None, Some("-1001/3")));
    assert_eq!(server.calls("EditMessageText"), 1, "a message of another chat is not asked for");
}

#[tokio::test]
async fn an_error_says_whether_another_try_may_do_better() {
    let moved = "the group became a supergroup with the id -1009: if it is still yours, write that id into the configuration";
    let cases: [(Fault, &str, Again); 8] = [
        (Fault::TooMany(31), "Telegram asks to wait 31s", Again::After(Duration::from_secs(31))),
        (SERVER_ERROR, "Telegram does not answer in time, or can't (5xx)", Again::Soon),
        (Fault::Slow(Duration::from_secs(60)), "Telegram does not answer in time, or can't (5xx)", Again::Soon),
        (Fault::Garbage, "the answer is none of Telegram's", Again::Soon),
        (UNAUTHORIZED, "Telegram refuses: Invalid bot token", Again::Never),
        (KICKED, "Telegram refuses: Forbidden: bot was kicked from the supergroup chat", Again::Never),
        (Fault::Refuses(400, "Bad Request: chat not found"), "Telegram refuses: Bad Request: chat not found", Again::Never),
        (Fault::Migrated(-1_009), moved, Again::Never),
    ];
    for (fault, why, again) in cases {
        let server = FakeTelegram::start(&[OPS, -1_009]).await;
        server.fault(fault.clone());
        let notifier = notifier(&server.url, TOKEN);
        let told = post(&notifier, sample::notice(NoticeKind::Escalated), None).await;
        assert_eq!(told, Delivery::failed(CHANNEL, why, again), "{fault:?}");
        assert_eq!(server.calls("SendMessage"), 1, "the next try is the outbox's matter");
        assert!(server.messages(-1_009).is_empty(), "the new group is not trusted by itself");
    }
}

#[tokio::test]
async fn a_429_holds_the_whole_bot_and_nothing_is_asked_meanwhile() {
    let server = FakeTelegram::start(&[OPS]).await;
    server.fault(Fault::TooMany(31));
    let notifier = notifier(&server.url, TOKEN);
    for _ in 0..3 {
        let told = post(&notifier, sample::notice(NoticeKind::Escalated), None).await;
        assert!(matches!(told.again, Again::After(wait) if wait > Duration::from_secs(25)), "{told:?}");
    }
    assert_eq!(server.calls("SendMessage"), 1);
}

#[tokio::test]
async fn what_telegram_cant_read_is_sent_without_markup() {
    let server = FakeTelegram::start(&[OPS]).await;
    server.fault(CANT_PARSE);
    let notifier = notifier(&server.url, TOKEN);
    let told = post(&notifier, sample::notice(NoticeKind::Escalated), None).await;
    assert_eq!(told.error, None);
    let said = server.said(OPS);
    assert!(!said[0].is_html && said[0].text.contains("Manual fix\n  Look at the journal:"), "{said:#?}");
    assert!(!said[0].keyboard.is_empty());
}

#[tokio::test]
async fn an_alerts_text_stays_text_whatever_it_holds() {
    let server = FakeTelegram::start(&[OPS]).await;
    let notifier = notifier(&server.url, TOKEN);
    let mut hostile = sample::notice(NoticeKind::Escalated);
    hostile.summary = "</i><a href=\"tg://user?id=1\">x</a> @everyone tg://x /pause \u{202e}\u{1b}[2J & <!channel>".to_owned();
    hostile.target = "unit <b>a</b>&amp;".to_owned();
    hostile.debug_prompt = Some("</pre><b>\u{1f600}".repeat(2_000));
    let told = post(&notifier, hostile, None).await;
    assert_eq!(told.error, None);
    let said = server.said(OPS).remove(0);
    assert!(said.is_html);
    assert!(said.text.starts_with("🔴 P1 SystemdUnitFailed unit <b>a</b>&amp; on web-1: needs a person"), "{}", said.text);
    let tame = "</i><a href=\"tg:\u{2060}//user?id=1\">x</a> @\u{2060}everyone tg:\u{2060}//x /\u{2060}pause [2J & <!channel>";
    assert!(said.text.contains(tame), "{}", said.text);
    assert!(said.text.ends_with("\n… cut here; all of it: heald incidents 17"), "{}", said.text);
}

#[tokio::test]
async fn the_token_reaches_no_error() {
    let server = FakeTelegram::start(&[OPS]).await;
    let wrong = TOKEN.replace("canary", "canari");
    let mut shown = vec![format!("{:?}", notifier(&server.url, &wrong))];
    server.fault(Fault::Garbage);
    for (url, token) in [(server.url.as_str(), TOKEN), (&server.url, &wrong), ("http://127.0.0.2:1", TOKEN)] {
        let told = post(&notifier(url, token), sample::notice(NoticeKind::Over), None).await;
        shown.push(told.error.expect("it can't have worked"));
    }
    assert!(shown[3].starts_with("no connection"), "{shown:?}");
    assert!(shown[2].starts_with("Telegram refuses: Invalid bot token"), "{shown:?}");
    for text in shown {
        assert!(!text.contains("canar") && !text.contains("4242:"), "{text}");
    }
}
