//! (e) What people are told, and what they order from a chat: through the real loop and store, over restarts.

use crate::life::on_paused_clock;
use crate::liveness;
use crate::service::{Life, MINUTE, begin_under, changed, in_force, named};
use heald::domain::alert::{Alert, AlertStatus, Labels};
use heald::domain::escalation::{EscalationPolicy, Watchdog};
use heald::domain::id::{Fingerprint, IncidentId};
use heald::domain::notice::{Notice, NoticeKind};
use heald::domain::playbook::{Mode, Playbook};
use heald::domain::policy::{ApprovalPolicy, Policy};
use heald::domain::time::Span;
use heald::run::handle::{Letter, OrderError, PersonOrder, PressedButton};
use std::path::Path;
use std::sync::atomic::Ordering;
use tokio::time::sleep;

fn policy() -> Policy {
    Policy { escalation: crate::life::escalation(), ..Policy::default() }
}

fn cautious() -> Playbook {
    Playbook { mode: Mode::Approve, ..named("Down") }
}

fn life(dir: &Path) -> Life {
    begin_under(dir, &[cautious()], None, 100, policy())
}

impl Life {
    fn told(&self, kind: NoticeKind) -> Vec<Notice> {
        let posts = self.service.posts.lock().unwrap();
        posts.iter().filter(|post| post.notice.kind == kind).map(|post| post.notice.clone()).collect()
    }

    /// The last question, as a button would carry it.
    async fn asked(&self, count: usize) -> (IncidentId, PressedButton) {
        // Each goes to several channels.
        let questions = || {
            let asked = self.told(NoticeKind::ApprovalNeeded);
            asked.iter().map(|notice| notice.number).collect::<std::collections::BTreeSet<_>>().len()
        };
        self.until("a question", async || questions() >= count).await;
        let notice = self.told(NoticeKind::ApprovalNeeded).pop().unwrap();
        let question = notice.question.expect("a question says what it is about");
        let tag = format!("{}/{}", notice.incident, notice.number);
        let button = PressedButton { tag, attempt: question.attempt, plan: question.digest(), expires: question.expires };
        (notice.incident, button)
    }

    async fn press(&self, incident: IncidentId, button: &PressedButton, offset: i64) -> Result<String, String> {
        let letter = Letter { channel: "chat".to_owned(), offset: Some(offset), button: Some(button.clone()) };
        let answer = self.handle.order_by_letter(PersonOrder::Approve { incident }, "ann (chat)".to_owned(), letter).await;
        answer.map_err(|error| error.to_string())
    }
}

#[test]
fn a_button_works_once_and_a_message_is_heard_once() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = life(dir.path());
        let id = life.fire("Down").await;
        let (incident, button) = life.asked(1).await;
        assert_eq!(incident, id);
        life.press(id, &button, 7).await.unwrap();
        life.until_sent(&["restart"]).await;
        let again = life.press(id, &button, 8).await.unwrap_err();
        assert!(again.contains("ann (chat) has pressed it already"), "{again}");
        let other = PressedButton { tag: "another".to_owned(), ..button.clone() };
        let late = life.press(id, &other, 9).await.unwrap_err();
        assert!(late.contains("no longer asked"), "{late}");
        // The same update once more, as after a crash before it was confirmed.
        let heard = life.press(id, &other, 9).await.unwrap_err();
        assert!(heard.contains("heard before"), "{heard}");
        assert_eq!(life.handle.heard("chat".to_owned()).await.unwrap(), Some(9));
        life.end().await;
    });
}

#[test]
fn a_button_outlives_a_restart_but_not_its_question() {
    let dir = liveness::tempdir();
    let (id, button) = on_paused_clock(async {
        let life = life(dir.path());
        life.fire("Down").await;
        let asked = life.asked(1).await;
        life.end().await;
        asked
    });
    on_paused_clock(async {
        let life = life(dir.path());
        life.press(id, &button, 1).await.unwrap();
        life.until_sent(&["restart"]).await;
        life.end().await;
    });

    let dir = liveness::tempdir();
    on_paused_clock(async {
        let approval = ApprovalPolicy { expires: MINUTE, ..ApprovalPolicy::default() };
        let life = begin_under(dir.path(), &[cautious()], None, 100, Policy { approval, ..policy() });
        life.fire("Down").await;
        let (id, button) = life.asked(1).await;
        life.until_state(id, "escalated").await;
        let late = life.press(id, &button, 1).await.unwrap_err();
        assert!(late.contains("expired"), "{late}");
        assert_eq!(life.service.sent(), [""; 0]);
        life.end().await;
    });
}

#[test]
fn a_button_of_another_plan_is_refused() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = life(dir.path());
        life.fire("Down").await;
        let (id, old) = life.asked(1).await;
        let other = Playbook { mode: Mode::Approve, ..changed(named("Down")) };
        life.handle.reload(heald::run::InForce { policy: policy(), ..in_force(&[other]) }).await.unwrap();
        life.order(PersonOrder::Retry { incident: id }).await.unwrap();
        let (_, new) = life.asked(2).await;
        assert_ne!(old.plan, new.plan);
        let refused = life.press(id, &old, 1).await.unwrap_err();
        assert!(refused.contains("no longer asked"), "{refused}");
        life.press(id, &new, 2).await.unwrap();
        life.until_sent(&["clean"]).await;
        life.end().await;
    });
}

