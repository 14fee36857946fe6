//! No output shows a secret: every secret begins with `canary`, and no error, log line or Debug text may hold that word.
//!
//! A new channel is one more [`Case`] in [`cases`].

use crate::fake;
use crate::fake::gitea::{self, Gitea};
use crate::fake::hook::{Answer, Hook};
use crate::fake::smtp::{self, Smtp};
use heald::domain::notice::{NoticeKind, Post};
use heald::notify::{Kind, email, sample, webhook};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

struct Case {
    name: &'static str,
    kind: Kind,
    /// Has the server do wrong, once; its number in the order in which they are tried. `None`: that was all.
    spoil: Box<dyn Fn(usize) -> Option<()>>,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const TIMEOUT: Duration = Duration::from_millis(300);

/// A secret as it is, and as the protocols write it.
fn shows_a_secret(text: &str) -> bool {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    let password = smtp::PASSWORD;
    let plain = STANDARD.encode(format!("\0{}\0{password}", smtp::USER));
    text.contains("canary") || text.contains(&plain) || text.contains(&STANDARD.encode(password))
}

async fn cases() -> Vec<Case> {
    let mut cases = webhooks().await;
    cases.push(board().await);
    cases.extend(mail().await);
    cases
}

async fn webhooks() -> Vec<Case> {
    let answers = [Answer::Status(500, "canary"), Answer::Status(401, "canary"), Answer::Limited(3), Answer::Slow(TIMEOUT * 10)];
    let count = answers.len();
    let (_, url) = Hook::open(&answers).await;
    let secrets = |url: String| webhook::Settings {
        hmac: Some("canary-hmac".to_owned()),
        headers: vec![("X-Key".to_owned(), "canary-header".to_owned())],
        timeout: TIMEOUT,
        ..webhook::Settings::new(url, Some("canary-bearer".to_owned()))
    };
    let there = secrets(format!("{url}/canary-path?token=canary"));
    let gone = secrets(format!("http://127.0.0.1:{}/canary-path", free_port()));
    // TLS with whoever speaks plain HTTP.
    let plain = secrets(format!("{}/canary-path", url.replace("http:", "https:")));
    vec![
        Case { name: "webhook", kind: Kind::Webhook(there), spoil: Box::new(move |at| (at < count).then_some(())) },
        Case { name: "webhook-gone", kind: Kind::Webhook(gone), spoil: Box::new(|at| (at < 1).then_some(())) },
        Case { name: "webhook-tls", kind: Kind::Webhook(plain), spoil: Box::new(|at| (at < 1).then_some(())) },
    ]
}

async fn board() -> Case {
    use gitea::Fault;
    let (server, url) = Gitea::open().await;
    let settings = heald::notify::gitea::Settings {
        timeout: TIMEOUT,
        ..heald::notify::gitea::Settings::new(url, "ops/incidents", gitea::TOKEN)
    };
    let faults =
        [Fault::Status(401), Fault::Status(500), Fault::Limited(3), Fault::Garbage, Fault::Slow(TIMEOUT * 10), Fault::LostAnswer];
    let spoil = move |at: usize| {
        let (call, at) = (["GET /issues", "POST /labels", "POST /issues"].get(at / faults.len())?, at % faults.len());
        server.board().issues.clear();
        server.board().labels.clear();
        server.fault(call, faults[at]);
        Some(())
    };
    Case { name: "gitea", kind: Kind::Gitea(settings), spoil: Box::new(spoil) }
}

async fn mail() -> Vec<Case> {
    use smtp::Fault;
    let (server, port) = Smtp::open().await;
    let settings = |scheme: &str, password: &str| email::Settings {
        server: format!("{scheme}://127.0.0.1:{port}").parse().unwrap(),
        login: Some(email::Login { user: smtp::USER.to_owned(), password: password.to_owned() }),
        from: "heald@example.org".to_owned(),
        to: vec!["ops@example.org".to_owned()],
        authorities: None,
        timeout: TIMEOUT,
    };
    let faults =
        [Fault::Busy, Fault::NotNow, Fault::NoSuchUser, Fault::TooLarge, Fault::Garbage, Fault::Silent, Fault::HangsUp].map(Some);
    let well = settings("smtp", smtp::PASSWORD);
    let spoil = move |at: usize| {
        server.fault(*faults.get(at)?);
        Some(())
    };
    let (refusing, other) = Smtp::open().await;
    refusing.fault(None);
    let mut wrong = settings("smtp", "canary-wrong");
    wrong.server.port = other;
    let mut bare = settings("starttls", smtp::PASSWORD);
    bare.server.port = other;
    vec![
        Case { name: "email", kind: Kind::Email(well), spoil: Box::new(spoil) },
        // This server repeats the login that it refuses.
        Case { name: "email-wrong", kind: Kind::Email(wrong), spoil: Box::new(|at| (at < 1).then_some(())) },
        Case { name: "email-bare", kind: Kind::Email(bare), spoil: Box::new(|at| (at < 1).then_some(())) },
    ]
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn no_channel_shows_a_secret() {
    for Case { name, kind, spoil } in cases().await {
        assert!(!shows_a_secret(&format!("{kind:?} {kind:#?}")), "{name}: Debug of the settings");
        let lines = Lines::default();
        let writer = lines.clone();
        // Down to the finest, of heald and of the libraries; also what their tasks on this thread say.
        let log = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let guard = tracing::subscriber::set_default(log);
        let notifier = crate::notifier(name, kind);
        assert!(!shows_a_secret(&format!("{notifier:?} {notifier:#?}")), "{name}: Debug of the channel");
        let mut failed = 0;
        for at in 0.. {
            if spoil(at).is_none() {
                break;
            }
            for kind in [NoticeKind::Escalated, NoticeKind::Test] {
                let post = Post { channel: name.to_owned(), notice: sample::notice(kind), thread: None };
                let told = notifier.post(post).await;
                failed += usize::from(told.error.is_some());
                assert!(!shows_a_secret(&format!("{told:?}")), "{name}, fault {at}: {told:?}");
            }
        }
        drop(guard);
        assert!(failed > 0, "{name}: nothing went wrong, so nothing was proven");
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("notice not delivered"), "{name}: the log was not caught");
        let shown: Vec<&str> = text.lines().filter(|line| shows_a_secret(line)).collect();
        assert!(shown.is_empty(), "{name}: {}", shown.join("\n"));
    }
}
