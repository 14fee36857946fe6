//! A one-line script in, the timeline out.
//!
//! ```text
//! check("fire; look failed; act done; look up", "…")
//! ```
//!
//! The first words may be a book (`book once rollback;`). `+90s` lets time pass and wakes the incident when
//! it asked to be woken. `look` and `act` answer what heald asked for, and fail when it did not. Messages (`→`)
//! are taken at once by the only channel. The look between two steps is answered with what was seen last; `given …`
//! says what the configuration, Alertmanager and the neighbours are like.

use super::{Draft, LookHow, Signal};
use crate::domain::alert::{AlertContext, Labels, Remediate};
use crate::domain::guard::{Facts, Guard, PastAttempt};
use crate::domain::house::{Hold, House};
use crate::domain::id::{AttemptId, Fingerprint, IncidentId, PlaybookId};
use crate::domain::incident::{AttemptOutcome, Incident, IncidentEvent, Subject};
use crate::domain::notice::Again;
use crate::domain::outcome::Acted;
use crate::domain::plan::Section;
use crate::domain::playbook::{Playbook, Severity};
use crate::domain::policy::Policy;
use crate::domain::target::AllowList;
use crate::domain::time::{Span, Time};
use past::{Attempts, Slow, outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

mod after_care;
mod afterwards;
mod books;
mod caps;
mod chat;
mod consent;
mod evidence;
mod freshness;
mod given;
mod guards;
mod missed;
mod neighbours;
mod past;
mod performed;
mod repair;
mod restart;
mod rollback;
mod safety;
mod silences;
mod steps;
mod telling;
mod tick;
mod together;
mod watching;

/// Runs the script and compares the timeline, line by line.
fn check(script: &str, expected: &str) {
    let actual = Bench::run(script);
    let clean = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    let (actual, expected) = (clean(&actual), clean(expected));
    if actual != expected {
        let line = actual.lines().zip(expected.lines()).take_while(|(a, e)| a == e).count() + 1;
        panic!("{script}\ndiffers from line {line} on. The timeline is now:\n<<<\n{actual}\n>>>");
    }
}

struct Bench {
    book: Playbook,
    labels: Labels,
    problem: Option<String>,
    now: Time,
    incident: Option<Incident>,
    house: House,
    allow: AllowList,
    ledger: Attempts,
    policy: Policy,
    pace: Slow,
    asks: bool,
    without: Option<Guard>,
    /// What Alertmanager and the surroundings say in every look from now on.
    seen: books::Extra,
    /// The last look; and what the look between two steps shows instead.
    last: String,
    between: Option<String>,
    /// As the loop keeps it.
    timer: Option<Time>,
    looking: Option<LookHow>,
    acting: Option<(AttemptId, Section, usize)>,
    /// The logs are asked for.
    gathering: bool,
    logs: bool,
    /// Of the last notice.
    prompt: Option<String>,
    starts: i64,
    /// Channels that say no, and those that can change what they said.
    broken: BTreeMap<String, Again>,
    threads: BTreeSet<String>,
    /// A person's order instead of an alert.
    by_hand: bool,
    out: String,
}

const ME: IncidentId = IncidentId(7);
const OTHER: IncidentId = IncidentId(3);

impl Bench {
    fn run(script: &str) -> String {
        Self::ran(script).out
    }

    fn ran(script: &str) -> Self {
        let mut bench = Self {
            book: books::restart(),
            labels: [("alertname", "WebDown"), ("target", "web.service")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            problem: None,
            now: Time(0),
            incident: None,
            house: House::default(),
            allow: AllowList { units: ["web.service", "db.service"].map(str::to_owned).into(), ..AllowList::default() },
            ledger: Attempts::default(),
            policy: Policy::default(),
            pace: Slow::default(),
            asks: false,
            without: missed::WITHOUT.get(),
            seen: books::Extra::default(),
            last: "failed".to_owned(),
            between: None,
            timer: None,
            looking: None,
            acting: None,
            gathering: false,
            logs: script.contains("logs"),
            prompt: None,
            starts: 0,
            broken: BTreeMap::new(),
            threads: BTreeSet::new(),
            by_hand: false,
            out: String::new(),
        };
        for words in script.split(';').map(str::trim).filter(|words| !words.is_empty()) {
            bench.step(words);
        }
        bench
    }

    fn step(&mut self, words: &str) {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        let hold = || Hold { until: None, why: "deploy".to_owned(), by: "ann".to_owned() };
        let target = || books::target("web.service");
        match verb {
            "book" => rest.split(' ').for_each(|word| books::alter(&mut self.book, word)),
            "digested" => self.told_together(),
            "label" => drop(self.labels.insert("remediate".to_owned(), rest.to_owned())),
            "no-target" => self.problem = Some("template: labels.target is not there".to_owned()),
            "forbid" => self.allow.units.clear(),
            "pause" => self.house.paused = Some(hold()),
            "resume" => self.house.paused = None,
            "hold" => drop(self.house.holds.insert(target(), hold())),
            "release" => drop(self.house.holds.remove(&target())),
            "unblock" => self.signal(Signal::Unblocked),
            "lock" => self.ledger.holder = Some(OTHER),
            "unlock" => self.ledger.holder = None,
            "spend" => {
                let attempt = AttemptId { incident: OTHER, number: 1 };
                let ended = Some((self.now, AttemptOutcome::Healed));
                let one = PastAttempt { attempt, playbook: PlaybookId::from("other"), at: self.now, ended };
                self.ledger.past.extend(vec![one; rest.parse().unwrap()]);
            }
            "fire" if self.incident.is_none() => self.open(rest),
            "fire" => {
                self.starts += 1;
                let remediate = Remediate::of(&self.labels);
                let severity = self.labels.get("severity").and_then(|label| Severity::of_label(label));
                self.signal(Signal::Fired { fingerprint: alert(rest), starts_at: stamp(self.starts), remediate, severity });
            }
            "resolve" => self.signal(Signal::Resolved { fingerprint: alert(rest) }),
            "look" => {
                assert!(self.looking.take().is_some(), "{words}: nobody looks\n{}", self.out);
                self.last = rest.to_owned();
                self.signal(Signal::Looked(self.seen.of(rest)));
            }
            "act" => {
                let (attempt, section, step) = self.acting.take().unwrap_or_else(|| panic!("{words}: no step\n{}", self.out));
                // `act done@9`: with that evidence.
                let (word, evidence) = rest.split_once('@').map_or((rest, None), |(word, start)| (word, Some(start)));
                let evidence = evidence.map(|start| crate::domain::look::Evidence(start.into()));
                // `act done={"bytes":1}`: with these facts.
                let (word, facts) = word.split_once('=').map_or((word, None), |(word, facts)| (word, Some(facts)));
                let mut acted = Acted::new(outcome(word), "says the world").with(evidence);
                if let Some(facts) = facts {
                    acted = acted.knowing(serde_json::from_str(facts).unwrap());
                }
                self.signal(Signal::Acted { attempt, section, step, acted, took: Duration::from_millis(500) });
            }
            "logs" => {
                assert!(std::mem::take(&mut self.gathering), "{words}: nobody asks\n{}", self.out);
                let logs = match rest.split_once(' ') {
                    _ if rest == "none" => None,
                    Some(("missing", why)) => Some(Err(why.to_owned())),
                    _ => Some(Ok(rest.replace("\\n", "\n"))),
                };
                self.signal(Signal::Gathered { lines: 50, logs });
            }
            "no-logs-asked" => assert!(!self.gathering, "{}", self.out),
            "says" => {
                let (attempt, _, step) = self.acting.unwrap();
                self.signal(Signal::Progressed { attempt, step, text: rest.to_owned() });
            }
            "late-act" => {
                let attempt = AttemptId { incident: ME, number: 1 };
                let acted = Acted::new(outcome(rest), "says the world");
                self.signal(Signal::Acted { attempt, section: Section::Rung(0), step: 0, acted, took: Duration::ZERO });
            }
            "restart" => {
                (self.looking, self.acting) = (None, None);
                self.signal(Signal::Recovered { crashed: rest == "crash" });
            }
            "retry" => self.signal(Signal::Retry { by: "ann".to_owned() }),
            "ack" => self.signal(Signal::Ack { by: rest.to_owned(), for_: None }),
            "tick" => {
                let (item, by) = rest.split_once(' ').unwrap();
                let (by, note) = by.split_once(' ').unwrap_or((by, ""));
                self.signal(Signal::Tick { item: item.parse().unwrap(), by: by.to_owned(), note: note.to_owned() });
            }
            "silence" => self.signal(Signal::Silence { by: rest.to_owned(), for_: Duration::from_secs(3_600) }),
            "silenced" => self.signal(Signal::Silenced { own: false, answer: Ok(rest.to_owned()) }),
            "hushed" => self.signal(Signal::Silenced { own: true, answer: Ok(rest.to_owned()) }),
            "seen-again" => {
                self.house.blind = None;
                self.signal(Signal::DetectionBack);
            }
            "severity" => drop(self.labels.insert("severity".to_owned(), rest.to_owned())),
            "approve" => self.signal(Signal::Approve { by: rest.to_owned() }),
            "deny" => self.signal(Signal::Deny { by: rest.to_owned(), why: String::new() }),
            "given" => given::given(self, rest),
            "close" => self.signal(Signal::Close { by: "ann".to_owned(), note: "seen to".to_owned() }),
            time if time.starts_with('+') => self.pass(time[1..].parse::<Span>().unwrap().0),
            other => panic!("{other:?} is no word of a script"),
        }
    }

    fn open(&mut self, rest: &str) {
        let subject = match self.problem {
            None => Subject::Target(books::target("web.service")),
            Some(_) => Subject::Alert(alert("")),
        };
        let opened = IncidentEvent::Opened {
            playbook: self.book.id.clone(),
            revision: self.book.revision.clone(),
            subject,
            fingerprint: alert(if self.by_hand { "by-hand-7" } else { "" }),
            starts_at: stamp(0),
            context: AlertContext::new(&self.labels, &Labels::new()),
            previous: (rest == "repeat").then_some(OTHER),
            rungs: self.book.rungs.len(),
        };
        self.incident = Incident::open(ME, &opened, self.now);
        self.line(&opened.text());
        self.signal(Signal::Opened { problem: self.problem.clone() });
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(wake) = self.timer.filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            self.timer = None;
            self.signal(Signal::Wake);
            self.timer = self.timer.or(self.incident.as_ref().and_then(|incident| incident.wake_after(self.now)));
        }
        self.now = end;
    }

    fn signal(&mut self, signal: Signal) {
        let before = self.incident.clone().expect("fire comes first");
        let facts = Facts {
            playbook: &self.book,
            mode: if self.book.earns { self.house.trust(&self.book).level } else { self.book.mode },
            removed: false,
            budget_in_force: &[],
            allow: &self.allow,
            house: &self.house,
            policy: &self.policy,
            ledger: &self.ledger,
            pace: &self.pace,
            group_interval: Duration::from_secs(300),
            asks_alertmanager: self.asks,
            wall: stamp(self.now.0 / 1_000),
            host: "h",
            without: self.without,
        };
        let mut draft = Draft {
            incident: before.clone(),
            facts: &facts,
            now: self.now,
            evidence: None,
            decision: super::Decision::default(),
        };
        draft.handle(signal);
        let Draft { incident, decision, .. } = draft;
        let mut folded = before;
        for event in &decision.events {
            folded.apply(event, self.now);
        }
        assert_eq!(folded, incident, "the events tell what the decision saw");
        if !decision.events.is_empty() {
            self.timer = incident.wake();
        }
        self.timer = decision.wake.or(self.timer);
        self.incident = Some(incident);
        for event in &decision.events {
            self.record(event);
        }
        if let Some(why) = &decision.refused {
            self.line(&format!("refused: {why}"));
        }
        // What is told of it comes behind what is done.
        let telling = |event: &&IncidentEvent| {
            use IncidentEvent as E;
            !matches!(event, E::NoticeDue { .. } | E::Climbed { .. } | E::ClimbSet { .. } | E::PassedOn { .. })
        };
        let said: Vec<&IncidentEvent> = decision.events.iter().filter(telling).collect();
        for effect in decision.effects {
            self.perform(effect, said.last());
        }
    }

    fn line(&mut self, text: &str) {
        let at = Span(self.now.since(Time(0))).to_string();
        writeln!(self.out, "{at:<7} {}", text.replace("1970-01-01T", "").replace(".000Z", "")).unwrap();
    }
}

fn alert(name: &str) -> Fingerprint {
    Fingerprint::from(if name.is_empty() || name == "repeat" { "a" } else { name })
}

fn stamp(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap()
}
