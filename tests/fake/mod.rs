//! Local servers that speak as the public ones are documented to, with switches for what goes wrong.

pub mod slack;
pub mod telegram;
