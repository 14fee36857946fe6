//! One wording per event: log, message, page and command line print the same.

use super::event::IncidentEvent as E;
use super::incident::{Phase, Subject};
use super::plan::Section;
use super::target::cut;

impl E {
    /// As in the journal's `kind`.
    pub fn label(&self) -> &'static str {
        match self {
            E::Opened { .. } => "opened",
            E::AlertAttached { .. } => "alert_attached",
            E::AlertResolved { .. } => "alert_resolved",
            E::Looked { .. } => "looked",
            E::Watched { .. } => "watched",
            E::Held { .. } => "held",
            E::WouldAct { .. } => "would_act",
            E::AttemptStarted { .. } => "attempt_started",
            E::RollbackStarted { .. } => "rollback_started",
            E::StepSkipped { .. } => "step_skipped",
            E::StepRetried { .. } => "step_retried",
            E::StepProgressed { .. } => "step_progressed",
            E::RungSkipped { .. } => "rung_skipped",
            E::AfterwardsStarted { .. } => "afterwards_started",
            E::AfterwardsEnded { .. } => "afterwards_ended",
            E::StepStarted { .. } => "step_started",
            E::StepEnded { .. } => "step_ended",
            E::StepSettled { .. } => "step_settled",
            E::VerifyStarted { .. } => "verify_started",
            E::AttemptEnded { .. } => "attempt_ended",
            E::RollbackEnded { .. } => "rollback_ended",
            E::Healed { .. } => "healed",
            E::CareScheduled { .. } => "care_scheduled",
            E::CareFailed { .. } => "care_failed",
            E::SymptomShown { .. } => "symptom_shown",
            E::FoundBadAfterResolve { .. } => "found_bad_after_resolve",
            E::Escalated { .. } => "escalated",
            E::Gathered { .. } => "gathered",
            E::NoticeDue { .. } => "notice_due",
            E::Told { .. } => "told",
            E::PassedOn { .. } => "passed_on",
            E::Climbed { .. } => "climbed",
            E::ClimbSet { .. } => "climb_set",
            E::SeverityRose { .. } => "severity_rose",
            E::Acknowledged { .. } => "acknowledged",
            E::StepTicked { .. } => "step_ticked",
            E::Pressed { .. } => "pressed",
            E::SilenceAsked { .. } => "silence_asked",
            E::SilenceSet { .. } => "silence_set",
            E::SilenceLifted => "silence_lifted",
            E::ResolveDoubted { .. } => "resolve_doubted",
            E::ApprovalAsked { .. } => "approval_asked",
            E::Approved { .. } => "approved",
            E::Denied { .. } => "denied",
            E::CrashSeen => "crash_seen",
            E::Retried { .. } => "retried",
            E::LateAnswer { .. } => "late_answer",
            E::Closed { .. } => "closed",
        }
    }

    /// One sentence for people.
    pub fn text(&self) -> String {
        match self {
            E::Opened { playbook, subject, context, previous, .. } => {
                let (labels, _) = context.read();
                let alert = labels.get("alertname").map_or("an alert without a name".to_owned(), |name| cut(name));
                let of = match subject {
                    Subject::Target(target) => format!(" for {target}"),
                    Subject::Alert(_) => String::new(),
                };
                let after = previous.map_or(String::new(), |id| format!(", after incident {id}"));
                format!("{alert} fires{of}: playbook {playbook}{after}")
            }
            E::AlertAttached { fingerprint, .. } => format!("alert {fingerprint} joined"),
            E::AlertResolved { fingerprint } => format!("alert {fingerprint} resolved"),
            E::Looked { seen, passed: true } => format!("looked, good: {}", seen.summary()),
            E::Looked { seen, passed: false } => format!("looked, bad: {} [{}]", seen.summary(), seen.state.text()),
            E::Watched { said: false, until } => format!("the alert fires and the probes pass: watching until {until}"),
            E::Watched { said: true, .. } => "the alert still fires and the probes still pass: watching on".to_owned(),
            E::Held { guard, reason, .. } => format!("held by {}: {reason}", guard.label()),
            E::WouldAct { text, .. } => text.clone(),
            E::AttemptStarted { attempt, title, seen, .. } => {
                format!("attempt {attempt} permitted: {title} [target: {}]", seen.state.text())
            }
            E::RollbackStarted { text, .. } => format!("rolling back: {text}"),
            E::StepStarted { section, step, text, .. } => format!("{}step {}: {text}", undo(*section), step + 1),
            E::StepEnded { section, step, acted, took_ms, .. } => {
                format!("{}step {} {}: {} ({took_ms} ms)", undo(*section), step + 1, acted.outcome.label(), acted.detail)
            }
            E::StepSettled { section, step, why, .. } => format!("{}step {}: {why}", undo(*section), step + 1),
            E::VerifyStarted { .. } => "verifying".to_owned(),
            E::AttemptEnded { attempt, outcome, text } => format!("attempt {attempt} ended {}: {text}", outcome.label()),
            E::RollbackEnded { text, .. } | E::AfterwardsEnded { text, .. } => text.clone(),
            E::AfterwardsStarted { .. } => "putting in order what the repair left".to_owned(),
            E::StepSkipped { section, step, text, why, .. } => {
                format!("{}step {} skipped: {text}; {why}", undo(*section), step + 1)
            }
            E::StepRetried { section, step, again, until, .. } => {
                format!("{}step {} is tried again at {until}, try {again}", undo(*section), step + 1)
            }
            E::StepProgressed { step, text, .. } => format!("step {}: {text}", step + 1),
            E::RungSkipped { rung, title, why } => format!("rung {} ({title}) left out: {why}", rung + 1),
            E::Healed { after_care_until } => format!("healed; watched until {after_care_until} at least"),
            E::CareScheduled { close_at: Some(at) } => format!("all alerts resolved; closes at {at} if it stays good"),
            E::CareScheduled { close_at: None } => "watched on".to_owned(),
            E::CareFailed { seen } => format!("failed again in after-care: {} [{}]", seen.summary(), seen.state.text()),
            E::SymptomShown { seen } => format!("the symptom shows: {} [{}]", seen.summary(), seen.state.text()),
            E::FoundBadAfterResolve { until } => format!("the alert resolved, but the probes fail: watching until {until}"),
            E::Escalated { reason, text } => format!("escalated ({}): {text}", reason.label()),
            E::Gathered { logs, what } if logs.is_empty() => what.clone(),
            E::Gathered { what, .. } => format!("{what} gathered"),
            E::NoticeDue { notice, to, .. } if to.is_empty() => format!("to be told: {}", notice.label()),
            E::NoticeDue { notice, to, .. } => format!("to be told: {} ({})", notice.label(), to.join(", ")),
            E::PassedOn { number, to, why } => format!("notice {number} also goes to {}: {why}", to.join(", ")),
            E::Climbed { level } => format!("level {level} of the escalation chain"),
            E::ClimbSet { next: Some(next) } => format!("the next level is told at {next} unless somebody acknowledges"),
            E::ClimbSet { next: None } => "nobody else is to be told".to_owned(),
            E::SeverityRose { severity } => format!("more urgent than before: {}", severity.label()),
            E::Acknowledged { by, until } => format!("acknowledged by {by} until {until}"),
            E::StepTicked { item, text, by, note } if note.is_empty() => format!("{by} has done step {item}: {text}"),
            E::StepTicked { item, text, by, note } => format!("{by} has done step {item}: {text} ({note})"),
            E::Pressed { by, what, .. } => format!("{by} pressed {what}"),
            E::SilenceAsked { by, until, .. } => format!("{by} asks Alertmanager for a silence until {until}"),
            E::SilenceSet { text, .. } => text.clone(),
            E::SilenceLifted => "heald ends its silence".to_owned(),
            E::ResolveDoubted { fingerprint } => {
                format!("alert {fingerprint} resolved, but detection is blind: it counts when alerts are heard again")
            }
            E::Told { notice, deliveries, .. } => {
                let each: Vec<String> = deliveries
                    .iter()
                    .map(|delivery| match &delivery.error {
                        None => delivery.channel.clone(),
                        Some(error) => format!("{} failed ({error})", delivery.channel),
                    })
                    .collect();
                format!("told {}: {}", notice.label(), each.join(", "))
            }
            E::ApprovalAsked { text, expires, may, .. } => {
                let whom = if may.is_empty() { "anybody".to_owned() } else { may.join(" or ") };
                format!("consent of {whom} is asked for until {expires}: {text}")
            }
            E::Approved { attempt, by } => format!("attempt {attempt} approved by {by}"),
            E::Denied { attempt, by, why } if why.is_empty() => format!("attempt {attempt} denied by {by}"),
            E::Denied { attempt, by, why } => format!("attempt {attempt} denied by {by}: {why}"),
            E::CrashSeen => "heald crashed while it was at this".to_owned(),
            E::Retried { by, revision, .. } => {
                let book = if revision.is_some() { ", with the playbook now in force" } else { "" };
                format!("tried again by {by}{book}: counters start anew, budgets do not")
            }
            E::LateAnswer { attempt, step, text } => {
                format!("late answer of attempt {attempt}, step {}: {text} (recorded, not believed)", step + 1)
            }
            E::Closed { outcome, note } => format!("closed, {}: {note}", outcome.label()),
        }
    }
}

