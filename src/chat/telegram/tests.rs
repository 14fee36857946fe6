//! A conversation: people write and press in a Telegram of our own, and the loop hears what it may.

use super::*;
use crate::chat::{Person, Role};
use crate::domain::id::IncidentId;
use crate::domain::notice::{NoticeKind, Post};
use crate::fake::telegram as fake;
use crate::fake::telegram::{CONFLICT, FakeTelegram, Fault, SERVER_ERROR, TOKEN};
use crate::link::telegram::Settings as BotSettings;
use crate::notify::{Kind, Notifier, Settings, sample, telegram};
use crate::run::handle::fake::{FakeLoop, review};
use crate::run::handle::{Letter, OrderError, PersonOrder};
use std::sync::Mutex;

const OPS: i64 = -1_001;
const ELSEWHERE: i64 = -2_002;
const VIEWER: u64 = 10;
const ANN: u64 = 11;
const CHIEF: u64 = 12;
const STRANGER: u64 = 666;

struct Scene {
    server: FakeTelegram,
    heald: FakeLoop,
    notifier: Notifier,
    telemetry: Telemetry,
    alarms: Arc<Mutex<Vec<String>>>,
    stop: watch::Sender<bool>,
}

impl Scene {
    async fn start() -> Self {
        Self::with(FakeTelegram::start(&[OPS, ELSEWHERE, STRANGER as i64]).await, None).await
    }

    async fn with(server: FakeTelegram, heard: Option<i64>) -> Self {
        let heald = FakeLoop::start();
        heald.state().heard = heard;
        let bot = BotSettings { api_url: server.url.clone(), ..BotSettings::new(TOKEN) };
        let channels = [("ops".to_owned(), Kind::Telegram(telegram::Settings { chat: OPS }))].into();
        let notifier = Notifier::new(Settings { channels, telegram: Some(bot), ..Settings::default() }).unwrap();
        let person = |name: &str, role, id| Person { name: name.to_owned(), role, telegram: Some(id), slack: None };
        let people = People::new(vec![
            person("vic", Role::View, VIEWER),
            person("ann", Role::Approve, ANN),
            person("cleo", Role::Admin, CHIEF),
        ]);
        let telemetry = Telemetry::new("0");
        let alarms = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&alarms);
        let alarm: Alarm = Box::new(move |why| heard.lock().unwrap().push(why.to_owned()));
        let (bot, chats) = notifier.telegram().unwrap();
        let waits = Waits { error: Duration::from_millis(20), conflict: Duration::from_secs(60), ..Waits::default() };
        let listener = Listener::new(bot, chats, people, heald.handle.clone(), telemetry.clone(), alarm).with_waits(waits);
        let (stop, stopping) = watch::channel(false);
        tokio::spawn(listener.run(stopping));
        Self { server, heald, notifier, telemetry, alarms, stop }
    }

    /// The bot's next words in a chat.
    async fn hears(&self, chat: i64, words: &str) {
        let said =
            |fake: &fake::Fake| fake.chats[&chat].iter().any(|said| said.from == 4_242 && said.text == words).then_some(());
        self.server.wait(words, said).await;
    }

    /// What the pressed button showed, and whether as a window.
    async fn answered(&self, query: &str) -> (String, bool) {
        let find = |fake: &fake::Fake| fake.answers.iter().find(|answer| answer.query == query).cloned();
        let answer = self.server.wait("an answer to the button", find).await;
        (answer.text, answer.alert)
    }

    /// A message of heald's with buttons.
    async fn asks(&self, kind: NoticeKind) -> i32 {
        let post = Post { channel: "ops".to_owned(), notice: sample::notice(kind), thread: None };
        let told = self.notifier.post(post).await;
        told.thread.unwrap().rsplit_once('/').unwrap().1.parse().unwrap()
    }

    fn orders(&self) -> Vec<(PersonOrder, String)> {
        self.heald.state().orders.clone()
    }

    fn refused(&self) -> Vec<(String, String, String)> {
        self.heald.state().refused.clone()
    }
}

