//! Presses against a local Slack and a loop that remembers what it was given.

use super::super::{slack_actions, slack_socket};
use super::*;
use crate::chat::Role;
use crate::domain::id::IncidentId;
use crate::domain::notice::{NoticeKind, Post};
use crate::domain::target::{Target, TargetKind};
use crate::link::slack::{Settings as Api, Token};
use crate::notify::{self, Kind, Notifier, sample, slack as channel};
use crate::run::clock::Clock;
use crate::run::handle::OrderError;
use crate::run::handle::fake::FakeLoop;
use crate::run::view::IncidentView;
use crate::telemetry::Telemetry;
use fake::press::{Request, now, sign};
use fake::{APP, BOT, FakeSlack, ROOM, SIGNING};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::fake::slack as fake;

struct Stage {
    slack: FakeSlack,
    heald: FakeLoop,
    presses: Presses,
    telemetry: Telemetry,
    /// Of `POST /slack/actions`.
    url: String,
    /// The message that asks for consent.
    ts: String,
}

const ANN: &str = "U0ANN";

impl Stage {
    async fn set() -> Self {
        let slack = FakeSlack::start().await;
        let heald = FakeLoop::start();
        let api = Api { api_url: slack.api_url(), app: Some(Token::new(APP)), ..Api::new(Token::new(BOT)) };
        let app = App { api, signing_secret: Some(Token::new(SIGNING)) };
        let person =
            |name: &str, id: &str, role| Person { name: name.to_owned(), role, telegram: None, slack: Some(id.to_owned()) };
        let people = People::new(vec![
            person("ann", ANN, Role::Approve),
            person("vera", "U0VERA", Role::View),
            person("root", "U0ROOT", Role::Admin),
        ]);
        let telemetry = Telemetry::new("0");
        let presses =
            Presses::new(heald.handle.clone(), &app, &[("owner", "D0OWNER"), ("room", ROOM)], people, telemetry.clone()).unwrap();
        let routes = slack_actions::routes(presses.clone(), &Token::new(SIGNING), Clock::system(None));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{}", listener.local_addr().unwrap(), slack_actions::PATH);
        tokio::spawn(async move { axum::serve(listener, routes).await });

        let kind = Kind::Slack(channel::Settings { app, channel: ROOM.to_owned() });
        let settings = notify::Settings { channels: [("room".to_owned(), kind)].into(), ..notify::Settings::default() };
        let notice = sample::notice(NoticeKind::ApprovalNeeded);
        let post = Post { channel: "room".to_owned(), notice, thread: None };
        assert_eq!(Notifier::new(settings).unwrap().post(post).await.error, None);
        let ts = slack.messages()[0].ts.clone();
        Self { slack, heald, presses, telemetry, url, ts }
    }

    fn press(&self, user: &str, action: &str) -> Value {
        self.slack.press(user, &self.ts, action)
    }

    async fn send(&self, request: &Request) -> u16 {
        self.slack.deliver(&self.url, request).await.status().as_u16()
    }

    /// The last thing said in the channel, once this many messages are there, the card included.
    async fn said(&self, count: usize) -> fake::Message {
        self.slack.until("an answer", |slack| (slack.messages.len() >= count).then(|| slack.messages[count - 1].clone())).await
    }

    fn orders(&self) -> usize {
        self.heald.state().orders.len()
    }

    /// As the loop shows the incident that is asked about.
    fn open(&self) {
        let opened_at = "2026-11-22T01:47:01Z".parse().unwrap();
        self.heald.state().incidents.push(IncidentView {
            id: IncidentId(17),
            playbook: "systemd-unit-failed".into(),
            host: "web-1".to_owned(),
            target: Some(Target::new(TargetKind::Unit, "web.service").unwrap()),
            state: "held".to_owned(),
            outcome: None,
            opened_at,
            healed_at: None,
            closed_at: None,
            attempts: 0,
            alerts: Vec::new(),
            trust: None,
            approval: None,
            next: None,
            events: Vec::new(),
        });
    }
}

