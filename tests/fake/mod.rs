//! Local servers that speak the public APIs of the channels, with faults that can be switched on.

pub mod gitea;
pub mod hook;
pub mod smtp;

use heald::notify::{Kind, Notifier, Settings};

/// The real path to one channel.
pub fn notifier(name: &str, kind: Kind) -> Notifier {
    let mut settings = Settings::default();
    settings.channels.insert(name.to_owned(), kind);
    Notifier::new(settings).unwrap()
}
