//! Prometheus and Alertmanager: an alert fires once its target has not answered for a while; messages may be
//! doubled, late, lost, or come again weeks later. Evaluated only while something changes.

use super::host::Host;
use super::rng::Rng;
use super::scenario::Alerts;
use crate::domain::alert::{Alert, AlertStatus, Labels, ListedAlert};
use crate::domain::id::Fingerprint;
use crate::domain::plan;
use crate::domain::playbook::{Playbook, StepObject};
use crate::domain::selector::Test;
use crate::domain::target::{AllowList, Target, TargetKind};
use crate::domain::time::Time;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub struct Alerting {
    alerts: Alerts,
    symptoms: Vec<Symptom>,
    rules: Vec<Rule>,
    outbox: BTreeMap<(Time, u64), Post>,
    order: u64,
    next_evaluation: Option<Time>,
    rng: Rng,
}

/// One alert that a playbook waits for.
#[derive(Clone, Debug)]
pub struct Rule {
    pub service: usize,
    pub labels: Labels,
    pub annotations: Labels,
    pub fingerprint: Fingerprint,
    last_sent: Time,
}

/// A service as the rule sees it.
#[derive(Clone, Debug, Default)]
struct Symptom {
    bad_since: Option<Time>,
    firing_since: Option<Time>,
    good_since: Option<Time>,
}

enum Post {
    Alert(Alert),
    /// Of the rule, while it still fires since then.
    Repeat(usize, Time),
}

impl Alerting {
    pub fn new(alerts: Alerts, rules: Vec<Rule>, services: usize, seed: u64) -> Self {
        let symptoms = vec![Symptom::default(); services];
        Self { alerts, symptoms, rules, outbox: BTreeMap::new(), order: 0, next_evaluation: None, rng: Rng::new(seed ^ 0xA1E7) }
    }

    pub fn next(&self) -> Option<Time> {
        let posts = self.outbox.first_key_value().map(|((at, _), _)| *at);
        posts.into_iter().chain(self.next_evaluation).min()
    }

    /// Evaluates the rules where that is due, and returns what is to be delivered now.
    pub fn step(&mut self, now: Time, host: &Host) -> Vec<Alert> {
        if self.next_evaluation.is_some_and(|at| at <= now) {
            self.next_evaluation = None;
            for service in 0..self.symptoms.len() {
                self.evaluate(now, service, host.answers(service));
            }
        }
        let moving = |(service, symptom): (usize, &Symptom)| {
            let bad = !host.answers(service);
            bad != symptom.firing_since.is_some() || symptom.bad_since.is_some() || symptom.good_since.is_some()
        };
        if self.next_evaluation.is_none() && self.symptoms.iter().enumerate().any(moving) {
            let every = i64::try_from(self.alerts.evaluate.as_millis()).unwrap_or(15_000).max(1);
            self.next_evaluation = Some(Time(now.0.div_euclid(every).saturating_add(1).saturating_mul(every)));
        }
        let mut due = Vec::new();
        while let Some(entry) = self.outbox.first_entry().filter(|entry| entry.key().0 <= now) {
            match entry.remove() {
                Post::Alert(alert) => due.push(alert),
                Post::Repeat(rule, since) => {
                    if self.symptoms[self.rules[rule].service].firing_since == Some(since) {
                        self.send(now, rule, since, AlertStatus::Firing);
                        self.post(now + self.alerts.repeat_interval, Post::Repeat(rule, since));
                    }
                }
            }
        }
        due
    }

    /// It was not taken; Alertmanager tries again.
    pub fn again(&mut self, now: Time, alert: Alert) {
        self.post(now + Duration::from_secs(10), Post::Alert(alert));
    }

    pub fn firing_since(&self, service: usize) -> Option<Time> {
        self.symptoms[service].firing_since
    }

    /// `GET /api/v2/alerts` has it.
    pub fn lists(&self, fingerprint: &Fingerprint) -> bool {
        let rule = self.rules.iter().find(|rule| rule.fingerprint == *fingerprint);
        rule.is_some_and(|rule| self.symptoms[rule.service].firing_since.is_some())
    }

