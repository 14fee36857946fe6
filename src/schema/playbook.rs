//! A playbook's YAML, part by part: what `book/` reads by hand.

#![allow(dead_code, reason = "shapes only: nobody makes one")]

use super::words::{Any, Anything, Budget, OneOrMany, Word};
use crate::domain::time::Span;
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// The YAML of one playbook file, part by part. A file holds them apart: the front matter between two lines `---`, each
/// section in a block marked `yaml` below its heading. An editor checks one part by its definition, such as
/// `#/$defs/FrontMatter`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Playbook {
    front_matter: FrontMatter,
    /// Section *Auto-recovery*. Left out: a runbook for people.
    auto_recovery: Option<Ladder>,
    /// Section *Verify*. Mandatory beside *Auto-recovery*.
    verify: Option<Verify>,
    /// Section *Rollback*.
    rollback: Option<Steps>,
    /// Section *Afterwards*.
    afterwards: Option<Steps>,
}

/// The front matter: when a playbook applies, and inside which limits.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FrontMatter {
    /// Its name: lower-case words joined by hyphens, at most 64 characters. Unique among all playbooks.
    #[schemars(length(max = 64), pattern("^[a-z0-9]+(-[a-z0-9]+)*$"))]
    playbook: String,
    /// Rows of your catalogue of failures that it serves; for people.
    covers: Option<Any<Word>>,
    /// Matchers as Alertmanager has them, such as `alertname="WebDown"`; all must hold. A missing label equals the empty
    /// one, regular expressions are anchored. At least one must ask for something.
    #[schemars(rename = "match")]
    matchers: OneOrMany<String>,
    /// What is repaired: one kind and one name, mostly a template. The allow-list decides whether it may be touched.
    target: Target,
    /// What heald may do by itself. Default: `observe`. The configuration's `overrides` may change it, an alert's label
    /// `remediate` may only lower it.
    mode: Option<Mode>,
    limits: Option<Limits>,
    /// `probes` (default): before the first attempt the probes must show the symptom. `alert`: the alert is enough, for
    /// symptoms that no probe sees.
    act_on: Option<ActOn>,
    /// How long what was healed stays watched, at least; also until the alert is resolved. Default: 5m. `0s` to 366 days.
    after_care: Option<Span>,
    /// The goal for the time from the webhook to a passed verification; reviews and metrics measure it. `1s` to 366 days.
    recovery_time: Option<Span>,
    /// How fast a person must look, for the escalation. Default: the alert's label `severity`.
    severity: Option<Severity>,
    escalate_when: Option<EscalateWhen>,
    /// Values for templates, as `{{ vars.name }}`. The configuration's `vars` and `overrides` go before them.
    vars: Option<BTreeMap<String, Anything>>,
    /// What kind of failure it is about; `guards: { severity: … }` says how much may then be tried. Default: `service`.
    class: Option<FailureClass>,
    /// Playbooks whose open incidents come first.
    after: Option<OneOrMany<String>>,
    /// Of several playbooks that match an alert the highest applies. -1000 to 1000, default 0.
    #[schemars(range(min = -1000, max = 1000))]
    priority: Option<i32>,
    /// Names of `time_intervals:` in which nothing is repaired.
    mute_time_intervals: Option<OneOrMany<String>>,
    /// Names of `time_intervals:` outside of which nothing is repaired.
    active_time_intervals: Option<OneOrMany<String>>,
    /// Who keeps it, for people.
    owner: Option<String>,
    /// Alertnames that its own steps may set off. `heald check` warns of circles.
    causes: Option<OneOrMany<String>>,
    /// `accepted`: its author knows that a step can't be undone, and there is no *Rollback*. Holds for all rungs.
    irreversible: Option<Accepted>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Accepted {
    Accepted,
}