#[tokio::test]
async fn approve_becomes_an_order_with_a_name_and_the_question_it_answers() {
    let stage = Stage::set().await;
    assert_eq!(stage.send(&Request::new(&stage.press(ANN, "heald_approve"))).await, 200);
    let answer = stage.said(2).await;
    assert_eq!((answer.text.as_str(), answer.only_for), ("ann, Approve: done", None));
    assert_eq!(answer.thread, Some(stage.ts.clone()));
    let state = stage.heald.state();
    assert_eq!(state.orders, [(PersonOrder::Approve { incident: IncidentId(17) }, "ann".to_owned())]);
    let letter = &state.letters[0];
    assert_eq!((letter.channel.as_str(), letter.offset), ("room", None));
    let question = sample::notice(NoticeKind::ApprovalNeeded).question.unwrap();
    let button = letter.button.as_ref().unwrap();
    assert_eq!((button.attempt, button.plan, button.expires), (1, question.digest(), question.expires));
    assert!(!button.tag.is_empty());
}

#[tokio::test]
async fn every_button_asks_for_what_it_says() {
    let stage = Stage::set().await;
    stage.open();
    let incident = IncidentId(17);
    for (count, (action, order)) in [
        ("heald_deny", PersonOrder::Deny { incident, why: String::new() }),
        ("heald_ack", PersonOrder::Ack { incident, for_: None }),
        ("heald_silence", PersonOrder::Silence { incident, for_: SILENCE }),
        ("heald_pause_playbook", PersonOrder::PausePlaybookOf { incident, for_: None }),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(stage.presses.take(&stage.press("U0ROOT", action).to_string()), Taken::Begun);
        stage.said(count + 2).await;
        assert_eq!(stage.heald.state().orders.last(), Some(&(order, "root".to_owned())), "{action}");
    }
    stage.presses.take(&stage.press("U0VERA", "heald_details").to_string());
    let details = stage.said(6).await;
    assert!(details.text.contains("17") && details.text.contains("held"), "{details:?}");
    assert!(details.thread.is_some() && details.only_for.is_none());
    assert_eq!(stage.orders(), 4, "a question is no order");
}

#[tokio::test]
async fn the_loops_no_is_told_in_the_thread() {
    let stage = Stage::set().await;
    stage.heald.state().order_error = Some(OrderError::Refused("the button was used before, <!channel>".to_owned()));
    stage.send(&Request::new(&stage.press(ANN, "heald_approve"))).await;
    assert_eq!(stage.said(2).await.text, "ann, Approve: not done: the button was used before, &lt;!channel&gt;");
    // Nor is there anything to show of an incident that is gone.
    stage.presses.take(&stage.press("U0VERA", "heald_details").to_string());
    assert_eq!(stage.said(3).await.text, "there is no incident 17");
}

#[tokio::test]
async fn a_stranger_is_refused_whatever_they_call_themselves() {
    let stage = Stage::set().await;
    let mut press = stage.press("U0STRANGER", "heald_approve");
    // Names can be chosen; ann's own name and id in them open no door.
    press["user"]["name"] = "ann".into();
    press["user"]["username"] = ANN.into();
    assert_eq!(stage.send(&Request::new(&press)).await, 200);
    let answer = stage.said(2).await;
    assert_eq!(answer.only_for.as_deref(), Some("U0STRANGER"));
    assert!(answer.text.contains("heald does not know you"), "{answer:?}");
    // The room is ann's to speak in, and vera may only look.
    assert_eq!(stage.send(&Request::new(&stage.press("U0VERA", "heald_ack"))).await, 200);
    assert!(stage.said(3).await.text.contains("Acknowledge takes the role ack, and yours is view"));
    let state = stage.heald.state();
    assert_eq!((state.orders.len(), state.letters.len()), (0, 0));
    let refused = [("U0STRANGER", "Approve of incident 17"), ("U0VERA", "Acknowledge of incident 17, which takes the role ack")];
    assert!(stage.telemetry.page().contains("heald_chat_refused_total{channel=\"room\"} 2"));
    assert_eq!(state.refused, refused.map(|(who, what)| ("room".to_owned(), format!("slack user {who}"), what.to_owned())));
}