    /// All that it has.
    pub fn listed(&self) -> Vec<ListedAlert> {
        let listed = |rule: &Rule| {
            let since = self.symptoms[rule.service].firing_since?;
            let Rule { labels, annotations, fingerprint, .. } = rule.clone();
            let starts_at = Timestamp::from_millisecond(since.0).unwrap_or(Timestamp::UNIX_EPOCH);
            Some(ListedAlert { fingerprint, starts_at, labels, annotations })
        };
        self.rules.iter().filter_map(listed).collect()
    }

    /// All of it arrives, once and in time.
    pub fn calm(&mut self) {
        (self.alerts.duplicates, self.alerts.delays, self.alerts.losses, self.alerts.replays) = (0, 0, 0, 0);
    }

    fn evaluate(&mut self, now: Time, service: usize, good: bool) {
        let (for_, keep) = (self.alerts.for_, self.alerts.keep_firing_for);
        let symptom = &mut self.symptoms[service];
        let changed = match (symptom.firing_since, good) {
            (None, true) => {
                symptom.bad_since = None;
                None
            }
            (None, false) => {
                let since = *symptom.bad_since.get_or_insert(now);
                (now.since(since) >= for_).then(|| {
                    *symptom = Symptom { firing_since: Some(now), ..Symptom::default() };
                    (now, AlertStatus::Firing)
                })
            }
            (Some(_), false) => {
                symptom.good_since = None;
                None
            }
            (Some(fired), true) => {
                let since = *symptom.good_since.get_or_insert(now);
                (now.since(since) >= keep).then(|| {
                    *symptom = Symptom::default();
                    (fired, AlertStatus::Resolved)
                })
            }
        };
        let Some((since, status)) = changed else { return };
        for rule in 0..self.rules.len() {
            if self.rules[rule].service != service {
                continue;
            }
            self.send(now, rule, since, status);
            if status == AlertStatus::Firing {
                self.post(now + self.alerts.repeat_interval, Post::Repeat(rule, since));
            }
        }
    }

    fn send(&mut self, now: Time, rule: usize, since: Time, status: AlertStatus) {
        let Rule { labels, annotations, fingerprint, last_sent, .. } = &self.rules[rule];
        let alert = Alert {
            fingerprint: fingerprint.clone(),
            status,
            starts_at: Timestamp::from_millisecond(since.0).unwrap_or(Timestamp::UNIX_EPOCH),
            labels: labels.clone(),
            annotations: annotations.clone(),
        };
        let at = (now + self.alerts.group_wait).max(*last_sent + self.alerts.group_interval);
        self.rules[rule].last_sent = at;
        let Alerts { duplicates, delays, losses, replays, .. } = self.alerts;
        let minutes = |n: u64| Duration::from_secs(60 * n);
        if self.rng.percent(duplicates) {
            let late = self.rng.between(Duration::ZERO, minutes(1));
            self.post(at + late, Post::Alert(alert.clone()));
        }
        if self.rng.percent(replays) {
            let late = self.rng.between(minutes(1), minutes(40 * 24 * 60));
            self.post(at + late, Post::Alert(alert.clone()));
        }
        if self.rng.percent(losses) {
            return;
        }
        let late = if self.rng.percent(delays) { self.rng.between(Duration::ZERO, minutes(10)) } else { Duration::ZERO };
        self.post(at + late, Post::Alert(alert));
    }

    fn post(&mut self, at: Time, post: Post) {
        self.order += 1;
        self.outbox.insert((at, self.order), post);
    }
}

/// More of them are only counted.
const NAMED_MAX: usize = 5;

