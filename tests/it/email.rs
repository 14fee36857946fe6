//! The email channel against an SMTP server of our own.

use crate::fake;
use crate::fake::smtp::{Fault, PASSWORD, Smtp, USER};
use heald::domain::notice::{Again, Delivery, Notice, NoticeKind, Post, Standing};
use heald::notify::email::{Login, Settings};
use heald::notify::{Kind, Notifier, card, sample};
use std::time::Duration;

fn settings(server: &str) -> Settings {
    Settings {
        server: server.parse().unwrap(),
        login: Some(Login { user: USER.to_owned(), password: PASSWORD.to_owned() }),
        from: "heald <heald@example.org>".to_owned(),
        to: vec!["Ann <ann@example.org>".to_owned(), "ops@example.org".to_owned()],
        authorities: None,
        timeout: Duration::from_secs(5),
    }
}

fn notifier(settings: Settings) -> Notifier {
    crate::notifier("mail", Kind::Email(settings))
}

async fn post(notifier: &Notifier, notice: Notice, thread: Option<String>) -> Delivery {
    notifier.post(Post { channel: "mail".to_owned(), notice, thread }).await
}

fn notice(kind: NoticeKind, number: u32) -> Notice {
    Notice { number, ..sample::notice(kind) }
}

/// The value of a header, unfolded.
fn header(text: &str, name: &str) -> Option<String> {
    let head = text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
}

/// Base64 or quoted-printable, which lettre chooses by what is in it.
fn body(text: &str) -> String {
    use base64::Engine;
    let body = text.split_once("\r\n\r\n").unwrap().1;
    match header(text, "Content-Transfer-Encoding").unwrap().as_str() {
        "base64" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(body.replace("\r\n", "")).unwrap();
            String::from_utf8(bytes).unwrap()
        }
        "quoted-printable" => unquoted(body),
        _ => body.to_owned(),
    }
    .replace("\r\n", "\n")
}

fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'=' {
            bytes.push(byte);
            continue;
        }
        let hex = [rest.next().unwrap(), rest.next().unwrap()];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn an_incident_is_one_thread() {
    let (smtp, port) = Smtp::open().await;
    let notifier = notifier(settings(&format!("smtp://127.0.0.1:{port}")));
    let first = post(&notifier, notice(NoticeKind::ApprovalNeeded, 1), None).await;
    assert_eq!(first.error, None);
    let thread = first.thread.clone();
    assert_eq!(thread.as_deref(), Some("<heald.web-1.17.approval_needed.1@example.org>"));
    let second = post(&notifier, notice(NoticeKind::Escalated, 2), thread.clone()).await;
    let last = post(&notifier, notice(NoticeKind::Over, 3), second.thread.clone()).await;
    assert_eq!((&second.thread, &last.thread), (&thread, &thread), "the thread is its first message");

    let mails = smtp.mails();
    assert_eq!(mails.len(), 3);
    assert_eq!(mails[0].from, "heald@example.org");
    assert_eq!(mails[0].to, ["ann@example.org", "ops@example.org"]);
    assert_eq!(header(&mails[0].text, "Message-ID"), thread);
    assert_eq!(header(&mails[0].text, "In-Reply-To"), None);
    assert_eq!(header(&mails[0].text, "Auto-Submitted").as_deref(), Some("auto-generated"));
    for mail in &mails[1..] {
        assert_eq!((header(&mail.text, "In-Reply-To"), header(&mail.text, "References")), (thread.clone(), thread.clone()));
        assert_ne!(header(&mail.text, "Message-ID"), thread);
    }
    assert_eq!(body(&mails[1].text).trim_end(), card::text(&notice(NoticeKind::Escalated, 2)).trim_end());
    assert!(header(&mails[1].text, "Subject").unwrap().contains("SystemdUnitFailed"), "{}", mails[1].text);
}

