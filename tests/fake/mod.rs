//! Local servers that speak as the public ones are documented to, with switches for what goes wrong.

pub mod gitea;
pub mod hook;
pub mod slack;
pub mod smtp;
pub mod telegram;

use heald::notify::{Kind, Notifier, Settings};

/// The real path to one channel.
pub fn notifier(name: &str, kind: Kind) -> Notifier {
    let mut settings = Settings::default();
    settings.channels.insert(name.to_owned(), kind);
    Notifier::new(settings).unwrap()
}
