//! The Gitea channel against a Gitea of our own.

use crate::fake;
use crate::fake::gitea::{Fault, Gitea, Issue, NOW, TOKEN};
use heald::domain::id::IncidentId;
use heald::domain::notice::{Again, Delivery, Notice, NoticeKind, Post};
use heald::notify::gitea::{Settings, markdown};
use heald::notify::{Kind, Notifier, sample};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use std::time::Duration;

fn notifier_with(settings: Settings) -> Notifier {
    crate::notifier("board", Kind::Gitea(settings))
}

fn notifier(url: &str) -> Notifier {
    notifier_with(Settings { labels: vec!["incident".to_owned()], ..Settings::new(url, "ops/incidents", TOKEN) })
}

/// The second incident of its playbook and target, which is not chronic yet.
fn notice(kind: NoticeKind, number: u32) -> Notice {
    Notice { number, times: 2, ..sample::notice(kind) }
}

async fn post(notifier: &Notifier, notice: Notice, thread: Option<&str>) -> Delivery {
    notifier.post(Post { channel: "board".to_owned(), notice, thread: thread.map(str::to_owned) }).await
}

#[tokio::test]
async fn an_incident_is_one_issue_from_its_begin_to_its_end() {
    let (gitea, url) = Gitea::open().await;
    gitea.board().labels = vec!["P1".to_owned(), "unrelated".to_owned()];
    let notifier = notifier(&url);

    let told = post(&notifier, notice(NoticeKind::ApprovalNeeded, 1), None).await;
    assert_eq!((&told.error, told.thread.as_deref()), (&None, Some("1")));
    assert_eq!(gitea.board().issues[0].title, "P1 SystemdUnitFailed: unit web.service on web-1");
    assert_eq!(gitea.board().label_names(0), ["heald", "P1", "incident"], "known ones are taken, the others made");

    post(&notifier, notice(NoticeKind::Progress, 2), Some("1")).await;
    post(&notifier, notice(NoticeKind::Escalated, 3), Some("1")).await;
    assert!(!gitea.board().issues[0].is_closed);
    post(&notifier, notice(NoticeKind::Over, 4), Some("1")).await;
    assert!(gitea.board().issues[0].is_closed);
    post(&notifier, notice(NoticeKind::FiresAnew, 5), Some("1")).await;
    assert!(!gitea.board().issues[0].is_closed, "it is opened again");

    let board = gitea.board();
    assert_eq!(board.issues.len(), 1);
    let news = ["attempt 2 permitted: restart the unit", "attempts used up: 3 of 3", "resolved, and all probes", "fires anew"];
    for (comment, news) in board.issues[0].comments.iter().zip(news) {
        assert!(comment.contains(news) && comment.contains("2026-11-22T01:59:04.999Z"), "{comment}");
    }
    assert_eq!(board.issues[0].comments.len(), 4);
    assert_eq!(board.issues[0].comments[0].lines().count(), 1, "progress is one line");
    assert!(board.issues[0].comments[1].contains("journalctl -u web.service"), "who is called gets the whole card");
}

