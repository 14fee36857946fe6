//! (a) `decide` alone, under signals in any order: what was asked for, and what nobody could have sent.

use crate::books;
use crate::rng::{Replay, Rng, seeds};
use heald::domain::alert::Remediate;
use heald::domain::alert::{AlertContext, Labels};
use heald::domain::decide::{Decision, Effect, Signal, decide};
use heald::domain::guard::{Account, Facts, GroupCount, Ledger, Neighbour, Pace, PastAttempt};
use heald::domain::house::{Hold, House};
use heald::domain::id::{AttemptId, Fingerprint, IncidentId, PlaybookId};
use heald::domain::incident::{Incident, IncidentEvent as E, Phase, Subject};
use heald::domain::look::{Evidence, LookHow, Observation, ProbeResult, ProbeVerdict, TargetState};
use heald::domain::notice::Delivery;
use heald::domain::outcome::{ActOutcome, Acted, Impossible};
use heald::domain::plan::Section;
use heald::domain::playbook::{Mode, Playbook, Severity};
use heald::domain::policy::Policy;
use heald::domain::target::Target;
use heald::domain::time::Time;
use std::time::Duration;

const ME: IncidentId = IncidentId(1);

#[test]
fn every_signal_has_an_answer() {
    for seed in seeds(10_000) {
        let _replay = Replay(seed, "every_signal");
        Run::new(seed).run();
    }
}

#[derive(Default)]
struct Attempts(Vec<PastAttempt>, Option<IncidentId>);

impl Ledger for Attempts {
    fn opened(&self, _: &PlaybookId, _: &heald::domain::target::Target) -> &[Time] {
        &[]
    }

    fn past(&self, _: &Target) -> &[PastAttempt] {
        &self.0
    }
    fn lock_holder(&self, _: &Target) -> Option<IncidentId> {
        self.1
    }

    fn spent(&self, _: Account<'_>) -> &[Time] {
        &[]
    }

    fn lock_inside(&self, _: &Target) -> Option<IncidentId> {
        None
    }

    fn trouble_of(&self, _: &PlaybookId) -> Option<Neighbour> {
        None
    }

    fn trouble_on(&self, _: &Target) -> Option<Neighbour> {
        None
    }

    fn down(&self) -> usize {
        0
    }

    fn group(&self, _: &str) -> GroupCount {
        GroupCount::default()
    }
}

/// Never too fast.
struct Free;

impl Pace for Free {
    fn take(&self, _: Time) -> Result<(), Time> {
        Ok(())
    }
}

