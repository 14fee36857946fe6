//! `heald explain`: which playbook, which target, every guard's verdict of today, and what would follow. Nothing of it
//! is recorded or done; it is decided by the very functions that decide in earnest.

use super::Driver;
use super::handle::{Explained, OrderError, Question, Request};
use super::perform::blind;
use super::show;
use super::view::{Explanation, GuardView, SeenView};
use super::world::World;
use crate::domain::alert::{Alert, AlertStatus, Labels};
use crate::domain::decide::{self, Effect, Signal, silence_comment};
use crate::domain::guard::{self, Ask, Facts, Guard, Pace, Proposal, Verdict};
use crate::domain::id::{Fingerprint, IncidentId, PlaybookId};
use crate::domain::incident::{BY_HAND, Incident, IncidentEvent, Phase, Subject};
use crate::domain::look::{AlertQuery, AlertSight, LookHow, LookOrder, Observation};
use crate::domain::plan::{Binding, Plan, Section, target_of};
use crate::domain::playbook::Playbook;
use crate::domain::target::cut;
use crate::domain::time::Time;
use std::sync::Arc;
use std::time::Duration;

mod ladder;
mod nearest;

/// What the look for an explanation brought.
#[derive(Debug)]
pub struct Seen {
    pub seen: Observation,
    /// What was taken for granted.
    pub notes: Vec<String>,
}

/// What a question is about, as things stand now.
struct Case {
    labels: Labels,
    book: Option<Arc<Playbook>>,
    /// The open one, or one as it would be opened.
    incident: Option<Incident>,
    /// It is open already.
    known: bool,
    /// Why no target could be made of the alert.
    problem: Option<String>,
    /// Why no incident comes of it.
    end: Option<String>,
}

/// Never a no: the limiter can't be asked without being charged.
struct Unasked;

/// Whoever asks waits for it, and the console no longer than 10 s.
const LOOK_WITHIN: Duration = Duration::from_secs(7);

impl<W: World> Driver<W> {
    /// Looks first, where there is something to look at; the answer comes with [`Request::Seen`].
    pub(super) fn explain(&self, question: Question, reply: Explained) {
        let case = match self.case(&question) {
            Ok(case) => case,
            Err(why) => return drop(reply.send(Err(why))),
        };
        let Some(order) = self.look_for(&case) else {
            return drop(reply.send(self.explanation(&question, None)));
        };
        let imagined = (!case.known).then_some(case.labels);
        let (world, own) = (Arc::clone(&self.world), self.own.clone());
        tokio::spawn(async move {
            let seen = tokio::time::timeout(LOOK_WITHIN, look(&*world, order, imagined)).await;
            let late = |_| Seen { seen: blind("the look did not end in time"), notes: Vec::new() };
            let seen = Box::new(seen.unwrap_or_else(late));
            // The loop is gone: heald is stopping.
            drop(own.send(Request::Seen { question, seen, reply }).await);
        });
    }

    /// # Errors
    /// There is no such open incident.
    pub(super) fn explanation(&self, question: &Question, seen: Option<Seen>) -> Result<Explanation, OrderError> {
        // Things may have changed while the target was looked at.
        let case = self.case(question)?;
        let now = self.clock.now();
        let mut told = Explanation {
            host: self.config.host.clone(),
            playbooks: match question {
                Question::Labels(labels) | Question::Alert { labels, .. } => nearest::considered(&self.library, labels),
                Question::Run { playbook, .. } => nearest::named(playbook),
                Question::Incident(_) => Vec::new(),
            },
            playbook: case.book.as_ref().map(|book| book.id.clone()),
            mode: case.book.as_ref().map(|book| book.mode_label().to_owned()),
            trust: case.book.as_ref().and_then(|book| self.trust_of(book)),
            target: case.incident.as_ref().and_then(|incident| incident.target().cloned()),
            incident: case.incident.as_ref().filter(|_| case.known).map(|incident| incident.id),
            state: case.incident.as_ref().filter(|_| case.known).map(|incident| incident.phase.label().to_owned()),
            notes: Vec::new(),
            seen: None,
            attempt: None,
            plan: Vec::new(),
            lists: Vec::new(),
            verify: Vec::new(),
            guards: Vec::new(),
            then: case.end.iter().cloned().collect(),
            labels: case.labels,
        };
        let (Some(book), Some(incident)) = (&case.book, &case.incident) else { return Ok(told) };
        let facts = Facts { pace: &Unasked, ..self.facts(book) };
        // Where a step does not fit there is no target, and the question is which step.
        let alone = incident.context.read();
        let target = incident.target().cloned().or_else(|| target_of(book, &alone.0, &alone.1, facts.allow).ok());
        (told.lists, told.verify) = self.ladder(book, &Binding { target: target.as_ref(), ..binding(book, incident, &facts) });
        let Some(Seen { seen, notes }) = seen else {
            told.then = match case.known {
                true => told.then.into_iter().chain(show::next(incident, None).map(|next| next.why)).collect(),
                false => follows(incident, Signal::Opened { problem: case.problem }, &facts, now),
            };
            return Ok(told);
        };
        told.notes = notes;
        if self.library.get(&book.id).is_some_and(|now| now.revision != book.revision) {
            told.notes.push("the playbook has changed since: this incident keeps the text that it was opened with".to_owned());
        }
        if let Some((title, plan)) = next_plan(book, incident, &facts) {
            told.attempt = Some(format!("{} of {}: {title}", incident.tried() + 1, book.limits.attempts));
            told.plan = plan.steps.iter().map(|step| step.text()).collect();
            told.guards = verdicts(incident, &plan, &seen, &facts, now);
        }
        told.then = match incident.phase {
            Phase::Assessing | Phase::Held { .. } | Phase::Watching { .. } => {
                follows(incident, Signal::Looked(seen.clone()), &facts, now)
            }
            _ => Vec::new(),
        };
        if told.then.is_empty() {
            told.then.extend(show::next(incident, self.state.timer(incident.id)).map(|next| next.why));
        }
        told.seen =
            Some(SeenView { passed: seen.passed(), probes: seen.summary(), state: seen.state.text(), alert: seen.alert.text() });
        Ok(told)
    }

