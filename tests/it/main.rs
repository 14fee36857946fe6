//! One binary for what needs neither systemd nor Docker: the project's own rules, what is shipped, the command line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail loudly")]

#[path = "../boards/mod.rs"]
mod boards;
#[path = "../fake/mod.rs"]
mod fake;
#[path = "../victim/mod.rs"]
mod victim;

mod canary;
mod cards;
mod cli;
mod dashboards;
mod docs;
mod drill;
mod email;
mod gitea;
mod init;
mod licences;
mod notify;
mod people;
mod random;
mod rehearsals;
mod reload;
mod replay;
mod rules;
mod schema;
mod shipped;
mod slack;
mod stop;
mod telegram;
mod tidy;
#[path = "victim.rs"]
mod victim_answers;
mod waiting;
mod webhook;

/// The real path to one channel.
fn notifier(name: &str, kind: heald::notify::Kind) -> heald::notify::Notifier {
    let mut settings = heald::notify::Settings::default();
    settings.channels.insert(name.to_owned(), kind);
    heald::notify::Notifier::new(settings).unwrap()
}