#[tokio::test]
async fn a_forged_button_and_a_foreign_channel_are_refused() {
    let stage = Stage::set().await;
    let good = stage.press(ANN, "heald_approve");
    let mut forged = good.clone();
    forged["actions"][0]["value"] = "AQAAAAAAAAARAAAAAeFaW9MmRFwDAaIBFfFnmbaHymftLenHAAAA".into();
    assert_eq!(stage.presses.take(&forged.to_string()), Taken::Begun);
    let answer = stage.said(2).await;
    assert_eq!(answer.only_for.as_deref(), Some(ANN));
    for channel in ["C0ELSEWHERE", "D0OWNER"] {
        let mut foreign = stage.press(ANN, "heald_approve");
        foreign["channel"]["id"] = channel.into();
        stage.slack.join(channel, fake::Membership::Member);
        assert_eq!(stage.presses.take(&foreign.to_string()), Taken::Begun, "{channel}");
    }
    stage.slack.until("both refused", |_| (stage.heald.state().refused.len() == 3).then_some(())).await;
    let channels: Vec<String> = stage.heald.state().refused.iter().map(|(channel, ..)| channel.clone()).collect();
    assert!(channels.contains(&"slack".to_owned()) && channels.contains(&"owner".to_owned()), "{channels:?}");
    assert_eq!(stage.orders(), 0);
    assert!(stage.slack.messages().iter().all(|message| message.channel != "C0ELSEWHERE"), "nothing is said there");
}

#[tokio::test]
async fn only_what_slack_signed_just_now_is_heard() {
    let stage = Stage::set().await;
    let press = stage.press(ANN, "heald_approve");
    let good = Request::new(&press);
    let spoiled = [
        ("another secret", Request { signature: sign("other", &good.timestamp, &good.body), ..good.clone() }),
        ("no version", Request { signature: good.signature.replace("v0=", ""), ..good.clone() }),
        ("another version", Request { signature: good.signature.replace("v0=", "v1="), ..good.clone() }),
        ("cut short", Request { signature: good.signature[..60].to_owned(), ..good.clone() }),
        ("empty", Request { signature: String::new(), ..good.clone() }),
        ("older than five minutes", Request::at(&press, now() - 310)),
        ("from the future", Request::at(&press, now() + 310)),
        ("a fresh time on an old signature", Request { timestamp: (now() - 1).to_string(), ..Request::at(&press, now() - 60) }),
        ("no number", Request { timestamp: "now".to_owned(), ..good.clone() }),
        // The same form, encoded anew: %20 for +.
        ("re-serialised", Request { body: good.body.replace('+', "%20"), ..good.clone() }),
        ("changed", Request { body: format!("{}&x=1", good.body), ..good.clone() }),
    ];
    for (what, request) in &spoiled {
        assert!(
            request.body != good.body || request.signature != good.signature || request.timestamp != good.timestamp,
            "{what}"
        );
        assert_eq!(stage.send(request).await, 401, "{what}");
    }
    assert_eq!((stage.orders(), stage.heald.state().refused.len()), (0, 0));
    assert_eq!(stage.send(&Request::at(&press, now() - 290)).await, 200, "slow, yet in time");
    stage.said(2).await;
}

#[tokio::test]
async fn what_is_signed_and_no_press_is_answered_and_nothing_more() {
    let stage = Stage::set().await;
    let signed = |body: String| {
        let timestamp = now().to_string();
        Request { signature: sign(SIGNING, &timestamp, &body), timestamp, body, retry: None }
    };
    assert_eq!(stage.send(&Request::new(&json!({ "type": "view_closed" }))).await, 200);
    let mut other = stage.press(ANN, "heald_approve");
    other["actions"][0]["action_id"] = "another_apps".into();
    assert_eq!(stage.send(&Request::new(&other)).await, 200);
    for garbage in ["", "payload=", "payload=%7B", "load=%7B%7D", "\u{fffd}"] {
        assert_eq!(stage.send(&signed(garbage.to_owned())).await, 400, "{garbage}");
    }
    assert_eq!(stage.send(&signed(format!("payload={}", "a".repeat(600_000)))).await, 413);
    let got = reqwest::Client::builder().no_proxy().build().unwrap().get(&stage.url).send().await.unwrap();
    assert_eq!(got.status().as_u16(), 405);
    assert_eq!(stage.orders(), 0);
}