#[tokio::test]
async fn a_repetition_is_the_same_message() {
    let (smtp, port) = Smtp::open().await;
    let notifier = notifier(settings(&format!("smtp://127.0.0.1:{port}")));
    for _ in 0..2 {
        post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
    }
    let ids: Vec<_> = smtp.mails().iter().map(|mail| header(&mail.text, "Message-ID")).collect();
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn of_what_proceeds_only_the_good_end_is_written() {
    let (smtp, port) = Smtp::open().await;
    let notifier = notifier(settings(&format!("smtp://127.0.0.1:{port}")));
    let thread = Some("<first@example.org>".to_owned());
    let told = post(&notifier, notice(NoticeKind::Progress, 2), thread.clone()).await;
    assert_eq!((told.error, &told.thread, smtp.mails().len()), (None, &thread, 0));
    let over = Notice { standing: Standing::Over, ..notice(NoticeKind::Progress, 3) };
    post(&notifier, over, thread).await;
    assert_eq!(smtp.mails().len(), 1);
}

#[tokio::test]
async fn each_fault_says_whether_another_try_may_do_better() {
    let (smtp, port) = Smtp::open().await;
    let settings = Settings { timeout: Duration::from_millis(500), ..settings(&format!("smtp://127.0.0.1:{port}")) };
    let notifier = notifier(settings);
    for (fault, why, again) in [
        (Fault::Busy, "the server answered 421: the service is not available now", Again::Soon),
        (Fault::NotNow, "the server answered 451: not now", Again::Soon),
        (Fault::NoSuchUser, "the server answered 550: an address is refused", Again::Never),
        (Fault::TooLarge, "the server answered 552: the message is too large, or the mailbox full", Again::Never),
        (Fault::Garbage, "what answered is no SMTP server", Again::Soon),
        (Fault::Silent, "no answer in time", Again::Soon),
        (Fault::HangsUp, "no connection", Again::Soon),
    ] {
        smtp.fault(fault);
        let told = post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
        assert_eq!((told.error.as_deref(), told.again, told.thread), (Some(why), again, None), "{fault:?}");
    }
    assert!(smtp.mails().is_empty());
    smtp.fault(None);
    assert_eq!(post(&notifier, notice(NoticeKind::Escalated, 1), None).await.error, None, "the next try may do better");
}

#[tokio::test]
async fn a_wrong_password_is_refused_for_good_and_repeated_nowhere() {
    let (smtp, port) = Smtp::open().await;
    let login = Some(Login { user: USER.to_owned(), password: "canary-wrong".to_owned() });
    let notifier = notifier(Settings { login, ..settings(&format!("smtp://127.0.0.1:{port}")) });
    let told = post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
    assert_eq!(told.error.as_deref(), Some("the server answered 535: user or password are refused"));
    assert_eq!((told.again, smtp.mails().len()), (Again::Never, 0));
}

/// Somebody on the way may have cut STARTTLS out of the server's answer.
#[tokio::test]
async fn without_starttls_neither_password_nor_mail_is_sent() {
    let (smtp, port) = Smtp::open().await;
    let notifier = notifier(settings(&format!("starttls://127.0.0.1:{port}")));
    let told = post(&notifier, notice(NoticeKind::Escalated, 1), None).await;
    assert_eq!(told.again, Again::Never, "{:?}", told.error);
    assert!(!smtp.verbs().iter().any(|verb| verb == "AUTH" || verb == "MAIL"), "{:?}", smtp.verbs());
    assert!(smtp.mails().is_empty());
}

#[tokio::test]
async fn nobody_there_may_pass() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for server in [format!("smtp://127.0.0.1:{port}"), format!("smtps://127.0.0.1:{port}")] {
        let told = post(&notifier(settings(&server)), notice(NoticeKind::Escalated, 1), None).await;
        assert_eq!((told.error.as_deref(), told.again), (Some("no connection"), Again::Soon), "{server}");
    }
}

#[test]
fn an_alerts_text_adds_no_header_and_no_end() {
    let mut hostile = notice(NoticeKind::Escalated, 1);
    hostile.target = "unit a\r\nBcc: everybody@example.org\r\n\r\nforged".to_owned();
    hostile.host = "web-1>\r\nX: y".to_owned();
    hostile.manual_fix = Some("first\n.\nsecond\r\nQUIT".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (smtp, port) = Smtp::open().await;
        let notifier = notifier(settings(&format!("smtp://127.0.0.1:{port}")));
        // A thread that is no message id goes into no header.
        let told = post(&notifier, hostile, Some("<x>\r\nBcc: everybody@example.org".to_owned())).await;
        assert_eq!(told.error, None);
        let mail = smtp.mails().remove(0);
        assert_eq!(mail.to, ["ann@example.org", "ops@example.org"]);
        assert_eq!((header(&mail.text, "Bcc"), header(&mail.text, "X"), header(&mail.text, "In-Reply-To")), (None, None, None));
        assert!(body(&mail.text).contains("  first\n  .\n  second"), "{}", body(&mail.text));
    });
}

#[test]
fn servers_are_named_with_how_they_are_spoken_to() {
    use heald::notify::email::{Security, Server};
    let server = |security, host: &str, port| Server { security, host: host.to_owned(), port };
    for (text, expected) in [
        ("smtps://mail.example", server(Security::Tls, "mail.example", 465)),
        ("starttls://mail.example:2525/", server(Security::StartTls, "mail.example", 2525)),
        ("smtp://127.0.0.1", server(Security::Plain, "127.0.0.1", 25)),
        ("smtp://[::1]:26", server(Security::Plain, "::1", 26)),
        ("smtp://localhost:25", server(Security::Plain, "localhost", 25)),
    ] {
        assert_eq!(text.parse::<Server>().unwrap(), expected);
    }
    for text in ["mail.example", "smtp://mail.example", "smtp://10.0.0.1", "smtps://user:pw@mail.example", "smtps://", "http://x"]
    {
        let why = text.parse::<Server>().unwrap_err();
        assert!(!why.contains("pw"), "{why}");
    }
}