#[tokio::test]
async fn a_command_becomes_an_order_with_the_number_of_its_message() {
    let scene = Scene::start().await;
    let commands =
        scene.server.wait("the list of commands", |fake| (!fake.commands.is_empty()).then(|| fake.commands.clone())).await;
    assert_eq!(commands.len(), 17);
    assert_eq!(commands[3], ("ack".to_owned(), "ID [FOR] you are at it: nobody else is called".to_owned()));

    let offset = scene.server.write(ANN, OPS, "/ack@heald_bot 17 30m");
    scene.hears(OPS, "done").await;
    let for_ = Some("30m".parse().unwrap());
    assert_eq!(scene.orders(), [(PersonOrder::Ack { incident: IncidentId(17), for_ }, "ann (telegram)".to_owned())]);
    let letter = Letter { channel: "ops".to_owned(), offset: Some(offset), button: None };
    assert_eq!(scene.heald.state().letters, [letter]);

    // Whoever only talks is left alone; so is another bot.
    scene.server.write(ANN, OPS, "is anybody at it?");
    scene.server.write(ANN, OPS, "/pause@another_bot");
    scene.server.write(ANN, OPS, "/ack seventeen");
    scene.hears(OPS, "write it so: /\u{2060}ack ID [FOR]").await;
    scene.heald.state().order_error = Some(OrderError::Refused("there is no open incident 17; see heald incidents".to_owned()));
    scene.server.write(ANN, OPS, "/approve 17");
    scene.hears(OPS, "there is no open incident 17; see heald incidents").await;
    assert_eq!((scene.orders().len(), scene.refused().len(), scene.server.said(OPS).len()), (2, 0, 3));
}

#[tokio::test]
async fn only_listed_people_in_listed_chats_and_each_what_they_may() {
    let scene = Scene::start().await;
    scene.server.write(STRANGER, OPS, "/approve 17");
    scene.hears(OPS, "heald does not know you; your number is 666").await;
    // Once is enough for a stranger; the journal hears of each.
    scene.server.write(STRANGER, OPS, "/pause");
    scene.server.write(ANN, ELSEWHERE, "/approve 17");
    scene.hears(ELSEWHERE, "heald takes no orders in this chat; its number is -2002").await;
    scene.server.forward(ANN, OPS, "/approve 17");
    scene.hears(OPS, "somebody else's words are no order; write it yourself").await;
    scene.server.write(ANN, OPS, "/pause 1h");
    scene.hears(OPS, "/\u{2060}pause needs the role admin; yours is approve").await;
    scene.server.write(VIEWER, OPS, "/ack 17");
    scene.hears(OPS, "/\u{2060}ack needs the role ack; yours is view").await;
    assert_eq!(scene.orders(), [], "nobody may");
    let refused = scene.refused();
    assert_eq!(refused.len(), 6, "{refused:#?}");
    let what = "/approve 17: heald does not know you; your number is 666";
    assert_eq!(refused[0], ("ops".to_owned(), "666 (@user666)".to_owned(), what.to_owned()));
    assert_eq!((refused[2].0.as_str(), refused[2].1.as_str()), ("telegram", "11 (@user11)"));
    let page = scene.telemetry.page();
    assert!(page.contains("heald_chat_refused_total{channel=\"ops\"} 5"), "{page}");
    assert!(page.contains("heald_chat_refused_total{channel=\"telegram\"} 1"), "{page}");
}

#[tokio::test]
async fn a_button_is_an_order_about_what_it_was_made_for() {
    let scene = Scene::start().await;
    let message = scene.asks(NoticeKind::ApprovalNeeded).await;
    let notice = sample::notice(NoticeKind::ApprovalNeeded);
    let question = notice.question.unwrap();

    let query = scene.server.press(ANN, OPS, message, "Approve");
    assert_eq!(scene.answered(&query).await, ("done".to_owned(), false));
    assert_eq!(scene.orders(), [(PersonOrder::Approve { incident: notice.incident }, "ann (telegram)".to_owned())]);
    let letter = scene.heald.state().letters[0].clone();
    let button = letter.button.unwrap();
    assert_eq!((button.attempt, button.plan, button.expires), (question.attempt, question.digest(), question.expires));

    // The loop knows better: somebody was quicker.
    scene.heald.state().order_error = Some(OrderError::Refused("bob has pressed it already".to_owned()));
    let query = scene.server.press(ANN, OPS, message, "Approve");
    assert_eq!(scene.answered(&query).await, ("bob has pressed it already".to_owned(), true));
    let again = scene.heald.state().letters[1].clone();
    assert_eq!(again.button.unwrap().tag, button.tag, "the same button is known again");
    assert!(again.offset > letter.offset);
    assert_eq!(scene.refused(), []);
}

