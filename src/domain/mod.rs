//! DECIDES. Pure: no await, clock, randomness, files, sockets, logging, metrics.
//!
//! In reading order: what arrives ([`alert`]), what applies ([`selector`],
//! [`playbook`], [`plan`]), what heald saw and did ([`look`], [`outcome`]), what
//! an incident is ([`incident`]), what to do next ([`decide`]), what forbids it
//! ([`guard`]), whom to tell
//! ([`notice`], [`escalation`], [`outbox`]).

pub mod alert;
pub mod calendar;
pub mod decide;
pub mod ending;
pub mod escalation;
pub mod event;
pub mod graph;
pub mod guard;
pub mod house;
pub mod id;
pub mod incident;
pub mod library;
pub mod logs;
pub mod look;
pub mod notice;
pub mod outbox;
pub mod outcome;
pub mod plan;
pub mod playbook;
pub mod policy;
pub mod selector;
pub mod size;
pub mod target;
pub mod template;
pub mod time;
mod transition;
pub mod trust;
mod wording;
