//! `drills:`.

use super::Targets;
use crate::schema::words::{Any, Anything};
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// What `heald drill` may break on purpose. Without it: nothing.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Drills {
    /// This host is there to be broken: nobody is asked before a drill, and drills that are due run unattended. Default: false.
    lab: Option<bool>,
    /// What faults may touch, under the keys of `targets`; its own list, for what may be repaired need not be broken.
    allowed: Option<Targets>,
    /// By drill: values for `{{ vars.name }}`. They go before those of its file.
    vars: Option<BTreeMap<String, BTreeMap<String, Anything>>>,
    schedule: Option<Schedule>,
    /// The folder of the reports and the history. Default: `drills` in the `state` folder.
    reports: Option<String>,
}

/// When the daemon runs drills that are due.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Schedule {
    /// Names of `time_intervals:` in which drills may run. Default: at any time.
    window: Option<Any<String>>,
    /// The daemon runs what is due by itself. Default: false.
    unattended: Option<bool>,
}
