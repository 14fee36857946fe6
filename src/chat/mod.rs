//! IN from people: what somebody writes or presses in a chat becomes an order to the loop.
//!
//! Nothing here decides about an incident. An order goes through the [`crate::run::handle::Handle`] as one
//! from the command line does; here it is only asked who may give it.

pub mod answer;
pub mod people;
pub mod slack;
pub mod slack_actions;
pub mod slack_socket;
pub mod telegram;
pub mod verb;

pub use people::{People, Person, Role};