/// One kind and one name.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Target {
    /// A systemd unit with its ending, as `web.service`.
    unit: Option<String>,
    /// A Docker container by its name.
    container: Option<String>,
    /// A compose project. For runbooks without *Auto-recovery* only.
    compose: Option<String>,
    /// A program of supervisord: `group:name` or `name`.
    program: Option<String>,
    /// A process. For runbooks without *Auto-recovery* only.
    process: Option<String>,
    /// A URL: `http://` or `https://`.
    url: Option<String>,
    /// A folder or file, absolute.
    path: Option<String>,
    /// An SQLite file, absolute.
    database: Option<String>,
    /// A volume. For runbooks without *Auto-recovery* only.
    volume: Option<String>,
    /// A host by its name.
    host: Option<String>,
    /// A service by its name.
    service: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Mode {
    /// Looks, decides, and says what it would have done.
    Observe,
    /// Asks a person before each attempt.
    Approve,
    /// Acts.
    Auto,
    /// Begins with `observe` and rises by its own record; `guards: { trust: … }` says how much is enough.
    Earn,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum ActOn {
    Probes,
    Alert,
}

#[derive(JsonSchema)]
pub enum Severity {
    /// At once.
    P0,
    /// 15 minutes.
    P1,
    /// An hour.
    P2,
    /// A day.
    P3,
    /// P0.
    #[schemars(rename = "critical")]
    Critical,
    /// P2.
    #[schemars(rename = "warning")]
    Warning,
    /// P3.
    #[schemars(rename = "info")]
    Info,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub enum FailureClass {
    Service,
    /// Data may be damaged: every attempt may damage more.
    Corruption,
    /// An upstream refuses for now; a restart does not help.
    RateLimit,
    /// A device is reset with it.
    Device,
}

/// How much may be tried; whichever ends first, a person is called.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Limits {
    /// For one incident. 1 to 100, default 3.
    #[schemars(range(min = 1, max = 100))]
    attempts: Option<u32>,
    /// From the first attempt on; holds don't count. `1s` to 366 days, default 5m.
    within: Option<Span>,
    /// For one target; several hold at once. Default: 5 per 10m. `0 per 1d` forbids every attempt.
    budget: Option<OneOrMany<Budget>>,
    /// The wait after a failed attempt, or its parts. Default: `{ base: 10s, factor: 2, max: 5m }`.
    cooldown: Option<Cooldown>,
    /// How long a target may take to start before it counts as broken. `0s` to 1d, default 30s.
    grace: Option<Span>,
    /// How long an alert without a symptom is watched before heald says so. `0s` to 1d, default 10s.
    settle: Option<Span>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Cooldown {
    /// The first wait.
    Base(Span),
    Parts(Backoff),
}

/// `base * factor^(n-1)`, at most `max`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Backoff {
    /// The first wait. `1s` to 1d.
    base: Option<Span>,
    /// By so much each further one is longer. 1 to 10.
    #[schemars(range(min = 1, max = 10))]
    factor: Option<u32>,
    /// The longest. `1s` to 1d.
    max: Option<Span>,
}

/// So many incidents of one target in so long, the open one with them: the next repair is people's matter.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EscalateWhen {
    /// 2 to 1000.
    #[schemars(range(min = 2, max = 1000))]
    incidents: u32,
    /// `1m` to 30 days.
    within: Span,
}

/// What is tried, in this order, each followed by the verification: rungs, or a plain list of steps, which is one rung.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum Ladder {
    Rungs(Vec<Rung>),
    Steps(Steps),
}

/// One thing to try.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Rung {
    /// Its title, for people. Default: its steps' kinds.
    #[schemars(rename = "try")]
    title: Option<String>,
    /// Its steps, in order. What a step locks and charges is fixed before the rung begins.
    #[schemars(rename = "do")]
    steps: Steps,
    /// How often, before the next rung. 1 to 100; default 1, and `limits.attempts` where the ladder has one rung.
    #[schemars(range(min = 1, max = 100))]
    times: Option<u32>,
    /// `accepted`: its author knows that a step of it can't be undone, and there is no *Rollback*.
    irreversible: Option<Accepted>,
    /// `true`: its steps belong together, as stop, restore, start do. Once one took effect, the rest follows, also when the alert
    /// resolves meanwhile. Default: then the rest is left out, and the probes decide.
    whole: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(transparent)]
