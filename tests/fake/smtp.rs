//! A small SMTP server on loopback (RFC 5321, AUTH PLAIN and LOGIN of RFC 4954), with faults that can be switched on.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub const USER: &str = "heald";
pub const PASSWORD: &str = "canary-smtp-password";

#[derive(Clone, Debug, Default)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body as they came, dots unstuffed.
    pub text: String,
}

/// Where a session goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Instead of the greeting: 421.
    Busy,
    /// 451 to the sender.
    NotNow,
    /// 550 to the recipient.
    NoSuchUser,
    /// 552 to the message itself.
    TooLarge,
    /// Speaks HTTP.
    Garbage,
    /// Never greets.
    Silent,
    /// Hangs up in the middle of the message.
    HangsUp,
}

#[derive(Clone, Default)]
pub struct Smtp {
    mails: Arc<Mutex<Vec<Mail>>>,
    fault: Arc<Mutex<Option<Fault>>>,
    commands: Arc<Mutex<Vec<String>>>,
}

impl Smtp {
    /// And its port.
    pub async fn open() -> (Self, u16) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let smtp = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = smtp.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let server = server.clone();
                // A client that hangs up ends its session with an error, which is its own matter.
                tokio::spawn(async move { server.session(socket).await });
            }
        });
        (smtp, port)
    }

    pub fn fault(&self, fault: impl Into<Option<Fault>>) {
        *self.fault.lock().unwrap() = fault.into();
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    /// The verbs of all sessions, in order.
    pub fn verbs(&self) -> Vec<String> {
        let commands = self.commands.lock().unwrap();
        commands.iter().map(|line| line.split_whitespace().next().unwrap_or_default().to_uppercase()).collect()
    }

    async fn session(&self, socket: TcpStream) -> std::io::Result<()> {
        let fault = *self.fault.lock().unwrap();
        let mut socket = BufReader::new(socket);
        match fault {
            Some(Fault::Busy) => return say(&mut socket, "421 mail.example too busy").await,
            Some(Fault::Garbage) => return say(&mut socket, "HTTP/1.1 200 OK\r\n\r\n<html>").await,
            Some(Fault::Silent) => {
                tokio::time::sleep(Duration::from_secs(600)).await;
                return Ok(());
            }
            _ => say(&mut socket, "220 mail.example ESMTP").await?,
        }
        let mut mail = Mail::default();
        let mut is_known = false;
        while let Some(line) = read(&mut socket).await? {
            self.commands.lock().unwrap().push(line.clone());
            let verb = line.to_ascii_uppercase();
            let answer = match verb.as_str() {
                verb if verb.starts_with("EHLO ") => "250-mail.example\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME".to_owned(),
                verb if verb.starts_with("AUTH ") => {
                    is_known = self.login(&mut socket, &line).await?;
                    // Some servers repeat what they were sent.
                    if is_known { "235 welcome".to_owned() } else { format!("535 5.7.8 refused: {line}") }
                }
                verb if verb.starts_with("MAIL FROM:") && !is_known => "530 5.7.0 authentication required".to_owned(),
                verb if verb.starts_with("MAIL FROM:") && matches!(fault, Some(Fault::NotNow)) => "451 4.3.0 later".to_owned(),
                verb if verb.starts_with("MAIL FROM:") => {
                    mail = Mail { from: address(&line), ..Mail::default() };
                    "250 ok".to_owned()
                }
                verb if verb.starts_with("RCPT TO:") && matches!(fault, Some(Fault::NoSuchUser)) => "550 5.1.1 nobody".to_owned(),
                verb if verb.starts_with("RCPT TO:") => {
                    mail.to.push(address(&line));
                    "250 ok".to_owned()
                }
                "DATA" => {
                    say(&mut socket, "354 go on").await?;
                    if matches!(fault, Some(Fault::HangsUp)) {
                        return Ok(());
                    }
                    mail.text = data(&mut socket).await?;
                    if matches!(fault, Some(Fault::TooLarge)) {
                        "552 5.3.4 too large".to_owned()
                    } else {
                        self.mails.lock().unwrap().push(std::mem::take(&mut mail));
                        "250 taken".to_owned()
                    }
                }
                "QUIT" => return say(&mut socket, "221 bye").await,
                "RSET" | "NOOP" => "250 ok".to_owned(),
                _ => "502 5.5.1 unknown command".to_owned(),
            };
            say(&mut socket, &answer).await?;
        }
        Ok(())
    }

    async fn login(&self, socket: &mut BufReader<TcpStream>, line: &str) -> std::io::Result<bool> {
        let mut words = line.split_whitespace().skip(1);
        let decoded =
            |text: &str| STANDARD.decode(text).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        match (words.next().unwrap_or_default().to_ascii_uppercase().as_str(), words.next()) {
            ("PLAIN", Some(first)) => Ok(decoded(first) == format!("\0{USER}\0{PASSWORD}")),
            ("LOGIN", _) => {
                say(socket, "334 VXNlcm5hbWU6").await?;
                let user = decoded(&read(socket).await?.unwrap_or_default());
                say(socket, "334 UGFzc3dvcmQ6").await?;
                let password = decoded(&read(socket).await?.unwrap_or_default());
                Ok((user.as_str(), password.as_str()) == (USER, PASSWORD))
            }
            _ => Ok(false),
        }
    }
}

async fn say(socket: &mut BufReader<TcpStream>, text: &str) -> std::io::Result<()> {
    socket.write_all(format!("{text}\r\n").as_bytes()).await
}

async fn read(socket: &mut BufReader<TcpStream>) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let length = socket.read_line(&mut line).await?;
    Ok((length > 0).then(|| line.trim_end().to_owned()))
}

/// Up to the line with a single dot.
async fn data(socket: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn address(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}