#[tokio::test]
async fn what_slack_sends_again_is_done_once() {
    let stage = Stage::set().await;
    let request = Request::new(&stage.press(ANN, "heald_approve"));
    assert_eq!(stage.send(&request).await, 200);
    for retry in 1..=3 {
        assert_eq!(stage.send(&Request { retry: Some(retry), ..request.clone() }).await, 200);
    }
    // A recording of it is a repetition too.
    assert_eq!(stage.send(&request).await, 200);
    // A retry whose first try never came is the first.
    let late = Request { retry: Some(1), ..Request::new(&stage.press(ANN, "heald_ack")) };
    assert_eq!(stage.send(&late).await, 200);
    stage.slack.until("both done", |_| (stage.orders() == 2).then_some(())).await;
    stage.said(3).await;
    assert_eq!((stage.orders(), stage.slack.calls("chat.postMessage")), (2, 3));
}

#[tokio::test]
async fn slack_has_its_answer_while_the_loop_hangs_and_the_flood_is_turned_away() {
    let stage = Stage::set().await;
    stage.heald.state().hangs = true;
    let start = tokio::time::Instant::now();
    assert_eq!(stage.send(&Request::new(&stage.press(ANN, "heald_approve"))).await, 200);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    stage.slack.until("the loop has it", |_| (stage.orders() == 1).then_some(())).await;
    for _ in 1..BUSY_MAX {
        assert_eq!(stage.send(&Request::new(&stage.press(ANN, "heald_ack"))).await, 200);
    }
    assert_eq!(stage.send(&Request::new(&stage.press(ANN, "heald_ack"))).await, 503, "not taken, and not said to be");
}

#[tokio::test]
async fn socket_mode_hears_presses_and_comes_back() {
    let stage = Stage::set().await;
    let (stop, stopping) = watch::channel(false);
    let telemetry = stage.telemetry.clone();
    let up = |up: u8| telemetry.page().contains(&format!("heald_dependency_up{{dependency=\"slack\"}} {up}"));
    let listener = slack_socket::Listener::new(stage.presses.clone(), telemetry.clone());
    let running = tokio::spawn(listener.run(stopping));
    let socket = &stage.slack.socket;
    socket.until_greeted(1).await;
    assert!(socket.press(&stage.press(ANN, "heald_approve")).await, "acknowledged in time");
    assert_eq!(stage.said(2).await.text, "ann, Approve: done");
    assert!(up(1));

    // The same press on another way is the same press.
    let press = stage.press(ANN, "heald_ack");
    assert!(socket.press(&press).await && socket.press(&press).await, "both are acknowledged");
    assert_eq!(stage.send(&Request::new(&press)).await, 200);
    stage.said(3).await;
    assert_eq!(stage.orders(), 2);

    // Even what it does not know, or can't do, is acknowledged.
    stage.heald.state().hangs = true;
    assert!(socket.press(&json!({ "type": "shortcut" })).await);
    assert!(socket.press(&stage.press(ANN, "heald_silence")).await, "while the loop hangs");
    stage.heald.state().hangs = false;

    // Slack wants a new connection: the old one is heard until the new one is there.
    socket.disconnect("refresh_requested");
    assert!(socket.press(&stage.press(ANN, "heald_deny")).await, "on the old one");
    socket.until_greeted(2).await;
    assert!(socket.press(&stage.press(ANN, "heald_ack")).await, "on the new one");
    assert_eq!(socket.open(), 2);

    // A broken line, and a refusal on the way back.
    stage.slack.fail_on("apps.connections.open", fake::Fault::Limit(1));
    socket.drop_line();
    socket.until_greeted(3).await;
    assert!(socket.press(&stage.press("U0STRANGER", "heald_approve")).await);
    stage.slack.until("refused", |_| (stage.heald.state().refused.len() == 1).then_some(())).await;
    assert_eq!(socket.odd(), Vec::<String>::new(), "nothing but acknowledgements is said");

    // Somebody switches Socket Mode off.
    socket.disconnect("link_disabled");
    stage.slack.until("down", |_| up(0).then_some(())).await;
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    stage.slack.until("all connections ended", |_| (socket.open() == 0).then_some(())).await;
}
