//! `escalation:`

use crate::domain::time::Span;
use crate::schema::words::Any;
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// Who is told, when, and by which channel. Default: by the channels that there are. Needs a restart.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Escalation {
    /// By name: people behind channels.
    contacts: Option<BTreeMap<String, Contact>>,
    /// Channels that are told of everything.
    feed: Option<Any<String>>,
    digest: Option<Digest>,
    storm: Option<NoticeStorm>,
    chains: Option<Chains>,
    /// How long an acknowledgement stops the climb. `1m` to 366 days.
    acknowledge: Option<Span>,
    /// A link for the messages.
    dashboard: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Contact {
    channels: Any<String>,
    /// Names of `time_intervals:`; left out: always.
    hours: Option<Any<String>>,
}

/// What is not urgent, gathered.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Digest {
    /// `1m` to 1d.
    every: Option<Span>,
    /// Channels.
    to: Option<Any<String>>,
}

/// From so many incidents in so long on, one message stands for all.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NoticeStorm {
    /// 1 to 10000.
    #[schemars(range(min = 1, max = 10_000))]
    incidents: Option<u32>,
    /// `1s` to 1d.
    within: Option<Span>,
}

/// By severity.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Chains {
    #[schemars(rename = "P0")]
    p0: Option<Chain>,
    #[schemars(rename = "P1")]
    p1: Option<Chain>,
    #[schemars(rename = "P2")]
    p2: Option<Chain>,
    #[schemars(rename = "P3")]
    p3: Option<Chain>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Chain {
    /// One after the other, until somebody acknowledges.
    levels: Vec<Level>,
    /// The last level again, so often. `1m` to 366 days; left out: never.
    repeat: Option<Span>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Level {
    /// After the level before. `0s` to 1d. Only the first level may go without: then it waits until heald has something to
    /// say.
    after: Option<Span>,
    /// Also as soon as heald stops trying.
    when_stuck: Option<bool>,
    /// Channels, contacts or `digest`.
    to: Any<String>,
}