#[tokio::test]
async fn a_press_that_is_not_allowed_is_answered_and_changes_nothing() {
    let scene = Scene::start().await;
    let message = scene.asks(NoticeKind::ApprovalNeeded).await;
    let data = scene.server.said(OPS)[0].keyboard[0][0].1.clone();
    let forged = format!("B{}", &data[1..]);
    let cases = [
        (STRANGER, OPS, data.as_str(), "heald does not know you; your number is 666"),
        (VIEWER, OPS, &data, "Approve needs the role approve; yours is view"),
        (ANN, ELSEWHERE, &data, "heald takes no orders in this chat"),
        (ANN, OPS, &forged, "the button is not one of heald's, or was changed on its way"),
        (ANN, OPS, "approve 17", "the button is not one of heald's, or was changed on its way"),
        (ANN, OPS, "", "the button is not one of heald's, or was changed on its way"),
    ];
    for (user, chat, data, told) in cases {
        let query = scene.server.press_data(user, chat, message, data);
        assert_eq!(scene.answered(&query).await, (told.to_owned(), true));
    }
    assert_eq!(scene.orders(), []);
    let refused = scene.refused();
    assert_eq!(refused.len(), cases.len());
    assert_eq!(refused[0].2, "Approve, incident 17: heald does not know you; your number is 666");
}

#[tokio::test]
async fn questions_are_answered_from_the_loop() {
    let scene = Scene::start().await;
    scene.server.write(VIEWER, OPS, "/status");
    scene.hears(OPS, "heald 0 on web-1: ok\nrepairs are on\nopen: 2 held\nsystemd: up").await;
    scene.server.write(VIEWER, OPS, "/oncall");
    scene.hears(OPS, "level 2: ann").await;
    scene.server.write(VIEWER, OPS, "/incident 17");
    scene.hears(OPS, "there is no incident 17").await;
    scene.heald.state().reviews = vec![review(17)];
    let message = scene.asks(NoticeKind::Over).await;
    let query = scene.server.press(VIEWER, OPS, message, "Review");
    assert_eq!(scene.answered(&query).await, (String::new(), false));
    let begin = "all of it: heald review 17\n\n# Post-incident review 17: WebDown on unit web.service";
    let said = |fake: &fake::Fake| fake.chats[&OPS].iter().any(|said| said.text.starts_with(begin)).then_some(());
    scene.server.wait("the review", said).await;
}

#[tokio::test]
async fn after_a_restart_it_goes_on_where_the_loop_stopped_hearing() {
    let server = FakeTelegram::start(&[OPS]).await;
    // 1000 is on disk already; 1001 was sent while heald was away, and 1002 hours ago.
    server.write(ANN, OPS, "/approve 16");
    server.write(ANN, OPS, "/approve 17");
    server.wrote(CHIEF, OPS, "/pause", 3 * 3_600 + 59);
    let scene = Scene::with(server, Some(1_000)).await;
    scene.hears(OPS, "done").await;
    let words = "this was written 3h ago, while heald did not hear; if you still want it, write it again";
    scene.hears(OPS, words).await;
    assert_eq!(scene.orders(), [(PersonOrder::Approve { incident: IncidentId(17) }, "ann (telegram)".to_owned())]);
    scene.server.wait("the confirmation", |fake| (fake.offset == Some(1_003)).then_some(())).await;
    scene.stop.send_replace(true);
}

#[tokio::test]
async fn two_who_poll_the_same_bot_are_told_of_and_not_fought_over() {
    let server = FakeTelegram::start(&[OPS]).await;
    server.always("getUpdates", CONFLICT);
    let scene = Scene::with(server, None).await;
    scene.server.wait("a poll", |fake| fake.calls.iter().any(|call| call == "getupdates").then_some(())).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while scene.alarms.lock().unwrap().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "nobody was told");
        tokio::task::yield_now().await;
    }
    let alarms = scene.alarms.lock().unwrap().clone();
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].starts_with("heald does not hear what is said in Telegram: somebody else reads this bot's messages"));
    assert_eq!(scene.server.calls("getUpdates"), 1, "it keeps still for some minutes");
}

#[tokio::test]
async fn a_telegram_that_fails_for_a_while_loses_nothing() {
    let server = FakeTelegram::start(&[OPS]).await;
    server.always("getUpdates", Fault::Garbage);
    let scene = Scene::with(server, None).await;
    scene.server.write(ANN, OPS, "/ack 17");
    scene
        .server
        .wait("three polls", |fake| (fake.calls.iter().filter(|call| *call == "getupdates").count() >= 3).then_some(()))
        .await;
    assert_eq!(scene.orders(), []);
    scene.server.mend();
    scene.hears(OPS, "done").await;
    assert_eq!(scene.orders().len(), 1);
    assert!(scene.alarms.lock().unwrap().is_empty(), "what passes is no alarm");
    // An answer that can't be given does not undo the order, nor stop the listening.
    scene.server.fault(SERVER_ERROR);
    scene.server.write(ANN, OPS, "/ack 18");
    scene.server.write(VIEWER, OPS, "/oncall");
    let heard = |fake: &fake::Fake| (fake.offset == Some(1_003)).then_some(());
    let waiting = async {
        while scene.server.wait("both heard", |fake| Some(heard(fake))).await.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it still listens");
    assert_eq!(scene.orders().len(), 2);
}
