//! The way to the daemon: JSON over HTTP on its control socket.

use super::Failure;
use super::print::clean;
use crate::run::handle::{PersonOrder, Question};
use crate::run::view::EventView;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use std::error::Error;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the daemon is.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Place {
    /// heald's control socket [default: control.sock in the `state` folder of --config.file, or /var/lib/heald/control.sock]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// The daemon's configuration file; only its `state` is read.
    #[arg(long = "config.file", value_name = "FILE", conflicts_with = "socket")]
    pub config_file: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Daemon {
    client: Client,
    socket: PathBuf,
}

/// The journal as it grows.
#[derive(Debug)]
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
}

/// Of the configuration; the daemon and `heald check` judge the rest of it.
#[derive(Deserialize)]
struct OnlyState {
    state: Option<PathBuf>,
}

/// heald's yes.
#[derive(Deserialize)]
struct Done {
    message: String,
}

/// heald's no.
#[derive(Deserialize)]
struct Wrong {
    error: String,
}

const STATE: &str = "/var/lib/heald";
const SOCKET: &str = "control.sock";
/// The daemon's own patience with its loop is shorter.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Files on a slow disk.
const READ_WITHIN: Duration = Duration::from_secs(60);
/// As Prometheus and Alertmanager have it. The host is never looked up: the socket is the way.
const RELOAD: &str = "http://heald/-/reload";
/// An event is a line; the daemon cuts long texts long before this.
const EVENT_MAX: usize = 4 * 1_024 * 1_024;

// === impl Place ===

impl Place {
    pub fn daemon(&self) -> Result<Daemon, Failure> {
        let socket = self.path()?;
        let client = Client::builder()
            .unix_socket(socket.as_path())
            .no_proxy()
            // Never TLS: a machine without certificate authorities has no fewer commands.
            .tls_certs_only([])
            .connect_timeout(ANSWER_WITHIN)
            .build()
            .map_err(|error| Failure::Refused(format!("the client can't be made: {error}")))?;
        Ok(Daemon { client, socket })
    }

    fn path(&self) -> Result<PathBuf, Failure> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        let state = state_of(self.config_file.as_deref());
        state.map(|state| state.join(SOCKET)).map_err(|error| Failure::Usage(format!("{error} (or name --socket)")))
    }
}

/// The folder that the configuration file names, or heald's own.
pub fn state_of(config_file: Option<&Path>) -> Result<PathBuf, Failure> {
    let Some(file) = config_file else { return Ok(STATE.into()) };
    let wrong = |error: &dyn std::fmt::Display| Failure::Usage(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let OnlyState { state } = serde_saphyr::from_str(&text).map_err(|error| wrong(&error.without_snippet()))?;
    // Relative to the file's folder, as the daemon takes it.
    let dir = file.parent().unwrap_or(Path::new(""));
    Ok(dir.join(state.unwrap_or_else(|| STATE.into())))
}

// === impl Daemon ===

impl Daemon {
    /// The answer's own bytes.
    pub async fn get(&self, path: &str) -> Result<String, Failure> {
        let request = self.client.get(url(path)).timeout(ANSWER_WITHIN);
        self.text(self.send(request).await?).await
    }

    /// What heald says to it.
    pub async fn order(&self, order: &PersonOrder) -> Result<String, Failure> {
        let request = self.client.post(url("orders")).timeout(ANSWER_WITHIN).json(order);
        let done: Done = self.read(&self.text(self.send(request).await?).await?)?;
        Ok(clean(&done.message))
    }

    /// The answer's own bytes. It takes as long as a look at the target.
    pub async fn explain(&self, question: &Question) -> Result<String, Failure> {
        let request = self.client.post(url("explain")).timeout(ANSWER_WITHIN).json(question);
        self.text(self.send(request).await?).await
    }

    /// Reads the configuration again; as long as that takes.
    pub async fn reload(&self) -> Result<String, Failure> {
        let done: Done = self.read(&self.text(self.send(self.client.post(RELOAD).timeout(READ_WITHIN)).await?).await?)?;
        Ok(clean(&done.message))
    }

    /// From `after` on; `None`: what is yet to come.
    pub async fn events(&self, after: Option<u64>, incident: Option<u64>) -> Result<Events, Failure> {
        let query: Vec<String> = [("after", after), ("incident", incident)]
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| format!("{name}={value}")))
            .collect();
        let request = self.client.get(url(&format!("events?{}", query.join("&"))));
        Ok(Events { response: self.send(request).await?, buffer: Vec::new() })
    }

    /// A view of an answer.
    pub fn read<'t, T: Deserialize<'t>>(&self, text: &'t str) -> Result<T, Failure> {
        serde_json::from_str(text).map_err(|error| {
            let place = self.socket.display();
            Failure::Refused(format!("the answer of {place} can't be read: {error} (are heald and this command of one version?)"))
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = self.text(response).await?;
        let reason = serde_json::from_str(&text).map_or_else(|_| format!("heald answered {status}"), |wrong: Wrong| wrong.error);
        // Mistakes of a configuration come one to a line.
        let lines: Vec<String> = reason.lines().map(clean).collect();
        // Escalate-only lasts until a person ends it: trying again would not help.
        Err(if status == StatusCode::SERVICE_UNAVAILABLE && !reason.starts_with("escalate-only") {
            Failure::Unreachable(format!("{}; try again", clean(&reason)))
        } else {
            Failure::Refused(lines.join("\n"))
        })
    }

    async fn text(&self, response: Response) -> Result<String, Failure> {
        response.text().await.map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let place = self.socket.display();
        let mut cause: Option<&dyn Error> = Some(error);
        let mut kind = None;
        while let Some(inner) = cause {
            kind = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind).or(kind);
            cause = inner.source();
        }
        Failure::Unreachable(match kind {
            Some(ErrorKind::PermissionDenied) => format!("{place} is not open to you: run this as root or as heald's own user"),
            _ if error.is_timeout() => format!("heald does not answer at {place}: see its log (journalctl -u heald)"),
            _ => format!(
                "no heald answers at {place}: is it running? (systemctl status heald; --socket or --config.file name another place)"
            ),
        })
    }
}

/// The host is never looked up: the socket is the way.
fn url(path: &str) -> String {
    format!("http://heald/api/v1/{path}")
}

// === impl Events ===

impl Events {
    /// The next event and its JSON as it came. `None`: heald has gone.
    pub async fn next(&mut self) -> Option<(EventView, String)> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(found) = parse(&event) {
                    return Some(found);
                }
                // A comment, to keep the connection alive.
                continue;
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) if self.buffer.len() < EVENT_MAX => self.buffer.extend_from_slice(&chunk),
                _ => return None,
            }
        }
    }
}

fn parse(event: &[u8]) -> Option<(EventView, String)> {
    let text = std::str::from_utf8(event).ok()?;
    let json = text.lines().find_map(|line| line.strip_prefix("data:"))?.trim_start();
    Some((serde_json::from_str(json).ok()?, json.to_owned()))
}
