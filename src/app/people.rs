//! Listens to people in chats: Telegram by asking, Slack by a socket or by signed requests.

use crate::chat::{slack, slack_actions, slack_socket, telegram};
use crate::config::Settings;
use crate::notify::Notifier;
use crate::run::clock::Clock;
use crate::run::handle::Handle;
use crate::telemetry::Telemetry;
use axum::Router;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What listens until heald stops.
pub struct Ears {
    pub tasks: Vec<JoinHandle<()>>,
    /// What Slack may call; empty where it calls nothing.
    pub routes: Router,
}

/// # Errors
/// Slack's address can't be used.
pub fn listen(
    settings: &Settings,
    notifier: &Notifier,
    handle: &Handle,
    telemetry: &Telemetry,
    stopping: &watch::Receiver<bool>,
) -> Result<Ears, String> {
    let mut ears = Ears { tasks: Vec::new(), routes: Router::new() };
    if let Some((bot, chats)) = notifier.telegram() {
        let alarm = {
            let handle = handle.clone();
            Box::new(move |why: &str| handle.chat_broken("telegram".to_owned(), why.to_owned()))
        };
        let people = settings.people.clone();
        let listener = telegram::Listener::new(bot, chats, people, handle.clone(), telemetry.clone(), alarm);
        ears.tasks.push(tokio::spawn(listener.run(stopping.clone())));
    }
    if let Some((app, channels)) = settings.notify.slack() {
        let presses = slack::Presses::new(handle.clone(), app, &channels, settings.people.clone(), telemetry.clone())
            .map_err(|why| format!("notify.slack: {why}"))?;
        if let Some(secret) = &app.signing_secret {
            ears.routes = slack_actions::routes(presses.clone(), secret, Clock::system(None));
        }
        if app.api.app.is_some() {
            ears.tasks.push(tokio::spawn(slack_socket::Listener::new(presses, telemetry.clone()).run(stopping.clone())));
        }
    }
    Ok(ears)
}