#[tokio::test]
async fn what_merely_proceeds_does_not_open_an_issue_that_a_person_has_closed() {
    let (gitea, url) = Gitea::open().await;
    let notifier = notifier(&url);
    post(&notifier, notice(NoticeKind::ApprovalNeeded, 1), None).await;
    gitea.board().issues[0].is_closed = true;
    post(&notifier, notice(NoticeKind::Progress, 2), Some("1")).await;
    assert!(gitea.board().issues[0].is_closed);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_issue_and_no_second_comment() {
    let (gitea, url) = Gitea::open().await;
    let notifier = notifier(&url);
    gitea.fault("POST /issues", Fault::LostAnswer);
    let lost = post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
    assert_eq!((lost.again, lost.thread), (Again::Soon, None));
    // Meanwhile others write, so that the issue is on the second page.
    for number in 0..25 {
        let title = format!("another {number}");
        gitea.board().issues.push(Issue { title, updated: NOW, ..Issue::default() });
    }
    let told = post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
    assert_eq!((&told.error, told.thread.as_deref()), (&None, Some("1")));
    assert_eq!(gitea.board().issues.len(), 26);
    assert!(gitea.board().issues[0].comments.is_empty(), "it is the same notice");

    // A later notice whose thread was lost with a journal finds it too.
    let told = post(&notifier, notice(NoticeKind::Over, 2), None).await;
    assert_eq!(told.thread.as_deref(), Some("1"));
    assert!(gitea.board().issues[0].is_closed);
    assert_eq!(gitea.board().issues[0].comments.len(), 1);
}

#[tokio::test]
async fn an_issue_that_was_deleted_is_made_anew() {
    let (gitea, url) = Gitea::open().await;
    let notifier = notifier(&url);
    post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
    gitea.board().issues[0].is_deleted = true;
    let told = post(&notifier, notice(NoticeKind::FiresAnew, 2), Some("1")).await;
    assert_eq!((&told.error, told.thread.as_deref()), (&None, Some("2")));
}

#[tokio::test]
async fn a_chronic_problem_has_one_issue_that_stays_open() {
    let (gitea, url) = Gitea::open().await;
    let notifier = notifier(&url);
    let incident = |id: u64, times: u32, kind| Notice { incident: IncidentId(id), times, ..sample::notice(kind) };
    let third = post(&notifier, incident(30, 3, NoticeKind::Escalated), None).await;
    post(&notifier, incident(30, 3, NoticeKind::Over), third.thread.as_deref()).await;
    assert!(!gitea.board().issues[0].is_closed, "it will come back");

    let fourth = post(&notifier, incident(41, 4, NoticeKind::Escalated), None).await;
    assert_eq!(fourth.thread, third.thread);
    post(&notifier, incident(41, 4, NoticeKind::Over), fourth.thread.as_deref()).await;
    let other = Notice { target: "unit other.service".to_owned(), ..incident(42, 3, NoticeKind::Escalated) };
    post(&notifier, other, None).await;

    let board = gitea.board();
    assert_eq!(board.issues.len(), 2, "another target is another problem");
    let issue = &board.issues[0];
    assert!(!issue.is_closed);
    assert_eq!(issue.comments.len(), 3, "{:?}", issue.comments);
    let count = "**Incident 41 is the 4th in 30 days** of this playbook and target.";
    assert!(issue.comments[1].starts_with(count), "{}", issue.comments[1]);
    assert!(issue.comments[2].contains("resolved, and all probes pass again"));
}

#[tokio::test]
async fn what_concerns_heald_itself_has_one_open_issue_per_kind() {
    let (gitea, url) = Gitea::open().await;
    let notifier = notifier(&url);
    let house = |kind, number| Notice { number, ..sample::notice(kind) };
    for number in [1, 1, 2] {
        let told = post(&notifier, house(NoticeKind::DetectionBlind, number), None).await;
        assert_eq!((told.error, told.thread), (None, None), "it is no incident's message");
    }
    let counts: Vec<usize> = gitea.board().issues.iter().map(|issue| issue.comments.len()).collect();
    assert_eq!(counts, [1], "one issue, and a repetition says nothing twice");
    post(&notifier, house(NoticeKind::DetectionBack, 3), None).await;
    assert!(gitea.board().issues[0].is_closed);
    post(&notifier, house(NoticeKind::Test, 4), None).await;
    let board = gitea.board();
    assert!(board.issues[1].is_closed, "a test leaves nothing to do");
    assert_eq!(board.issues[1].title, "heald on web-1: a test; nothing is wrong");
}

#[tokio::test]
async fn each_fault_says_whether_another_try_may_do_better() {
    let (gitea, url) = Gitea::open().await;
    let notifier = notifier(&url);
    let cases = [
        (Fault::Status(401), Again::Never),
        (Fault::Status(403), Again::Never),
        (Fault::Status(404), Again::Never),
        (Fault::Status(423), Again::Never),
        (Fault::Status(500), Again::Soon),
        (Fault::Status(502), Again::Soon),
        (Fault::Limited(17), Again::After(Duration::from_secs(17))),
        (Fault::Garbage, Again::Soon),
    ];
    for call in ["GET /issues", "POST /issues"] {
        for (fault, again) in cases {
            gitea.fault(call, fault);
            let told = post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
            let why = told.error.unwrap_or_else(|| panic!("{call} {fault:?} went through"));
            assert_eq!(told.again, again, "{call} {fault:?}: {why}");
            assert!(!why.contains("canary") && !why.contains("127.0.0.1"), "{why}");
        }
    }
    assert!(gitea.board().issues.is_empty());
}

#[tokio::test]
async fn a_failure_before_the_comment_says_nothing_twice() {
    let (gitea, url) = Gitea::open().await;
    let notifier = notifier(&url);
    post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
    for call in ["PATCH /issues/1", "POST /issues/1/comments"] {
        gitea.fault(call, Fault::Status(503));
        let told = post(&notifier, notice(NoticeKind::Over, 2), Some("1")).await;
        assert_eq!((told.again, told.thread.as_deref()), (Again::Soon, Some("1")));
    }
    post(&notifier, notice(NoticeKind::Over, 2), Some("1")).await;
    assert_eq!(gitea.board().issues[0].comments.len(), 1);
}

#[tokio::test]
async fn slow_servers_and_wrong_tokens_are_told_apart() {
    let (gitea, url) = Gitea::open().await;
    let settings = Settings { timeout: Duration::from_millis(200), ..Settings::new(&url, "ops/incidents", TOKEN) };
    let hasty = notifier_with(settings.clone());
    gitea.fault("GET /issues", Fault::Slow(Duration::from_secs(60)));
    let told = post(&hasty, notice(NoticeKind::Escalated, 1), None).await;
    assert_eq!((told.error.as_deref().map(|why| &why[..17]), told.again), (Some("no answer in time"), Again::Soon));

    for (token, status) in [("read-only", "403 Forbidden"), ("wrong", "401 Unauthorized")] {
        let notifier = notifier_with(Settings { token: token.to_owned(), ..settings.clone() });
        let told = post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
        assert_eq!((told.error.unwrap(), told.again), (format!("the receiver answered {status}"), Again::Never));
    }
    let elsewhere = notifier_with(Settings { repo: "ops/nowhere".to_owned(), ..settings });
    let told = post(&elsewhere, notice(NoticeKind::Escalated, 1), None).await;
    assert_eq!((told.error.as_deref(), told.again), (Some("the receiver answered 404 Not Found"), Again::Never));
}

#[tokio::test]
async fn neither_labels_nor_dependencies_keep_an_issue_from_being_told() {
    let (gitea, url) = Gitea::open().await;
    let notifier = notifier(&url);
    gitea.fault("POST /labels", Fault::Status(403));
    post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
    assert_eq!(gitea.board().label_names(0), ["P1", "incident"]);
    gitea.board().issues[0].has_open_dependencies = true;
    let told = post(&notifier, notice(NoticeKind::Over, 2), Some("1")).await;
    assert_eq!((told.error, gitea.board().issues[0].comments.len()), (None, 1));
}

const HOSTILE: [&str; 24] = [
    "@everyone",
    "@root",
    "#1",
    "!1",
    "ops/incidents#1",
    "closes #1",
    "<b>",
    "<script>",
    "![x](http://evil.example/x.png)",
    "[x](http://evil.example)",
    "http://evil.example/x",
    "<http://evil.example>",
    "`",
    "``",
    "```",
    "~~~",
    "\n\n# h\n",
    "\n- [ ] x\n",
    "-->",
    "<!-- heald web-1/99 a b -->",
    "\n<!-- heald web-1/99 a b -->\n",
    "\u{202e}",
    "|",
    "\\",
];

/// Every order of them, by a generator that repeats itself in no test's time.
fn hostile(seed: &mut u64) -> String {
    let mut text = String::new();
    for _ in 0..8 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(HOSTILE[usize::try_from(*seed >> 33).unwrap() % HOSTILE.len()]);
        text.push_str(if *seed & (1 << 20) == 0 { " " } else { "" });
    }
    text
}

