//! What happened: the journal of a test and what people were told, in the words of its expectations.

use crate::domain::event::IncidentEvent as E;
use crate::domain::guard::Guard;
use crate::domain::house::HouseEvent;
use crate::domain::id::IncidentId;
use crate::domain::incident::{Escalation, Outcome};
use crate::domain::notice::Notice;
use crate::domain::plan::Section;
use crate::domain::time::{Span, Time};
use crate::run::view::IncidentView;
use crate::store::{Record, Row};
use jiff::Timestamp;
use regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

/// What is known beside the journal.
#[derive(Default)]
pub struct Told {
    pub notices: Vec<Notice>,
    pub views: Vec<IncidentView>,
    pub unmatched: Vec<String>,
    /// Lines for the timeline.
    pub orders: Vec<(Duration, String)>,
    /// What went otherwise than the test scripted it.
    pub wrong: Vec<String>,
}

#[derive(Debug, Default)]
pub struct Story {
    pub actions: Vec<Did>,
    pub refusals: Vec<Refused>,
    pub escalations: Vec<Called>,
    pub messages: Vec<Said>,
    /// In the order of their opening.
    pub incidents: Vec<Lived>,
    pub timeline: Vec<(Duration, String)>,
    pub wrong: Vec<String>,
}

#[derive(Debug)]
pub struct Did {
    pub at: Duration,
    pub text: String,
}

#[derive(Debug)]
pub struct Refused {
    pub at: Duration,
    /// None: the journal names only the reason.
    pub guard: Option<&'static str>,
    pub reason: String,
}

#[derive(Debug)]
pub struct Called {
    pub at: Duration,
    pub level: u32,
    /// None: nobody answered, and the next level was called.
    pub reason: Option<&'static str>,
    pub text: String,
}

#[derive(Debug)]
pub struct Said {
    pub at: Duration,
    pub kind: &'static str,
    pub level: u32,
    pub reason: String,
    /// Everything that the message holds.
    pub whole: String,
}

#[derive(Debug)]
pub struct Lived {
    pub playbook: String,
    pub outcome: &'static str,
    pub state: String,
    pub closed_as: Option<String>,
    pub attempts: u32,
}

/// What an incident's events come to.
#[derive(Default)]
struct Marks {
    escalated: bool,
    observed: bool,
    level: u32,
    /// The text of the step under way.
    step: String,
}

// === impl Story ===

impl Story {
    /// `end`: what comes later is none of the test's.
    pub fn of(rows: &[Row], told: Told, start: Time, end: Time) -> Self {
        let Told { notices, mut views, unmatched, orders, wrong } = told;
        let mut story = Self { wrong, ..Self::default() };
        let mut marks: BTreeMap<IncidentId, Marks> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.at <= end) {
            let at = row.at.since(start);
            match &row.record {
                Record::Incident { id, event } => {
                    story.event(at, event, marks.entry(*id).or_default());
                    story.line(at, &event.text(), start);
                }
                // It is the test that begins and ends.
                Record::House(HouseEvent::Began { .. } | HouseEvent::Ended) => {}
                Record::House(event) => story.line(at, &event.text(), start),
            }
        }
        for notice in notices.iter().filter(|notice| notice.at <= end) {
            story.messages.push(Said::of(notice, start));
        }
        for line in unmatched {
            story.timeline.push((Duration::ZERO, format!("not taken on: {line}")));
        }
        story.timeline.extend(orders);
        story.timeline.sort_by_key(|(at, _)| *at);
        views.sort_by_key(|view| view.id);
        story.incidents = views.iter().map(|view| Lived::of(view, marks.get(&view.id))).collect();
        story
    }

    fn event(&mut self, at: Duration, event: &E, marks: &mut Marks) {
        match event {
            E::StepStarted { section, text, .. } => {
                marks.step = format!("{}{text}", prefix(*section));
                self.actions.push(Did { at, text: marks.step.clone() });
            }
            E::Held { guard, reason, .. } => {
                self.refusals.push(Refused { at, guard: Some(guard.label()), reason: reason.clone() });
            }
            E::WouldAct { text, .. } => {
                marks.observed = true;
                self.refusals.push(reported(at, text));
            }
            E::ApprovalAsked { text, .. } => {
                let guard = Some(Guard::Approve.label());
                self.refusals.push(Refused { at, guard, reason: format!("consent is asked for: {text}") });
            }
            E::Escalated { reason, text } => {
                marks.escalated = true;
                if let Some(guard) = guard_of(*reason) {
                    self.refusals.push(Refused { at, guard, reason: text.clone() });
                }
                self.escalations.push(Called { at, level: marks.level.max(1), reason: Some(reason.label()), text: text.clone() });
            }
            E::Climbed { level } => {
                marks.level = u32::from(*level);
                match self.escalations.last_mut() {
                    // Whoever gives up calls the next level with it.
                    Some(called) if called.at == at => called.level = marks.level,
                    _ => {
                        let text = "nobody acknowledged it, or it is due".to_owned();
                        self.escalations.push(Called { at, level: marks.level, reason: None, text });
                    }
                }
            }
            _ => {}
        }
    }

    fn line(&mut self, at: Duration, text: &str, start: Time) {
        self.timeline.push((at, relative(text, start)));
    }
}