pub struct Steps(#[schemars(length(min = 1))] Vec<Step>);

/// What must hold when all is well. It is looked at before the first attempt, and after each rung.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Verify {
    /// So long may it take. `1s` to 1h, default 30s.
    within: Option<Span>,
    /// So long must all probes pass without a break; shorter than `within`. `0s` to 1h, default 2s.
    stable: Option<Span>,
    /// The probes; all must pass.
    #[schemars(length(min = 1))]
    all: Vec<Probe>,
}

/// The options of a step. They stand beside its kind, or, all but `timeout`, among its parameters.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StepOptions {
    /// An expression over labels, annotations, vars, target and steps, as `labels.tier == 'gold'`, without braces. Where it
    /// does not hold, the step is left out, and the journal says so. An empty label is no label.
    when: Option<When>,
    /// `true`: its failure does not count; the same as `on_failure: continue`.
    optional: Option<bool>,
    /// What follows its failure. Default: `verify`.
    on_failure: Option<OnFailure>,
    /// The call takes no longer; then its outcome is unknown. `1s` to 1h; the default is the kind's own.
    timeout: Option<Span>,
    /// The same step again within its attempt: so many tries with the first, or all of it. Only where the outcome of a try
    /// is clear, or a repetition does no harm.
    retry: Option<RetryForm>,
    /// `true`: never sent again after a crash of heald; what became of it is then a person's question. `false`: a
    /// repetition does no harm. The default is the kind's own.
    once: Option<bool>,
    /// The name under which later steps and messages find its result, as `{{ steps.NAME.key }}`: lower-case letters, digits
    /// and `_`, at most 32. At most 16 in a file.
    #[schemars(length(max = 32), pattern("^[a-z][a-z0-9_]*$"))]
    register: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum When {
    Constant(bool),
    Expression(String),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum OnFailure {
    /// The rest of the rung is left out, and the probes decide.
    Verify,
    /// Goes on as if it had done it.
    Continue,
    /// No further rung: a rollback where there is one, then people.
    Escalate,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum RetryForm {
    Attempts(#[schemars(range(min = 2, max = 10))] u32),
    Parts(Retry),
}

/// The same step again within its attempt.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Retry {
    /// With the first. 2 to 10, default 3.
    #[schemars(range(min = 2, max = 10))]
    attempts: Option<u32>,
    /// The first wait. `1ms` to 10m, default 1s.
    base: Option<Span>,
    /// By so much each further one is longer. 1 to 10, default 2.
    #[schemars(range(min = 1, max = 10))]
    factor: Option<u32>,
    /// The longest. `1ms` to 10m, default 1m.
    max: Option<Span>,
    /// Up to so many percent longer, by chance. 0 to 100, default 10.
    #[schemars(range(min = 0, max = 100))]
    jitter: Option<u32>,
}

/// One step: one kind with its parameters, and options beside it.
#[derive(JsonSchema)]
pub struct Step {
    options: StepOptions,
    values: TemplateValues,
}

/// One probe: one kind with its parameters.
#[derive(JsonSchema)]
pub struct Probe {}

/// What `{{ … }}` may speak of: minijinja, strict: a name without a value is an error, and a value is never read as a
/// template again. In `match:` and in names of keys there are none. A parameter that speaks of `vars` alone is filled in
/// when the file is read, so a number, a duration or a list may come from there.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TemplateValues {
    /// The alert's labels: `{{ labels.instance }}`. A label that the alert does not carry is an error; write
    /// `{{ labels.zone | default("none") }}` where it may be missing.
    labels: BTreeMap<String, String>,
    /// The alert's annotations.
    annotations: BTreeMap<String, String>,
    /// The playbook's `vars`, under the configuration's.
    vars: BTreeMap<String, Anything>,
    /// The target's name. Everywhere but in `target:` itself.
    target: String,
    /// Results of earlier steps by the names that they registered, in steps, `when:`, *Manual fix* and *Debug prompt*:
    /// `{{ steps.freed.bytes }}`. What a step works on may not depend on them.
    steps: BTreeMap<String, Anything>,
    /// In *Manual fix* and *Debug prompt* only: `{{ logs(20) }}`, the last lines that the target logged; 20 where no number is
    /// given.
    logs: String,
    /// In *Manual fix* and *Debug prompt* only: what happened so far, a line each.
    timeline: String,
}