    fn case(&self, question: &Question) -> Result<Case, OrderError> {
        match question {
            Question::Labels(labels) => Ok(self.imagined(labels, &Labels::new())),
            Question::Alert { labels, annotations } => Ok(self.imagined(labels, annotations)),
            Question::Run { playbook, labels } => self.by_order(playbook, labels),
            Question::Incident(id) => {
                let open = self.state.incidents.get(id).filter(|incident| incident.is_open());
                let none = || OrderError::Refused(format!("there is no open incident {id}; see heald incidents"));
                let incident = open.ok_or_else(none)?;
                Ok(Case {
                    labels: incident.context.read().0,
                    book: self.playbook_of(incident),
                    incident: Some(incident.clone()),
                    known: true,
                    problem: None,
                    end: None,
                })
            }
        }
    }

    /// As if an alert with these labels had just arrived.
    fn imagined(&self, labels: &Labels, annotations: &Labels) -> Case {
        let alert = self.as_if_firing("explain", labels.clone(), annotations.clone());
        let mut case = Case { labels: alert.labels.clone(), book: None, incident: None, known: false, problem: None, end: None };
        if let Some(host) = self.foreign(&alert) {
            case.end = Some(format!("its host is {host:?}, this is {:?}: it is counted and left alone", self.config.host));
            return case;
        }
        let books: Vec<Arc<Playbook>> = self.library.chosen(&alert.labels).into_iter().cloned().collect();
        let Some(book) = books.first().cloned() else {
            case.end = Some("no playbook matches: it is counted, and nothing is done".to_owned());
            return case;
        };
        let (subject, problem) = self.subject(&books, &alert);
        self.about(case, &book, subject, problem, &alert)
    }

    /// As [`Driver::run_by_hand`] would begin.
    fn by_order(&self, playbook: &PlaybookId, labels: &Labels) -> Result<Case, OrderError> {
        let none = || OrderError::Refused(format!("there is no playbook {}; see heald status", cut(&playbook.0)));
        let book = self.library.get(playbook).cloned().ok_or_else(none)?;
        let mut labels = labels.clone();
        labels.entry("alertname".to_owned()).or_insert_with(|| "RunByHand".to_owned());
        let annotations = [("summary".to_owned(), "run by hand".to_owned())].into();
        let alert = self.as_if_firing(&format!("{BY_HAND}explain"), labels, annotations);
        let case = Case { labels: alert.labels.clone(), book: None, incident: None, known: false, problem: None, end: None };
        let (subject, problem) = self.subject(std::slice::from_ref(&book), &alert);
        let mut case = self.about(case, &book, subject, problem, &alert);
        if let Some(incident) = case.incident.as_ref().filter(|_| case.known) {
            case.end = Some(format!("incident {} is open for it already: the order would be refused", incident.id));
        }
        Ok(case)
    }

    fn as_if_firing(&self, name: &str, labels: Labels, annotations: Labels) -> Alert {
        let (fingerprint, starts_at) = (Fingerprint::from(name), self.clock.wall());
        Alert { fingerprint, status: AlertStatus::Firing, starts_at, labels, annotations }
    }

    fn about(&self, mut case: Case, book: &Arc<Playbook>, subject: Subject, problem: Option<String>, alert: &Alert) -> Case {
        let open = self.state.open_for(&book.id, &subject).and_then(|id| self.state.incidents.get(&id));
        case.known = open.is_some();
        case.book = open.and_then(|incident| self.playbook_of(incident)).or_else(|| Some(Arc::clone(book)));
        case.incident = open.cloned().or_else(|| self.would_open(book, subject, alert));
        case.problem = problem;
        case
    }

