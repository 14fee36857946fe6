//! Local servers that speak as the public ones are documented to, with switches for what goes wrong.

#![allow(dead_code, reason = "each test program uses a part of them")]
#![allow(clippy::panic, reason = "tests fail loudly")]

pub mod engine;
pub mod gitea;
pub mod hook;
pub mod slack;
pub mod smtp;
pub mod telegram;