fn prefix(section: Section) -> &'static str {
    match section {
        Section::Rung(_) => "",
        Section::Rollback => "rollback: ",
        Section::Afterwards => "afterwards: ",
    }
}

/// `would do … (why)` by the mode, or `would not do …: refused by budget (why)`.
fn reported(at: Duration, text: &str) -> Refused {
    let guard = Guard::ALL.into_iter().map(Guard::label).find(|label| text.contains(&format!(": refused by {label} (")));
    Refused { at, guard: guard.or(Some(Guard::Mode.label())), reason: text.to_owned() }
}

/// The guard behind a reason to give up, where it was one; the inner None: one of several.
#[expect(clippy::option_option, reason = "whether it was a guard, and which")]
fn guard_of(reason: Escalation) -> Option<Option<&'static str>> {
    let one = |guard: Guard| Some(Some(guard.label()));
    match reason {
        Escalation::BudgetRefused => one(Guard::Budget),
        Escalation::Policy => one(Guard::Severity),
        Escalation::Chronic => one(Guard::Flapping),
        Escalation::NotApproved => one(Guard::Approve),
        Escalation::Quarantined => one(Guard::Quarantine),
        Escalation::Refused => Some(None),
        _ => None,
    }
}

/// Moments in a text, counted from the test's beginning: `watched until 5m`.
fn relative(text: &str, start: Time) -> String {
    static STAMP: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").ok());
    let Some(stamp) = STAMP.as_ref() else { return text.to_owned() };
    let from_start = |found: &Captures<'_>| {
        let written = found.get(0).map_or("", |found| found.as_str());
        match written.parse::<Timestamp>() {
            Ok(at) if at.as_millisecond() >= start.0 => moment(Time(at.as_millisecond()).since(start)),
            _ => written.to_owned(),
        }
    };
    stamp.replace_all(text, from_start).into_owned()
}

/// To a tenth of a second: what is below is of no meaning here.
pub fn moment(at: Duration) -> String {
    const TENTH: u128 = 100;
    let millis = at.as_millis() / TENTH * TENTH;
    Span(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))).to_string()
}

// === impl Said ===

impl Said {
    fn of(notice: &Notice, start: Time) -> Self {
        let parts = [
            Some(&notice.title),
            Some(&notice.summary),
            Some(&notice.target),
            Some(&notice.alertname),
            Some(&notice.reason),
            notice.verified.as_ref(),
            notice.budget_left.as_ref(),
            notice.next.as_ref(),
            notice.manual_fix.as_ref(),
            notice.debug_prompt.as_ref(),
            notice.runbook_url.as_ref(),
        ];
        let steps = notice.checklist.iter().map(|step| step.text.as_str());
        let whole: Vec<&str> = parts.into_iter().flatten().map(String::as_str).chain(steps).collect();
        Self {
            at: notice.at.since(start),
            kind: notice.kind.label(),
            level: u32::from(notice.level),
            reason: relative(&notice.reason, start),
            whole: relative(&whole.join("\n"), start),
        }
    }
}

// === impl Lived ===

impl Lived {
    fn of(view: &IncidentView, marks: Option<&Marks>) -> Self {
        let (escalated, observed) = marks.map_or((false, false), |marks| (marks.escalated, marks.observed));
        let ended = view.outcome.as_deref();
        let is = |outcome: Outcome| ended == Some(outcome.label());
        let outcome = match view.state.as_str() {
            "closed" if is(Outcome::Healed) || is(Outcome::ResolveNeverSeen) => "healed",
            "closed" if is(Outcome::ClosedByPerson) => "closed",
            "closed" if escalated => "escalated",
            "closed" if observed => "observed",
            "closed" => "closed",
            "healed" => "healed",
            "escalated" => "escalated",
            "observed" => "observed",
            _ => "open",
        };
        Self {
            playbook: view.playbook.to_string(),
            outcome,
            state: view.state.clone(),
            closed_as: view.outcome.clone(),
            attempts: view.attempts,
        }
    }
}

// === impl Display: beside what was expected ===

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", moment(self.at), self.text)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}, {}", moment(self.at), self.guard.unwrap_or("a guard"), self.reason)
    }
}

impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  level {}, {}, {}", moment(self.at), self.level, self.reason.unwrap_or("next"), self.text)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}, level {}, {}", moment(self.at), self.kind, self.level, self.reason)
    }
}
