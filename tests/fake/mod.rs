//! Servers that people's chats run on, as their public documents describe them, with switches for what goes wrong.

pub mod slack;
