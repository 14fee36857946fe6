//! Email over SMTP: one incident is one thread, by the headers Message-ID, In-Reply-To and References (RFC 5322, 3.6.4).
//!
//! A message's id is made of the notice's identity: a repetition carries the same, and mail programs show it once.

use super::answer::{self, Failure, Posted};
use super::card;
use crate::domain::notice::{Again, NoticeKind, Post, Standing};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{AsyncSmtpTransport, Error};
use lettre::{AsyncTransport, Tokio1Executor};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    pub server: Server,
    pub login: Option<Login>,
    /// `heald <heald@example.org>`
    pub from: String,
    /// At least one.
    pub to: Vec<String>,
    /// Certificates in PEM that are trusted besides the public authorities.
    pub authorities: Option<String>,
    /// For connecting, and for the whole post three times as long.
    pub timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub security: Security,
    pub host: String,
    pub port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (RFC 8314): `smtps://`, port 465.
    Tls,
    /// In the clear until STARTTLS, which is insisted upon: `starttls://`, port 587.
    StartTls,
    /// None at all, and only to this machine: `smtp://`, port 25.
    Plain,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: String,
}

#[derive(Clone)]
pub struct Channel {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    patience: Duration,
}

/// What is sent, before it is put into MIME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    /// With its `<` and `>`.
    pub id: String,
    /// The incident's first message.
    pub answers: Option<String>,
    pub body: String,
}

// === impl Server ===

impl std::str::FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write smtps://HOST, starttls://HOST, or smtp://127.0.0.1, each with :PORT where it is unusual";
        let (scheme, rest) = text.split_once("://").ok_or(form)?;
        let (security, usual) = match scheme {
            "smtps" => (Security::Tls, 465),
            "starttls" => (Security::StartTls, 587),
            "smtp" => (Security::Plain, 25),
            _ => return Err(form.to_owned()),
        };
        if rest.contains('@') {
            return Err("user and password have keys of their own".to_owned());
        }
        let rest = rest.trim_end_matches('/');
        let (host, port) = match rest.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']')) {
            Some((host, port)) => (host, port.parse().map_err(|_| form.to_owned())?),
            None => (rest, usual),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || !host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':')) {
            return Err(form.to_owned());
        }
        let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if security == Security::Plain && !is_here {
            return Err("without TLS mail goes to this machine only; write smtps:// or starttls://".to_owned());
        }
        Ok(Self { security, host, port })
    }
}

// === impl Settings ===

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = self.login.as_ref().map(|login| &login.user);
        f.debug_struct("Email").field("server", &self.server).field("user", &login).field("to", &self.to).finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

// === impl Channel ===

impl Channel {
    /// # Errors
    /// An address or a certificate can't be used.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let Settings { server, login, from, to, authorities, timeout } = settings;
        let tls = match server.security {
            Security::Plain => Tls::None,
            Security::Tls => Tls::Wrapper(parameters(&server.host, authorities.as_deref())?),
            Security::StartTls => Tls::Required(parameters(&server.host, authorities.as_deref())?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port)
            .tls(tls)
            .timeout(Some(timeout));
        if let Some(Login { user, password }) = login {
            builder = builder.credentials(Credentials::new(user, password));
        }
        if to.is_empty() {
            return Err("there is nobody to write to".to_owned());
        }
        let to = to.iter().map(|address| mailbox(address)).collect::<Result<_, _>>()?;
        Ok(Self { transport: builder.build(), from: mailbox(&from)?, to, patience: 3 * timeout })
    }

    /// # Errors
    /// Why the server did not take it, by its code and without its words.
    pub async fn post(&self, post: &Post) -> Result<Posted, Failure> {
        if is_silent(post) {
            return Ok(Posted::default());
        }
        let letter = Letter::of(post, self.from.email.domain());
        let message = self.message(&letter).map_err(|error| Failure::never(format!("the message can't be made: {error}")))?;
        match tokio::time::timeout(self.patience, self.transport.send(message)).await {
            Ok(Ok(_)) if post.notice.kind.is_of_house() => Ok(Posted::default()),
            Ok(Ok(_)) => Ok(Posted { thread: Some(letter.answers.unwrap_or(letter.id)) }),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(Failure::soon("no answer in time")),
        }
    }

    fn message(&self, letter: &Letter) -> Result<Message, lettre::error::Error> {
        // No other program answers a message that says so (RFC 3834).
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(&letter.subject)
            .message_id(Some(letter.id.clone()))
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        if let Some(first) = &letter.answers {
            message = message.in_reply_to(first.clone()).references(first.clone());
        }
        message.body(letter.body.clone())
    }
}

// === impl Letter ===

impl Letter {
    /// `domain`: the right half of its id.
    pub fn of(post: &Post, domain: &str) -> Self {
        let key = card::key(&post.notice);
        let words = key.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').filter(|word| !word.is_empty());
        let id = format!("<heald.{}@{domain}>", words.collect::<Vec<_>>().join("."));
        let answers = post.thread.clone().filter(|thread| is_id(thread) && !post.notice.kind.is_of_house());
        Self { subject: card::title(&post.notice), id, answers, body: card::text(&post.notice) }
    }
}

/// A mail can't be changed later, and one for each step would bury the one that matters.
fn is_silent(post: &Post) -> bool {
    post.notice.kind == NoticeKind::Progress && !matches!(post.notice.standing, Standing::Healed | Standing::Over)
}

/// What the journal gave back goes into a header.
fn is_id(thread: &str) -> bool {
    thread.starts_with('<') && thread.ends_with('>') && thread.len() < 900 && thread.chars().all(|c| c.is_ascii_graphic())
}

fn mailbox(address: &str) -> Result<Mailbox, String> {
    address.parse().map_err(|error| format!("{address:?} is no address: {error}"))
}

fn parameters(host: &str, authorities: Option<&str>) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = authorities {
        builder = builder.add_root_certificate(Certificate::from_pem(pem.as_bytes()).map_err(|error| error.to_string())?);
    }
    builder.build_rustls().map_err(|error| format!("TLS can't be set up: {error}"))
}

/// A server's own words could repeat what it was sent: they are left out.
fn failure(error: &Error) -> Failure {
    if let Some(code) = error.status() {
        let code = code.to_string();
        let meaning = match code.as_str() {
            "421" => ": the service is not available now",
            "450" | "451" | "452" => ": not now",
            "454" => ": authentication fails for now",
            "530" | "534" | "535" | "538" => ": user or password are refused",
            "550" | "551" | "553" => ": an address is refused",
            "552" => ": the message is too large, or the mailbox full",
            "554" => ": the message is refused",
            _ => "",
        };
        let again = if error.is_permanent() { Again::Never } else { Again::Soon };
        return Failure { why: format!("the server answered {code}{meaning}"), again };
    }
    if error.is_timeout() {
        return Failure::soon("no answer in time");
    }
    if error.is_response() {
        return Failure::soon("what answered is no SMTP server");
    }
    if error.is_tls() {
        return Failure::soon("TLS: no trusted connection");
    }
    if error.is_client() {
        // No STARTTLS, or no way to log in that both sides know.
        return Failure::never("the server does not offer what is needed: STARTTLS, or a known way to log in");
    }
    Failure::soon("no connection")
}

/// For one try.
pub const TIMEOUT: Duration = answer::TIMEOUT;