fn undo(section: Section) -> &'static str {
    match section {
        Section::Rung(_) => "",
        Section::Rollback => "rollback ",
        Section::Afterwards => "afterwards, ",
    }
}

impl Phase {
    pub fn label(&self) -> &'static str {
        match self {
            Self::Assessing => "assessing",
            Self::Watching { .. } => "watching",
            Self::Held { .. } => "held",
            Self::Observed => "observed",
            Self::Acting { .. } => "acting",
            Self::Verifying { .. } => "verifying",
            Self::Healed { .. } => "healed",
            Self::ResolvedBad { .. } => "resolved_bad",
            Self::Escalated { .. } => "escalated",
            Self::Closed { .. } => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::{AlertContext, Labels};
    use crate::domain::id::{Fingerprint, PlaybookId, Revision};

    #[test]
    fn an_alerts_name_stays_one_short_line() {
        let name = format!("X\n2026-11-22T01:00:00Z INFO heald: all repairs paused\u{1b}[2J{}", "x".repeat(100_000));
        let labels = Labels::from([("alertname".to_owned(), name)]);
        let event = E::Opened {
            playbook: PlaybookId::from("web-down"),
            revision: Revision("r".into()),
            subject: Subject::Alert(Fingerprint::from("a")),
            fingerprint: Fingerprint::from("a"),
            starts_at: jiff::Timestamp::UNIX_EPOCH,
            context: AlertContext::new(&labels, &Labels::new()),
            previous: None,
            rungs: 0,
        };
        let text = event.text();
        assert!(text.len() < 200 && !text.contains(char::is_control), "{text:?}");
    }
    #[test]
    fn a_retry_of_an_older_journal_keeps_its_playbook() {
        let event: E = serde_json::from_str(r#"{"kind":"retried","by":"ann"}"#).unwrap();
        assert_eq!(event, E::Retried { by: "ann".to_owned(), revision: None, rungs: None });
        assert_eq!(event.text(), "tried again by ann: counters start anew, budgets do not");
        assert_eq!(serde_json::to_string(&event).unwrap(), r#"{"kind":"retried","by":"ann"}"#);
    }
}