#[test]
fn nothing_that_an_alert_says_has_a_meaning_in_markdown() {
    let mut seed = 42;
    for round in 0..500 {
        let mut notice = notice(NoticeKind::ALL[round % NoticeKind::ALL.len()], 1);
        for field in [&mut notice.title, &mut notice.summary, &mut notice.target, &mut notice.alertname, &mut notice.reason] {
            *field = hostile(&mut seed);
        }
        notice.verified = Some(hostile(&mut seed));
        notice.next = Some(hostile(&mut seed));
        notice.manual_fix = Some(hostile(&mut seed));
        notice.debug_prompt = Some(hostile(&mut seed));
        notice.generator_url = Some(format!("http://prometheus.example/{}", hostile(&mut seed)));
        for (text, comments) in [(markdown::body(&notice), 1), (markdown::comment(&notice), 0), (markdown::again(&notice), 0)] {
            check(&notice, &text, comments);
        }
        let title = markdown::title(&notice);
        let signs = title.chars().zip(title.chars().skip(1)).filter(|(sign, _)| matches!(sign, '@' | '#' | '!'));
        assert!(signs.into_iter().all(|(_, next)| next == '\u{2060}'), "{title:?}");
        assert!(!title.contains("://") && !title.contains('\n') && title.chars().count() <= 255, "{title:?}");
        let found = markdown::Mark::read(&markdown::body(&notice)).unwrap();
        assert_eq!(found, markdown::Mark::of(&notice), "heald's own mark is the first that begins a line");
    }
}

/// Outside code there are heald's own words, links that the notice names as such, and the hidden mark.
fn check(notice: &Notice, text: &str, comments: usize) {
    let (mut in_code, mut in_link, mut html) = (false, false, 0);
    for event in Parser::new_ext(text, pulldown_cmark::Options::all()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::End(TagEnd::CodeBlock) => in_code = false,
            Event::Start(Tag::Link { dest_url, .. }) => {
                in_link = true;
                let known = [&notice.runbook_url, &notice.generator_url, &notice.silence_url, &notice.dashboard_url];
                let host = dest_url.split('/').nth(2).unwrap_or_default().to_owned();
                assert!(known.into_iter().flatten().any(|url| url.contains(&host)), "{dest_url} in {text}");
            }
            Event::End(TagEnd::Link) => in_link = false,
            Event::Start(Tag::Image { .. } | Tag::Heading { .. } | Tag::Table(_)) => panic!("{text}"),
            Event::InlineHtml(_) | Event::TaskListMarker(_) | Event::Rule => panic!("{text}"),
            Event::Html(line) => {
                assert!(line.starts_with("<!-- heald web-1/") && line.trim_end().ends_with("-->"), "{text}");
                assert_eq!(line.matches("-->").count(), 1, "{text}");
                html += 1;
            }
            Event::Text(words) if !in_code && !in_link => {
                assert!(!words.contains(['@', '#', '<', '`', '|']) && !words.contains("://"), "{words:?} in {text}");
            }
            _ => {}
        }
    }
    assert_eq!(html, comments, "{text}");
}