    fn would_open(&self, book: &Playbook, subject: Subject, alert: &Alert) -> Option<Incident> {
        let event = IncidentEvent::Opened {
            playbook: book.id.clone(),
            revision: book.revision.clone(),
            subject,
            fingerprint: alert.fingerprint.clone(),
            starts_at: alert.starts_at,
            context: alert.context(),
            previous: None,
            rungs: book.rungs.len(),
        };
        Incident::open(IncidentId(self.next_seq.0), &event, self.clock.now())
    }

    /// `None`: nothing is looked at, for no attempt could follow.
    fn look_for(&self, case: &Case) -> Option<LookOrder> {
        let (book, incident) = (case.book.as_ref()?, case.incident.as_ref()?);
        let target = incident.target().filter(|_| case.problem.is_none() && !book.rungs.is_empty())?;
        let facts = self.facts(book);
        let probes = binding(book, incident, &facts).probes().ok()?;
        let firing = incident.alerts.iter().filter(|(_, alert)| alert.firing);
        let query = AlertQuery {
            alertname: case.labels.get("alertname").cloned().unwrap_or_default(),
            fingerprints: firing.map(|(fingerprint, _)| fingerprint.clone()).collect(),
            own_silence: silence_comment(&self.config.host, incident.id),
        };
        // An order stands in place of an alert.
        let alerts = Some(query).filter(|_| !incident.by_hand());
        Some(LookOrder { target: Some(target.clone()), probes, alerts, how: LookHow::Once })
    }
}

/// `labels`: of an alert that is only imagined. Alertmanager is asked for those that have them all; where none fires,
/// it is taken as firing, or every answer would be that it does not.
async fn look<W: World>(world: &W, mut order: LookOrder, labels: Option<Labels>) -> Seen {
    let mut notes = Vec::new();
    let mut granted = None;
    if let (Some(labels), Some(query)) = (labels, order.alerts.as_mut()) {
        match world.alerts().await {
            None => {}
            Some(Err(detail)) => granted = Some(AlertSight::Unreadable { detail }),
            Some(Ok(listed)) => {
                let like = listed.iter().filter(|alert| labels.iter().all(|(name, value)| alert.labels.get(name) == Some(value)));
                query.fingerprints = like.map(|alert| alert.fingerprint.clone()).collect();
                if query.fingerprints.is_empty() {
                    notes.push("no such alert fires in Alertmanager now: taken as firing, and not silenced".to_owned());
                    granted = Some(AlertSight::Firing);
                }
            }
        }
    }
    if granted.is_some() {
        order.alerts = None;
    }
    let mut seen = world.look(order).await;
    if let Some(alert) = granted {
        seen.alert = alert;
    }
    Seen { seen, notes }
}

fn binding<'a>(book: &'a Playbook, incident: &'a Incident, facts: &Facts<'a>) -> Binding<'a> {
    let results = &incident.results;
    Binding { playbook: book, target: incident.target(), alert: &incident.context, allow: facts.allow, results }
}

/// The next rung's title, and its steps with the labels filled in.
fn next_plan(book: &Playbook, incident: &Incident, facts: &Facts<'_>) -> Option<(String, Plan)> {
    let rung = book.next_rung(&incident.rung_tries)?;
    let facts = Facts { playbook: book, ..*facts };
    let plan = binding(book, incident, &facts).plan(Section::Rung(rung), Some(0)).ok()?;
    Some((book.rungs[rung].title.clone(), plan))
}

fn verdicts(incident: &Incident, plan: &Plan, seen: &Observation, facts: &Facts<'_>, now: Time) -> Vec<GuardView> {
    let attempt = incident.attempt(incident.attempts + 1);
    let proposal = Proposal { ask: Ask::Attempt, incident, attempt, plan, seen };
    let judged = guard::judge(&proposal, facts, now).verdicts.into_iter();
    let view = |(guard, verdict): (Guard, Verdict)| {
        let (verdict, reason) = match verdict {
            Verdict::No(refusal) => ("no", Some(refusal.reason)),
            Verdict::Yes if guard != Guard::Rate => ("yes", None),
            Verdict::Yes | Verdict::NotAsked => ("not_asked", None),
        };
        GuardView { guard: guard.label().to_owned(), question: guard.question().to_owned(), verdict: verdict.to_owned(), reason }
    };
    judged.map(view).collect()
}

/// What would be recorded and told, in the words of the journal.
fn follows(incident: &Incident, signal: Signal, facts: &Facts<'_>, now: Time) -> Vec<String> {
    use IncidentEvent as E;
    let decision = decide::decide(incident, signal, facts, now);
    let events = decision.events.iter().filter(|event| !matches!(event, E::Looked { .. } | E::NoticeDue { .. }));
    let told = decision.effects.iter().filter_map(|effect| match effect {
        Effect::Note(notice) => Some(format!("people are told: {}", notice.kind.label())),
        Effect::Tell(_) | Effect::Silence(_) | Effect::Unsilence(_) => None,
        _ => None,
    });
    events.map(E::text).chain(told).collect()
}

// === impl Unasked ===

impl Pace for Unasked {
    fn take(&self, _: Time) -> Result<(), Time> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