struct Run {
    rng: Rng,
    /// Signals that nobody could have sent are among them; then only safety is asked for.
    absurd: bool,
    book: Playbook,
    house: House,
    ledger: Attempts,
    now: Time,
    journal: Vec<(Time, E)>,
    incident: Incident,
    looking: Option<LookHow>,
    acting: Option<(AttemptId, Section, usize)>,
    timer: Option<Time>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut labels =
            Labels::from([("alertname".to_owned(), "Down".to_owned()), ("target".to_owned(), "web.service".to_owned())]);
        if rng.percent(10) {
            labels.insert("remediate".to_owned(), (*rng.pick(&["never", "ask", "?"])).to_owned());
        }
        let book = rng.pick(&books::all()).clone();
        let opened = E::Opened {
            playbook: book.id.clone(),
            revision: book.revision.clone(),
            subject: if rng.percent(5) { Subject::Alert(fingerprint(0)) } else { Subject::Target(books::target("web.service")) },
            fingerprint: fingerprint(0),
            starts_at: stamp(0),
            context: AlertContext::new(&labels, &Labels::new()),
            previous: rng.percent(10).then_some(IncidentId(0)),
            rungs: book.rungs.len(),
        };
        let incident = Incident::open(ME, &opened, Time(0)).unwrap();
        Self {
            absurd: rng.percent(50),
            rng,
            book,
            house: House::default(),
            ledger: Attempts::default(),
            now: Time(0),
            journal: vec![(Time(0), opened)],
            incident,
            looking: None,
            acting: None,
            timer: None,
        }
    }

    fn run(&mut self) {
        let problem = matches!(self.incident.subject, Subject::Alert(_)).then(|| "no target".to_owned());
        self.send(Signal::Opened { problem });
        for _ in 0..40 {
            self.change_the_world();
            let signal = self.signal();
            self.send(signal.clone());
            if !self.absurd {
                self.alive(&signal);
            }
        }
        // The journal, written and read back, is the incident.
        let mut folded = Incident::open(ME, &self.journal[0].1, Time(0)).unwrap();
        for (at, event) in &self.journal[1..] {
            let text = serde_json::to_string(event).unwrap();
            folded.apply(&serde_json::from_str(&text).unwrap(), *at);
        }
        assert_eq!(folded, self.incident, "the fold of the journal");
    }

    fn change_the_world(&mut self) {
        let span = if self.rng.percent(10) { self.rng.millis(0, 3_600_000) } else { self.rng.millis(0, 20_000) };
        self.now = self.now + span;
        let hold = || Hold { until: None, why: "?".to_owned(), by: "ann".to_owned() };
        match self.rng.below(20) {
            0 => self.house.paused = Some(hold()),
            1 | 2 => self.house.paused = None,
            3 => drop(self.house.holds.insert(books::target("web.service"), hold())),
            4 | 5 => self.house.holds.clear(),
            6 => self.ledger.1 = Some(IncidentId(9)),
            7 | 8 => self.ledger.1 = None,
            _ => {}
        }
    }

    fn signal(&mut self) -> Signal {
        let due = self.timer.is_some_and(|at| at <= self.now);
        match self.rng.below(if self.absurd { 16 } else { 12 }) {
            _ if due && self.rng.percent(70) => Signal::Wake,
            0..=3 if self.looking.is_some() => Signal::Looked(self.observation()),
            0..=3 if self.acting.is_some() => self.answer(),
            4 => Signal::Resolved { fingerprint: fingerprint(self.rng.below(2)) },
            5 => Signal::Fired {
                fingerprint: fingerprint(self.rng.below(2)),
                starts_at: stamp(self.now.0),
                severity: [None, None, Some(Severity::P2), Some(Severity::P0)][self.rng.below(4) as usize],
                remediate: [Remediate::Auto, Remediate::Ask, Remediate::Never][self.rng.below(24).saturating_sub(21) as usize],
            },
            6 => {
                (self.looking, self.acting) = (None, None);
                Signal::Recovered { crashed: self.rng.percent(50) }
            }
            7 => Signal::Unblocked,
            8 if self.rng.percent(20) => Signal::Retry { by: "ann".to_owned() },
            8 if self.rng.percent(10) => Signal::Close { by: "ann".to_owned(), note: "?".to_owned() },
            12 => Signal::Looked(self.observation()),
            13 => Signal::Acted {
                attempt: AttemptId { incident: ME, number: self.rng.below(4) as u32 },
                section: *self.rng.pick(&[
                    Section::Rung(0),
                    Section::Rung(1),
                    Section::Rung(7),
                    Section::Rollback,
                    Section::Afterwards,
                ]),
                step: self.rng.below(4) as usize,
                acted: self.acted(),
                took: Duration::ZERO,
            },
            14 => Signal::Told { number: self.rng.below(5) as u32, delivery: Delivery::taken("log") },
            16 => Signal::Ack { by: "ann".to_owned(), for_: None },
            15 => Signal::Opened { problem: self.rng.percent(50).then(|| "?".to_owned()) },
            _ => Signal::Wake,
        }
    }

    fn answer(&mut self) -> Signal {
        let (attempt, section, step) = self.acting.take().unwrap();
        Signal::Acted { attempt, section, step, acted: self.acted(), took: Duration::from_secs(1) }
    }

    fn acted(&mut self) -> Acted {
        use ActOutcome as O;
        let impossible = *self.rng.pick(&[Impossible::NotFound, Impossible::Masked, Impossible::AccessDenied]);
        let outcome = *self.rng.pick(&[
            O::Done,
            O::Done,
            O::Done,
            O::Failed,
            O::Conflict,
            O::NotSent,
            O::Unknown,
            O::Impossible(impossible),
        ]);
        let evidence = self.rng.percent(50).then(|| Evidence(self.rng.below(3).to_string().into()));
        Acted::new(outcome, "?").with(evidence)
    }

    fn observation(&mut self) -> Observation {
        use ProbeVerdict as V;
        use TargetState as S;
        let detail = || "?".to_owned();
        let up = S::up(self.rng.millis(0, 60_000));
        let states = [
            up.clone(),
            up.clone(),
            up,
            S::Failed { detail: detail() },
            S::Failed { detail: detail() },
            S::Failed { detail: detail() },
            S::Stateless,
            S::Starting { detail: detail() },
            S::Restarting { detail: detail() },
            S::JobPending { detail: detail() },
            S::StoppedByPerson { detail: detail() },
            S::StoppedUnclear { detail: detail() },
            S::Masked,
            S::StartLimitHit,
            S::Missing,
            S::Unreachable { detail: detail() },
            S::HostBusy { detail: detail() },
        ];
        let state = self.rng.pick(&states).clone();
        let verdicts: &[V] =
            if state.is_up() { &[V::Pass, V::Pass, V::Pass, V::Fail, V::Unknown] } else { &[V::Fail, V::Fail, V::Unknown] };
        let probes = ["active", "answers"]
            .map(|probe| ProbeResult { probe: probe.to_owned(), verdict: *self.rng.pick(verdicts), detail: detail() })
            .into();
        Observation::new(probes, state, self.rng.percent(90).then(|| Evidence(self.rng.below(3).to_string().into())))
    }

    fn send(&mut self, signal: Signal) {
        let facts = Facts {
            playbook: &self.book,
            mode: self.book.mode,
            removed: false,
            budget_in_force: &[],
            allow: &books::allow(),
            house: &self.house,
            ledger: &self.ledger,
            policy: &Policy { escalation: crate::life::escalation(), ..Policy::default() },
            pace: &Free,
            group_interval: Duration::from_secs(300),
            asks_alertmanager: false,
            wall: stamp(0),
            host: "h",
            #[cfg(feature = "failpoints")]
            without: None,
        };
        let before = self.incident.clone();
        let (answers_look, wake, seen) = match &signal {
            Signal::Looked(seen) => (true, false, Some(seen.clone())),
            Signal::Wake => (false, true, None),
            _ => (false, false, None),
        };
        let decision = decide(&self.incident, signal.clone(), &facts, self.now);
        for event in &decision.events {
            self.incident.apply(event, self.now);
            self.journal.push((self.now, event.clone()));
        }
        if answers_look {
            self.looking = None;
        }
        let due = self.timer.is_some_and(|at| at <= self.now);
        if wake && due {
            self.timer = None;
        }
        if !decision.events.is_empty() {
            self.timer = self.incident.wake();
        }
        self.timer = decision.wake.or(self.timer);
        if wake && due && self.timer.is_none() {
            self.timer = self.incident.phase_wake().filter(|at| *at > self.now);
        }
        self.check(&before, &signal, seen.as_ref(), &decision);
        self.follow(decision);
    }

    /// Nothing is sent that may not be.
    fn check(&self, before: &Incident, signal: &Signal, seen: Option<&Observation>, decision: &Decision) {
        let why = format!("{signal:?}\non {before:#?}\ngives {decision:#?}");
        let acts: Vec<_> = decision
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Act { step, section, index, permit } => Some((step, *section, *index, permit)),
                _ => None,
            })
            .collect();
        assert!(acts.len() <= 1, "one step at a time\n{why}");
        for event in &decision.events {
            if let E::AttemptStarted { attempt, charged, .. } = event {
                assert_eq!(*attempt, before.attempts + 1, "attempts are numbered on\n{why}");
                assert!(before.tried() < self.book.limits.attempts, "attempts are limited\n{why}");
                assert!(before.has_cause(), "an attempt has a cause\n{why}");
                assert_eq!(self.book.mode, Mode::Auto, "an observer acts not\n{why}");
                let (labels, _) = before.context.read();
                assert!(labels.get("remediate").is_none_or(|word| word == "?"), "the label lowers the mode\n{why}");
                assert_eq!(before.remediate(), Remediate::Auto, "also that of an alert that joined\n{why}");
                let seen = seen.unwrap_or_else(|| panic!("an attempt follows a look\n{why}"));
                assert!(!seen.is_unknown(), "what can't be asked is no failure\n{why}");
                assert!(
                    matches!(seen.state, TargetState::Up { .. } | TargetState::Failed { .. } | TargetState::Stateless),
                    "{why}"
                );
                for budget in self.book.limits.budget.iter().filter(|_| *charged) {
                    let spent = self.ledger.0.iter().filter(|past| self.now.since(past.at) < budget.window).count();
                    assert!(spent < budget.count as usize, "the budget holds\n{why}");
                }
            }
        }
        for (step, section, index, permit) in acts {
            let announced = decision.events.iter().any(|event| {
                matches!(event, E::StepStarted { attempt, section: s, step: i, text, .. }
                    if *s == section && *i == index && *text == step.text() && permit.attempt().number == *attempt)
            });
            assert!(announced, "a step is announced before it is sent\n{why}");
            assert!(self.acting.is_none() || self.absurd, "a step runs already\n{why}");
            assert!(!matches!(section, Section::Rung(_)) || before.has_cause(), "resolved never acts\n{why}");
            assert!(self.house.paused.is_none() && self.house.holds.is_empty(), "people's word holds\n{why}");
            assert!(self.ledger.1.is_none(), "the lock holds\n{why}");
            assert_eq!(
                permit.targets(),
                if step.risk == heald::domain::playbook::Risk::Read && permit.targets().is_empty() {
                    vec![]
                } else {
                    vec![books::target("web.service")]
                }
            );
        }
        let escalations = decision.events.iter().filter(|event| matches!(event, E::Escalated { .. })).count();
        assert!(escalations <= 1, "one escalation at a time\n{why}");
    }

    fn follow(&mut self, decision: Decision) {
        for event in &decision.events {
            match event {
                E::AttemptStarted { attempt, charged: true, .. } => {
                    let attempt = AttemptId { incident: ME, number: *attempt };
                    self.ledger.0.push(PastAttempt { attempt, playbook: self.book.id.clone(), at: self.now, ended: None });
                }
                E::AttemptEnded { outcome, .. } => {
                    if let Some(last) = self.ledger.0.last_mut() {
                        last.ended = Some((self.now, *outcome));
                    }
                }
                _ => {}
            }
        }
        for effect in decision.effects {
            match effect {
                Effect::Look(order) => self.looking = Some(order.how),
                Effect::Gather { lines, .. } => {
                    let logs = Some(Ok("password=hunter2".to_owned()));
                    self.send(Signal::Gathered { lines, logs });
                }
                Effect::StopLooking => self.looking = None,
                Effect::Act { section, index, permit, .. } => self.acting = Some((permit.attempt(), section, index)),
                Effect::Note(_) | Effect::Silence(_) | Effect::Unsilence(_) => {}
                Effect::Tell(post) => {
                    let error = self.rng.percent(20).then(|| "?".to_owned());
                    let delivery = Delivery { error, ..Delivery::taken(&*post.channel) };
                    // What was taken meanwhile is not sent twice.
                    if self.incident.outbox.owes(post.notice.number, &post.channel) {
                        self.send(Signal::Told { number: post.notice.number, delivery });
                    }
                }
            }
        }
    }

    /// An open incident waits for a time, for an answer, or for people.
    fn alive(&self, signal: &Signal) {
        let waits_for_people = matches!(self.incident.phase, Phase::Escalated { .. } | Phase::Observed)
            && self.incident.is_firing()
            || matches!(self.incident.phase, Phase::Closed { .. });
        // A look that waits for a failure is no wait for an incident that nobody complains about any more.
        let looks = match self.looking {
            Some(LookHow::UntilFail { .. }) => self.incident.has_cause(),
            other => other.is_some(),
        };
        let waits = self.timer.is_some() || looks || self.acting.is_some();
        let nothing_to_ask = self.incident.target().is_none() || self.book.rungs.is_empty();
        assert!(waits || waits_for_people || nothing_to_ask, "nobody will come back to {:#?}\nafter {signal:?}", self.incident);
        assert!(self.incident.is_done() || self.incident.is_open() || !self.incident.outbox.owed.is_empty());
    }
}

fn fingerprint(n: u64) -> Fingerprint {
    Fingerprint::from(format!("f{n}").as_str())
}

fn stamp(n: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(n).unwrap()
}