#[test]
fn a_flood_of_incidents_is_one_message_and_a_digest() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = begin_under(dir.path(), &[Playbook { rungs: Vec::new(), ..named("Down") }], None, 0, policy());
        for number in 0..25 {
            life.fire_for("Down", &format!("web-{number}.service")).await;
        }
        life.until("the digest", async || !life.told(NoticeKind::Digest).is_empty()).await;
        let (single, storm) = (life.told(NoticeKind::Escalated), life.told(NoticeKind::Storm));
        let incidents: std::collections::BTreeSet<IncidentId> = single.iter().map(|notice| notice.incident).collect();
        assert_eq!(incidents.len(), 20, "the first ones, before it was a flood");
        assert!(storm.iter().all(|notice| notice.number == storm[0].number), "one message, on each channel");
        let digest = life.told(NoticeKind::Digest).remove(0);
        let lines = digest.reason.lines().count();
        assert!(lines >= 6 && digest.reason.contains("escalated"), "{}", digest.reason);
        sleep(6 * MINUTE).await;
        let events = life.handle.events(heald::domain::id::Seq(0), None, 10_000).await.unwrap();
        let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
        assert_eq!((count("told_together"), count("told_apart")), (1, 1), "one flood, and its end");
        assert!(storm.len() > 1 && count("opened") == 25);
        life.end().await;
    });
}

#[test]
fn nothing_is_lost_while_all_channels_are_down_and_heald_restarts() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = begin_under(dir.path(), &[Playbook { rungs: Vec::new(), ..named("Down") }], None, 0, policy());
        life.service.deaf.store(true, Ordering::SeqCst);
        life.fire("Down").await;
        sleep(5 * MINUTE).await;
        assert!(life.service.posts.lock().unwrap().is_empty());
        life.end().await;
    });
    on_paused_clock(async {
        let life = begin_under(dir.path(), &[Playbook { rungs: Vec::new(), ..named("Down") }], None, 0, policy());
        life.service.deaf.store(true, Ordering::SeqCst);
        sleep(5 * MINUTE).await;
        life.service.deaf.store(false, Ordering::SeqCst);
        sleep(6 * MINUTE).await;
        let told = life.told(NoticeKind::Escalated);
        assert!(!told.is_empty(), "told when a channel is back");
        let posts = life.service.posts.lock().unwrap().clone();
        let each: std::collections::BTreeSet<_> = posts.iter().map(|post| (post.notice.number, post.channel.clone())).collect();
        assert_eq!(each.len(), posts.len(), "each once: {posts:#?}");
        life.end().await;
    });
}

#[test]
fn people_hear_that_detection_is_blind_and_that_it_is_back() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let watchdog = Some(Watchdog { alertname: "Watchdog".to_owned(), every: MINUTE });
        let escalation = EscalationPolicy { watchdog, ..crate::life::escalation() };
        let life = begin_under(dir.path(), &[named("Down")], None, 0, Policy { escalation, ..Policy::default() });
        let beat = async || {
            let labels: Labels = [("alertname".to_owned(), "Watchdog".to_owned())].into();
            let alert = Alert {
                fingerprint: Fingerprint::from("watchdog"),
                status: AlertStatus::Firing,
                starts_at: jiff::Timestamp::UNIX_EPOCH,
                labels,
                annotations: Labels::new(),
            };
            assert_eq!(life.handle.deliver(vec![alert]).await.unwrap().duplicate, 1);
        };
        for _ in 0..5 {
            beat().await;
            sleep(MINUTE).await;
        }
        assert!(life.told(NoticeKind::DetectionBlind).is_empty());
        sleep(4 * MINUTE).await;
        assert!(!life.told(NoticeKind::DetectionBlind).is_empty());
        beat().await;
        life.until("back", async || !life.told(NoticeKind::DetectionBack).is_empty()).await;
        life.end().await;
    });
}

#[test]
fn strangers_do_not_fill_the_journal() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = life(dir.path());
        for number in 0..50 {
            let who = format!("telegram user {number}");
            life.handle.refused_in_chat("chat".to_owned(), who, "approve".to_owned()).await.unwrap();
        }
        let events = life.handle.events(heald::domain::id::Seq(0), None, 1_000).await.unwrap();
        assert_eq!(events.iter().filter(|event| event.kind == "refused_in_chat").count(), 10);
        life.end().await;
    });
}

#[test]
fn a_playbook_by_hand_is_an_incident_as_any_other() {
    let dir = liveness::tempdir();
    on_paused_clock(async {
        let life = begin_under(dir.path(), &[named("Down")], None, 100, policy());
        life.service.mends.store(true, Ordering::SeqCst);
        let labels: Labels = [("target".to_owned(), "web.service".to_owned())].into();
        let run = PersonOrder::Run { playbook: named("Down").id, labels: labels.clone() };
        let said = life.order(run.clone()).await.unwrap();
        assert!(said.contains("begins"), "{said}");
        let id = life.handle.incidents().await.unwrap().last().unwrap().id;
        assert!(matches!(life.order(run).await, Err(OrderError::Refused(why)) if why.contains("is open for it already")));
        life.until_state(id, "healed").await;
        let ack = life.order(PersonOrder::Ack { incident: id, for_: Some(Span(MINUTE)) }).await.unwrap_err().to_string();
        assert!(ack.contains("nothing left to acknowledge"), "{ack}");
        let unknown = PersonOrder::Run { playbook: "nothing".into(), labels };
        assert!(life.order(unknown).await.unwrap_err().to_string().contains("there is no playbook"));
        sleep(5 * MINUTE).await;
        life.until_state(id, "closed").await;
        life.end().await;
    });
}
