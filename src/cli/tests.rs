//! The commands against a daemon's socket, and what they print.

use super::client::Place;
use super::*;
use crate::console::{self, ReloadError};
use crate::domain::id::{Fingerprint, IncidentId, PlaybookId, Seq};
use crate::domain::target::{Target, TargetKind};
use crate::run::handle::fake::FakeLoop;
use crate::run::handle::{OrderError, PersonOrder, Unavailable};
use crate::run::view::{
    AlertView, ApartView, ApprovalView, BreakerView, EventView, IncidentView, NextView, PlaybookView, Status,
};
use clap::CommandFactory;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::path::Path;
use std::sync::Arc;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn event(seq: u64, incident: Option<u64>, text: &str) -> EventView {
    let kind = if text.starts_with("closed") { "closed" } else { "attempt_started" };
    EventView {
        seq: Seq(seq),
        incident: incident.map(IncidentId),
        at: at("2026-11-22T12:03:01.123456Z"),
        kind: kind.to_owned(),
        text: text.to_owned(),
    }
}

fn incident() -> IncidentView {
    IncidentView {
        id: IncidentId(17),
        playbook: PlaybookId::from("systemd-unit-failed"),
        host: "web-1".to_owned(),
        target: Some(Target::new(TargetKind::Unit, "web.service").unwrap()),
        state: "held".to_owned(),
        outcome: None,
        opened_at: at("2026-11-22T12:03:00Z"),
        healed_at: None,
        closed_at: None,
        attempts: 1,
        trust: None,
        approval: None,
        alerts: vec![AlertView { fingerprint: Fingerprint::from("0011"), starts_at: at("2026-11-22T12:02:50Z"), firing: true }],
        next: Some(NextView { at: Some(at("2026-11-22T12:04:00Z")), why: "cooldown: 10s after\u{1b}[2J attempt 1".to_owned() }),
        events: vec![event(18, Some(17), "attempt 1 started:\nrestart the unit"), event(19, Some(17), "attempt 1 healed")],
    }
}

fn breaker(state: &str) -> BreakerView {
    BreakerView {
        playbook: PlaybookId::from("container-down"),
        target: Target::new(TargetKind::Unit, "web.service").unwrap(),
        state: state.to_owned(),
        until: None,
        why: "5 attempts in a row did not help".to_owned(),
    }
}