/// The alerts that the playbooks wait for, one for each service: a fault has one sign here, that of the first playbook that
/// fits, by priority and name. And what fits none.
pub fn rules(
    books: &[Arc<Playbook>],
    targets: &[Target],
    allow: &AllowList,
    host_label: &str,
    host: &str,
) -> (Vec<Rule>, Vec<String>) {
    let (mut rules, mut notes) = (Vec::new(), Vec::new());
    let mut used = vec![false; books.len()];
    for (service, target) in targets.iter().enumerate() {
        let mut fits: Vec<(usize, Rule)> = Vec::new();
        for (number, book) in books.iter().enumerate() {
            // A runbook for people has signs of its own; here a service is up or down.
            if book.rungs.is_empty() {
                continue;
            }
            let Some(labels) = labels(book, target, host_label, host) else { continue };
            let annotations = Labels::from([("summary".to_owned(), format!("{target} does not answer"))]);
            // On another host's or a forbidden target heald itself must say no: only the name is asked for here.
            let named = match plan::target_of(book, &labels, &annotations, allow) {
                Ok(named) => named == *target,
                Err(_) => book.target.kind == target.kind() && !allow.allows(target),
            };
            if named {
                let fingerprint = Fingerprint(format!("{}/{}", book.id, target.name()).into());
                fits.push((number, Rule { service, labels, annotations, fingerprint, last_sent: Time(0) }));
            }
        }
        fits.sort_by_key(|(number, _)| (Reverse(books[*number].priority), books[*number].id.clone()));
        match fits.into_iter().next() {
            Some((number, rule)) => {
                used[number] = true;
                rules.push(rule);
            }
            None => notes.push(format!("no playbook is about {target}: heald will do nothing for it")),
        }
    }
    let unused: Vec<String> = books.iter().zip(used).filter(|(_, used)| !used).map(|(book, _)| book.id.to_string()).collect();
    match unused.as_slice() {
        [] => {}
        [one] => notes.push(format!("playbook {one} is about nothing here, or comes behind another")),
        few if few.len() <= NAMED_MAX => {
            notes.push(format!("playbooks {} are about nothing here, or come behind another", few.join(", ")))
        }
        many => notes.push(format!("{} playbooks are about nothing here, or come behind another", many.len())),
    }
    (rules, notes)
}

/// The label contract, and what the playbook's matchers and templates ask for. None: no alert about it would match.
fn labels(book: &Playbook, target: &Target, host_label: &str, host: &str) -> Option<Labels> {
    let kind = if target.kind() == TargetKind::Container { "container" } else { "unit" };
    let pairs = [("target", target.name()), ("target_kind", kind), ("severity", "P1"), (host_label, host), ("remediate", "auto")];
    let mut labels: Labels = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    for name in asked(book) {
        labels.entry(name).or_insert_with(|| target.name().to_owned());
    }
    let selector = book.selectors.first()?;
    // Each turn sets one label; what can't be pleased stays unpleased.
    for _ in 0..32 {
        let Some(miss) = selector.misses(&labels).next() else { return Some(labels) };
        let value = match &miss.test {
            Test::Equal(value) => value.clone(),
            Test::Matches(regex) => {
                let inner = regex.as_str().trim_start_matches("^(?s:").trim_end_matches(")$");
                inner.split('|').next().unwrap_or_default().to_owned()
            }
            Test::NotEqual(_) | Test::NotMatches(_) => "simulated".to_owned(),
        };
        if labels.insert(miss.name.clone(), value.clone()) == Some(value) {
            return None;
        }
    }
    None
}

/// The labels that a playbook's templates name.
fn asked(book: &Playbook) -> Vec<String> {
    let object = |object: &StepObject| match object {
        StepObject::Other(other) => other.name.clone(),
        StepObject::Default | StepObject::Nothing => String::new(),
    };
    let steps = book.rungs.iter().flat_map(|rung| &rung.steps).chain(&book.rollback);
    let mut text = book.target.name.clone();
    for (args, other) in steps
        .map(|step| (&step.args, object(&step.stake.object)))
        .chain(book.verify.probes.iter().map(|probe| (&probe.args, object(&probe.object))))
    {
        text.push_str(&args.to_string());
        text.push_str(&other);
    }
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    text.split("labels.").skip(1).map(name).filter(|name| !name.is_empty()).collect()
}
