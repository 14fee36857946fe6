//! Whom to tell what: what becomes a notice, where it goes, and what follows a channel's answer.

use super::{Draft, Effect};
use crate::domain::alert::Labels;
use crate::domain::guard::Guard;
use crate::domain::incident::{IncidentEvent, Phase};
use crate::domain::notice::{Again, ChecklistItem, Delivery, Notice, NoticeKind, Post, Question, Standing};
use crate::domain::outbox::{DIGEST, Owed};
use crate::domain::target::Target;
use crate::domain::template;
use crate::domain::time::Span;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

/// How long a call for a person waits for the target's last log lines.
const LOGS_WAIT: Duration = Duration::from_secs(5);
/// Where nothing else is configured.
pub(super) const LOG: &str = "log";

impl Draft<'_> {
    /// Tells each kind once, until a person asks for a retry.
    pub(super) fn tell_once(&mut self, kind: NoticeKind, reason: &str) {
        if !self.incident.told.contains(&kind) {
            self.tell(kind, reason);
        }
    }

    /// Each time is news.
    pub(super) fn tell(&mut self, kind: NoticeKind, reason: &str) {
        let to = self.route(kind);
        self.owe(kind, reason, to);
    }

    pub(super) fn owe(&mut self, kind: NoticeKind, reason: &str, to: BTreeSet<String>) {
        if kind.calls() {
            self.unhush();
        }
        let number = self.incident.outbox.last + 1;
        let (reason, to) = (reason.to_owned(), to.into_iter().collect());
        // Whoever is called should have the logs at hand; they come within a second, or not at all.
        let waits = kind == NoticeKind::Escalated && !self.incident.gathered && self.incident.target().is_some();
        let not_before = waits.then(|| self.now + LOGS_WAIT);
        self.event(IncidentEvent::NoticeDue { notice: kind, reason, number, to, not_before });
        if let Some(owed) = self.incident.outbox.get(number).cloned() {
            let notice = self.notice(&owed);
            self.effect(Effect::Note(Box::new(notice)));
        }
    }

    /// Channels that can change what they said of this incident.
    pub(super) fn cards(&self) -> BTreeSet<String> {
        let threads = self.incident.outbox.threads.iter();
        threads.filter(|(_, thread)| thread.is_some()).map(|(channel, _)| channel.clone()).collect()
    }

    /// Shows on the cards how it proceeds, where nothing else of this decision does.
    pub(super) fn progress(&mut self) {
        use IncidentEvent as E;
        let worthy = |event: &&E| {
            matches!(
                event,
                E::AttemptStarted { .. }
                    | E::AttemptEnded { .. }
                    | E::RollbackStarted { .. }
                    | E::RollbackEnded { .. }
                    | E::Held { .. }
                    | E::Healed { .. }
                    | E::CareFailed { .. }
                    | E::FoundBadAfterResolve { .. }
                    | E::Acknowledged { .. }
                    | E::StepTicked { .. }
                    | E::Approved { .. }
                    | E::Denied { .. }
                    | E::Retried { .. }
                    | E::SilenceSet { own: false, .. }
            )
        };
        let Some(text) = self.decision.events.iter().rev().find(worthy).map(E::text) else { return };
        let mut to = self.cards();
        for event in &self.decision.events {
            if let E::NoticeDue { to: told, .. } = event {
                to.retain(|channel| !told.contains(channel));
            }
        }
        // One that waits will show this too.
        let waits = |owed: &Owed| owed.kind == NoticeKind::Progress && owed.to.values().all(|tries| tries.failed > 0);
        if !to.is_empty() && !self.incident.outbox.owed.iter().any(waits) {
            self.owe(NoticeKind::Progress, &text, to);
        }
    }

    /// What is owed goes out, wherever its time has come. What is under way already is not sent twice: the loop knows.
    pub(super) fn deliver(&mut self) {
        for number in self.incident.outbox.late(self.now) {
            self.pass_on(number, "no channel took it for a minute");
        }
        let nameless: Vec<u32> =
            self.incident.outbox.owed.iter().filter(|owed| owed.to.is_empty()).map(|owed| owed.number).collect();
        for number in nameless {
            // Of a journal from before channels had names.
            let kind = self.incident.outbox.get(number).map_or(NoticeKind::Escalated, |owed| owed.kind);
            let to = self.route(kind).into_iter().collect();
            self.event(IncidentEvent::PassedOn { number, to, why: "it was owed by an older version".to_owned() });
        }
        let posts: Vec<Post> =
            self.incident.outbox.sendable(self.now).into_iter().map(|(owed, channel)| self.post(owed, channel)).collect();
        for post in posts {
            self.effect(Effect::Tell(Box::new(post)));
        }
    }

    pub(super) fn told(&mut self, number: u32, delivery: Delivery) {
        let outbox = &self.incident.outbox;
        let Some(kind) = outbox.get(number).map(|owed| owed.kind).filter(|_| outbox.owes(number, &delivery.channel)) else {
            return;
        };
        let after = outbox.after(number, &delivery, self.now, self.incident.id.0);
        let why = match (&delivery.error, delivery.again) {
            (Some(error), Again::Never) => format!("{} is broken: {error}", delivery.channel),
            (Some(error), _) => format!("{} does not take it: {error}", delivery.channel),
            (None, _) => String::new(),
        };
        self.event(IncidentEvent::Told { notice: kind, deliveries: vec![delivery], number, next: after.next });
        if after.pass_on {
            self.pass_on(number, &why);
        }
    }

    fn pass_on(&mut self, number: u32, why: &str) {
        let Some(owed) = self.incident.outbox.get(number) else { return };
        let failing: BTreeSet<String> = owed.to.keys().cloned().collect();
        let level = self.incident.climb.level.max(1);
        let severity = self.incident.severity(self.facts.playbook);
        let to = self.facts.policy.escalation.instead(severity, level, &failing, self.facts.wall);
        if !to.is_empty() {
            self.event(IncidentEvent::PassedOn { number, to: to.into_iter().collect(), why: why.to_owned() });
        }
    }

    fn route(&self, kind: NoticeKind) -> BTreeSet<String> {
        let policy = &self.facts.policy.escalation;
        let severity = self.incident.severity(self.facts.playbook);
        let (level, wall) = (self.incident.climb.level.max(1), self.facts.wall);
        // Programs hear everything anyway.
        let people = self.incident.outbox.threads.keys().filter(|channel| !policy.feed.contains(*channel));
        let known: BTreeSet<String> = people.cloned().collect();
        let mut to = match kind {
            // Whoever was told hears how it went on; who was not need not be called for it.
            NoticeKind::Healed | NoticeKind::Over | NoticeKind::StillFiring => match known.is_empty() {
                true if policy.chain(severity).is_some() => [DIGEST.to_owned()].into(),
                _ => known.clone(),
            },
            // It needs somebody who can press a button.
            NoticeKind::ApprovalNeeded => policy.up_to(severity, level.max(2), wall),
            NoticeKind::Unacknowledged => policy.level(severity, level, wall),
            _ => policy.up_to(severity, level, wall),
        };
        if self.facts.house.together && to.iter().any(|channel| !known.contains(channel)) {
            to.retain(|channel| known.contains(channel));
            to.insert(DIGEST.to_owned());
        }
        if policy.digest.to.is_empty() && !self.facts.house.together {
            to.remove(DIGEST);
        }
        to.extend(policy.feed.iter().cloned());
        if to.is_empty() {
            to.insert(LOG.to_owned());
        }
        to
    }

    fn post(&self, owed: &Owed, channel: &str) -> Post {
        let thread = self.incident.outbox.threads.get(channel).cloned().flatten();
        Post { channel: channel.to_owned(), notice: self.notice(owed), thread }
    }

    pub(super) fn notice(&self, owed: &Owed) -> Notice {
        let incident = &self.incident;
        let (playbook, policy) = (self.facts.playbook, &self.facts.policy.escalation);
        let severity = incident.severity(playbook);
        let (labels, annotations) = incident.context.read();
        let alertname = labels.get("alertname").map_or("an alert without a name", String::as_str);
        let timeline = incident.timeline();
        let fill = |text: &String| self.filled(text, &labels, &annotations, &timeline);
        let checklist = playbook.checklist.iter().zip(1..).map(|(text, item)| {
            let ticked = incident.ticks.get(&item).map(ToString::to_string);
            ChecklistItem { text: fill(text), ticked }
        });
        let response = severity.response_time();
        let question = incident.approval.as_ref().filter(|approval| approval.by.is_none() && approval.expires > self.now);
        Notice {
            incident: incident.id,
            number: owed.number,
            kind: owed.kind,
            standing: self.standing(),
            playbook: playbook.id.clone(),
            title: playbook.title.clone(),
            severity: Some(severity),
            target: incident.target().map_or_else(|| alertname.to_owned(), ToString::to_string),
            host: self.facts.host.to_owned(),
            alertname: alertname.to_owned(),
            summary: annotations.get("summary").cloned().unwrap_or_else(|| alertname.to_owned()),
            opened: incident.opened,
            at: self.now,
            reason: owed.reason.clone(),
            class: playbook.class,
            attempts: incident.attempts,
            level: incident.climb.level.max(1),
            verified: incident.seen.as_deref().map(str::to_owned),
            budget_left: self.budget_left(),
            next: self.next(),
            acknowledged: incident
                .ack
                .as_ref()
                .filter(|ack| ack.until > self.now)
                .map(|ack| format!("{} until {}", ack.by, ack.until)),
            respond_by: (!response.is_zero()).then(|| incident.opened + response),
            question: question.map(|approval| Question {
                attempt: approval.attempt,
                plan: approval.plan.to_string(),
                expires: approval.expires,
            }),
            times: incident.target().map_or(0, |target| self.facts.ledger.opened(&playbook.id, target).len() as u32),
            manual_fix: playbook.manual_fix.as_ref().map(fill),
            checklist: checklist.collect(),
            debug_prompt: playbook.debug_prompt.as_ref().map(fill),
            owner: playbook.owner.clone(),
            runbook_url: annotations.get("runbook_url").filter(|url| url.starts_with("https://")).cloned(),
            dashboard_url: policy.dashboard.as_ref().map(|url| url.replace("{incident}", &incident.id.to_string())),
            silence_url: policy.alertmanager.as_ref().map(|url| silence_page(url, &labels)),
            generator_url: annotations.get("generator_url").cloned(),
        }
    }

    /// A text for people. One that can't be filled stays as it was written: half the help is better than none.
    pub(super) fn filled(&self, text: &str, labels: &Labels, annotations: &Labels, timeline: &str) -> String {
        let incident = &self.incident;
        let alertname = labels.get("alertname").map_or("an alert without a name", String::as_str);
        let context = template::Context {
            labels,
            annotations,
            vars: &self.facts.playbook.vars,
            target: Some(incident.target().map_or(alertname, Target::name)),
            steps: &incident.results,
        };
        let help = template::Help { context, timeline, gathered: incident.logs.as_deref() };
        template::render_help(text, &help).unwrap_or_else(|_| text.to_owned())
    }

    fn standing(&self) -> Standing {
        match &self.incident.phase {
            Phase::Held { guard: Guard::Approve, .. } => Standing::Asking,
            Phase::Escalated { .. } => Standing::NeedsPerson,
            Phase::Healed { .. } => Standing::Healed,
            Phase::Closed { .. } => Standing::Over,
            _ => Standing::Working,
        }
    }

    /// The tightest of the target's budgets.
    fn budget_left(&self) -> Option<String> {
        let past = self.facts.ledger.past(self.incident.target()?);
        let left = |budget: &crate::domain::playbook::Budget| {
            let used = past.iter().filter(|one| self.now.since(one.at) < budget.window).count();
            let left = (budget.count as usize).saturating_sub(used);
            (left, format!("{left} of {} per {}", budget.count, Span(budget.window)))
        };
        let all = self.facts.playbook.limits.budget.iter().chain(&self.facts.policy.budgets.target).map(left);
        all.min_by_key(|(left, _)| *left).map(|(_, text)| text)
    }

    /// What comes next, in one sentence.
    fn next(&self) -> Option<String> {
        let call = self.incident.climb.next.filter(|at| self.incident.is_troubled() && *at > self.now);
        let call =
            call.map(|at| format!("level {} is told at {at} unless somebody acknowledges", self.incident.climb.level.max(1) + 1));
        let id = self.incident.id;
        let own = match &self.incident.phase {
            Phase::Held { guard: Guard::Approve, .. } => Some(format!("heald waits: `heald approve {id}` or `heald deny {id}`")),
            Phase::Held { guard, wake, .. } => Some(format!("held by {}; heald looks again by {wake}", guard.label())),
            Phase::Acting { .. } | Phase::Verifying { .. } => Some("heald is at it".to_owned()),
            Phase::Escalated { .. } => Some(format!("heald does nothing more until `heald retry {id}`")),
            Phase::Healed { close_at: Some(at), .. } => Some(format!("it closes at {at} if it stays good")),
            Phase::Healed { .. } => Some("heald watches it until its alert resolves".to_owned()),
            _ => None,
        };
        let both: Vec<String> = [own, call].into_iter().flatten().collect();
        (!both.is_empty()).then(|| both.join("; "))
    }
}

/// Alertmanager's form for a new silence, filled with the alert's labels.
fn silence_page(base: &str, labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    let mut page = format!("{}/#/silences/new?filter=", base.trim_end_matches('/'));
    for byte in format!("{{{}}}", pairs.join(",")).bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => page.push(char::from(byte)),
            // Writing to a String can't fail.
            _ => drop(write!(page, "%{byte:02X}")),
        }
    }
    page
}

/// As Alertmanager's matchers quote.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