#[test]
fn flags_are_consistent() {
    Cli::command().debug_assert();
    for line in [
        "heald serve --config.file x --web.listen-address 127.0.0.1:1",
        "heald check --config.file x playbooks/",
        "heald rules --inventory x",
        "heald init",
        "heald init /etc/heald --systemd.bus unix:path=/x --docker.host unix:///x",
        "heald status -o json --socket /x",
        "heald incidents 17 --follow",
        "heald incidents #17 -f -o json",
        "heald hold unit web.service --for 2h --why deploy",
        "heald hold web.service --why deploy --config.file x",
        "heald release container:ollama",
        "heald retry 3",
        "heald close 3 --note done",
        "heald pause --for 2h --why storm",
        "heald pause",
        "heald resume",
        "heald explain alertname=WebDown target=web.service -o json",
        "heald explain --incident #17",
        "heald explain 17",
        "heald explain #17",
        "heald explain --alert-json - -o json",
        "heald run web-is-down target=web.service --dry-run -o json",
        "heald check --rules rules --strict -o json",
        "heald approve #17",
        "heald deny 17 --why no",
        "heald breaker open web-down unit web.service --why flaky",
        "heald breaker open web-down web.service --for 2h --why flaky --socket /x",
        "heald breaker close web-down container:ollama",
        "heald reload --socket x",
        "heald review #17",
        "heald review --since 7d -o json",
        "heald hold playbook container-down --why x",
        "heald release playbook:container-down",
    ] {
        Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    for line in [
        "heald",
        "heald hold web.service",
        "heald hold --why x",
        "heald hold web.service --for 0s --why x",
        "heald hold web.service --for 5 --why x",
        "heald retry x",
        "heald close 3",
        "heald explain",
        "heald explain alertname",
        "heald explain 1a-b=x",
        "heald explain alertname=A --incident 3",
        "heald explain 17 --incident 3",
        "heald explain alertname=A --alert-json x.json",
        "heald approve 3 --by ann",
        "heald breaker open web-down web.service",
        "heald breaker close web-down",
        "heald review",
        "heald review 17 --since 7d",
        "heald review --since 7",
        "heald status --socket a --config.file b",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}

#[test]
fn lists_are_aligned_and_hold_no_control_characters() {
    let mut closed = incident();
    (closed.id, closed.state, closed.outcome) = (IncidentId(3), "closed".to_owned(), Some("healed".to_owned()));
    (closed.target, closed.next) = (None, None);
    let expected = "\
OPENED               ID  STATE            TARGET            PLAYBOOK             NEXT
2026-11-22 12:03:00  3   closed (healed)  no target         systemd-unit-failed
2026-11-22 12:03:00  17  held             unit web.service  systemd-unit-failed  cooldown: 10s after [2J attempt 1
";
    assert_eq!(incidents::render_list(&[closed, incident()], &TimeZone::UTC), expected);
    assert_eq!(incidents::render_list(&[], &TimeZone::UTC), "No incidents.\n");
}

#[test]
fn one_incident_is_shown_with_its_timeline() {
    let expected = "\
Incident 17: unit web.service on web-1
State     held
Playbook  systemd-unit-failed
Attempts  1
Opened    2026-11-22 12:03:00
Alert     0011 firing, since 2026-11-22 12:02:50
Next      2026-11-22 12:04:00 at the latest: cooldown: 10s after [2J attempt 1

2026-11-22
12:03:01.123  attempt 1 started: restart the unit
12:03:01.123  attempt 1 healed
";
    assert_eq!(incidents::render_one(&incident(), &TimeZone::UTC), expected);
}

#[test]
fn trust_and_consent_are_shown_with_the_incident() {
    let approval = ApprovalView {
        attempt: 2,
        text: Some("systemd.restart web.service".to_owned()),
        expires: at("2026-11-22T12:33:00Z"),
        may: vec!["ann".to_owned(), "bea".to_owned()],
        by: None,
    };
    let view = IncidentView { trust: Some("approve (5 good, 0 bad)".to_owned()), approval: Some(approval.clone()), ..incident() };
    let page = incidents::render_one(&view, &TimeZone::UTC);
    for line in [
        "Trust     approve (5 good, 0 bad)\n",
        "Consent   of ann or bea asked for until 2026-11-22 12:33:00 to attempt 2: systemd.restart web.service \
         (heald approve 17, heald deny 17)\n",
    ] {
        assert!(page.contains(line), "{line:?} is missing:\n{page}");
    }
    let given = ApprovalView { by: Some("bea".to_owned()), text: None, ..approval };
    let page = incidents::render_one(&IncidentView { approval: Some(given), ..incident() }, &TimeZone::UTC);
    assert!(page.contains("Consent   given by bea to attempt 2: no longer what people were asked about\n"), "{page}");
}

#[test]
fn the_timeline_of_everything_names_incident_and_target() {
    let mut timeline = timeline::Timeline::new(TimeZone::UTC);
    timeline.learn(IncidentId(17), "unit web.service".to_owned());
    assert_eq!(timeline.mixed(&event(1, Some(17), "opened")), "2026-11-22\n12:03:01.123  #17 unit web.service  opened\n");
    assert_eq!(timeline.mixed(&event(2, Some(18), "opened")), "12:03:01.123  #18  opened\n");
    assert_eq!(timeline.mixed(&event(3, None, "repairs resumed by root")), "12:03:01.123  heald  repairs resumed by root\n");
}

#[test]
fn status_is_a_page() {
    let status = Status {
        version: "0.1.0".to_owned(),
        host: "web-1".to_owned(),
        state: "ok".to_owned(),
        paused: Some("by root until lifted: storm".to_owned()),
        holds: vec![("unit web.service".to_owned(), "by root until lifted: deploy".to_owned())],
        breakers: vec![BreakerView { until: Some(at("2026-11-22T12:05:00.25Z")), ..breaker("open") }, breaker("half_open")],
        standing_back: vec![ApartView { from: "group web/eu-1".to_owned(), until: None }],
        open: [("held".to_owned(), 2), ("acting".to_owned(), 1)].into(),
        playbooks: vec![PlaybookView {
            id: PlaybookId::from("container-down"),
            title: "A container is down".to_owned(),
            mode: "earn".to_owned(),
            trust: Some("observe (1 good, 0 bad), 1 of 5 good outcomes towards approve".to_owned()),
        }],
        records: Seq(450),
        unmatched: vec!["Odd: no playbook matches".to_owned()],
        dependencies: [("systemd".to_owned(), "up".to_owned())].into(),
    };
    let expected = "\
heald 0.1.0 on web-1
State            ok
Repairs          paused by root until lifted: storm
Open incidents   1 acting, 2 held
Dependencies     systemd up
Journal records  450
Hold             unit web.service: by root until lifted: deploy
Breaker          container-down for unit web.service: open until 2026-11-22T12:05:00Z; 5 attempts in a row did not help
Breaker          container-down for unit web.service: half open, one trial is allowed; 5 attempts in a row did not help
Standing back    group web/eu-1 as long as so much is down
Trust            container-down: observe (1 good, 0 bad), 1 of 5 good outcomes towards approve
No playbook for  Odd: no playbook matches

PLAYBOOK        MODE  TITLE
container-down  earn  A container is down
";
    assert_eq!(status::render(&status), expected);
    assert_eq!(status::state(&status), "ok");
    let status = Status { dependencies: [("systemd".to_owned(), "down: no such file".to_owned())].into(), ..status };
    assert_eq!(status::state(&status), "no answer from systemd");
}

async fn daemon(folder: &Path) -> FakeLoop {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let heald = FakeLoop::start();
    let reload: console::Reload =
        Arc::new(|_| Box::pin(async { Err(ReloadError::Refused("a.yaml:1:2: no\nb.md:3:4: no".to_owned())) }));
    let listener = console::bind(&folder.join("control.sock")).await.unwrap();
    tokio::spawn(console::serve(listener, heald.handle.clone(), reload, std::future::pending()));
    heald
}

async fn command(folder: &Path, line: &str) -> Result<(), Failure> {
    let socket = format!("{}/control.sock", folder.display());
    let args = line.split(' ').chain(["--socket", &socket]);
    run(Cli::try_parse_from(["heald"].into_iter().chain(args)).unwrap().command).await
}

#[tokio::test]
async fn commands_become_orders() {
    let folder = tempfile::tempdir().unwrap();
    let heald = daemon(folder.path()).await;
    let web = Target::new(TargetKind::Unit, "web.service").unwrap();
    let span = Some("2h".parse().unwrap());
    let (book, unit) = (PlaybookId::from("web-down"), web.clone());
    for (line, order) in [
        (
            "hold web.service --for 2h --why deploy",
            PersonOrder::Hold { target: web.clone(), for_: span, why: "deploy".to_owned() },
        ),
        ("release unit web.service", PersonOrder::Release { target: web }),
        ("retry #3", PersonOrder::Retry { incident: IncidentId(3) }),
        ("close 3 --note done", PersonOrder::Close { incident: IncidentId(3), note: "done".to_owned() }),
        ("pause --for 2h", PersonOrder::Pause { for_: span, why: String::new() }),
        ("resume", PersonOrder::Resume),
        ("approve #3", PersonOrder::Approve { incident: IncidentId(3) }),
        ("deny 3 --why no", PersonOrder::Deny { incident: IncidentId(3), why: "no".to_owned() }),
        (
            "breaker open web-down unit web.service --for 2h --why flaky",
            PersonOrder::OpenBreaker { playbook: book.clone(), target: unit.clone(), for_: span, why: "flaky".to_owned() },
        ),
        ("breaker close web-down web.service", PersonOrder::CloseBreaker { playbook: book, target: unit }),
        (
            "hold playbook container-down --why odd",
            PersonOrder::HoldPlaybook { playbook: "container-down".into(), for_: None, why: "odd".to_owned() },
        ),
        ("release playbook container-down", PersonOrder::ReleasePlaybook { playbook: "container-down".into() }),
    ] {
        command(folder.path(), line).await.unwrap();
        assert_eq!(heald.state().orders.pop().unwrap().0, order, "{line}");
    }
    for (error, failure) in [
        (OrderError::Refused("it is closed".to_owned()), Failure::Refused("it is closed".to_owned())),
        (OrderError::NotFound(IncidentId(3)), Failure::Refused("there is no incident 3".to_owned())),
        (Unavailable::Stopping.into(), Failure::Unreachable("heald is stopping; try again".to_owned())),
    ] {
        heald.state().order_error = Some(error);
        assert_eq!(command(folder.path(), "retry 3").await, Err(failure));
    }
}

#[tokio::test]
async fn every_mistake_of_a_reload_has_a_line_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let _heald = daemon(folder.path()).await;
    let failure = command(folder.path(), "reload").await.unwrap_err();
    assert_eq!(failure, Failure::Refused("a.yaml:1:2: no\nb.md:3:4: no".to_owned()));
}

#[tokio::test]
async fn views_are_fetched_and_followed_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let heald = daemon(folder.path()).await;
    heald.state().incidents.push(incident());
    for line in ["status", "incidents", "incidents -o json", "incidents 17", "review --since 1w", "review --since 7d -o json"] {
        command(folder.path(), line).await.unwrap();
    }
    assert_eq!(command(folder.path(), "incidents 4 --follow").await, Err(Failure::Refused("there is no incident 4".to_owned())));
    let week = "7d".parse().unwrap();
    assert_eq!(heald.state().spans, [week, week]);
    assert_eq!(command(folder.path(), "review 4").await, Err(Failure::Refused("there is no incident 4".to_owned())));
    for seq in 18..=20 {
        heald.commit(event(seq, Some(17), "attempt"));
    }
    heald.commit(event(21, Some(17), "closed: healed"));
    command(folder.path(), "incidents 17 --follow").await.unwrap();
    heald.state().unavailable = Some(Unavailable::EscalateOnly("the store is lost".to_owned()));
    let failure = command(folder.path(), "status").await.unwrap_err();
    assert_eq!(failure, Failure::Refused("not in order: escalate-only: the store is lost".to_owned()));
}

#[tokio::test]
async fn a_heald_that_is_not_there_is_said_so() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let Err(Failure::Unreachable(text)) = command(folder.path(), "status").await else { panic!("somebody answered") };
    assert!(text.starts_with(&format!("no heald answers at {}/control.sock: is it running?", folder.path().display())), "{text}");
    drop(console::bind(&folder.path().join("control.sock")).await.unwrap());
    let failure = command(folder.path(), "status").await.unwrap_err();
    assert!(matches!(&failure, Failure::Unreachable(text) if text.contains("no heald answers")), "{failure}");
    assert_eq!(failure.exit_code(), ExitCode::from(3));
}

#[tokio::test]
async fn the_socket_is_found_by_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let _heald = daemon(folder.path()).await;
    let file = folder.path().join("heald.yaml");
    std::fs::write(&file, format!("web: {{ listen: 127.0.0.1:1 }}\nstate: {}\n", folder.path().display())).unwrap();
    let place = Place { config_file: Some(file.clone()), ..Place::default() };
    place.daemon().unwrap().get("status").await.unwrap();
    std::fs::write(&file, "state: .\n").unwrap();
    place.daemon().unwrap().get("status").await.unwrap();
    std::fs::write(&file, "state: [\n").unwrap();
    assert!(matches!(place.daemon(), Err(Failure::Usage(text)) if text.contains("heald.yaml")));
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(place.daemon(), Err(Failure::Usage(text)) if text.contains("No such file")));
}
