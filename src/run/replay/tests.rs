//! A past that the pure core wrote itself, one minute at a time, put to other configurations.

use super::{Difference, Replay, Rules, Totals};
use crate::domain::alert::{AlertContext, Labels};
use crate::domain::calendar::{Interval, Intervals};
use crate::domain::decide::{self, Signal};
use crate::domain::guard::Facts;
use crate::domain::id::{Fingerprint, IncidentId, Revision, Seq};
use crate::domain::incident::{IncidentEvent as E, Phase, Subject};
use crate::domain::look::{Observation, ProbeResult, ProbeVerdict, TargetState};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::playbook::*;
use crate::domain::policy::Policy;
use crate::domain::selector::Selector;
use crate::domain::target::{AllowList, Target, TargetKind};
use crate::domain::time::Time;
use crate::run::InForce;
use crate::run::pace::Pace;
use crate::run::state::State;
use crate::store::{Record, Row};
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What happened, and how heald was configured then.
struct Past {
    rows: Vec<Row>,
    state: State,
    book: Playbook,
    allow: AllowList,
    policy: Policy,
    now: Time,
}

const START: Time = Time(1_790_000_000_000);

fn book(id: &str) -> Playbook {
    let restart = |kind| Step {
        kind,
        args: Value::Null,
        stake: Stake {
            object: StepObject::Default,
            risk: Risk::Seen,
            reversible: true,
            in_flight: Duration::ZERO,
            deadline: Duration::from_secs(30),
        },
        options: StepOptions::default(),
    };
    Playbook {
        id: id.into(),
        revision: Revision(id.into()),
        title: id.to_owned(),
        covers: Vec::new(),
        selectors: vec![Selector::parse(&["alertname=Down"]).unwrap()],
        target: TargetTemplate { kind: TargetKind::Unit, name: "{{ labels.target }}".to_owned() },
        mode: Mode::Auto,
        limits: Limits {
            attempts: 5,
            within: Duration::from_secs(3_600),
            cooldown: Backoff { base: Duration::from_secs(60), factor: 2, max: Duration::from_secs(120), jitter: 10 },
            ..Limits::default()
        },
        act_on: ActOn::Probes,
        after_care: Duration::from_secs(120),
        recovery_time: None,
        escalate_when: None,
        severity: None,
        owner: None,
        causes: Vec::new(),
        class: FailureClass::Service,
        earns: false,
        after: Vec::new(),
        priority: 0,
        windows: Windows::default(),
        vars: [].into(),
        rungs: vec![Rung {
            title: "restart the unit".to_owned(),
            steps: vec![restart("systemd.restart")],
            times: 5,
            accepted: false,
            whole: false,
        }],
        verify: Verify {
            within: Duration::from_secs(30),
            stable: Duration::from_secs(2),
            probes: vec![Check { kind: "active", args: Value::Null, object: StepObject::Default }],
        },
        rollback: Vec::new(),
        afterwards: Vec::new(),
        checklist: Vec::new(),
        manual_fix: None,
        debug_prompt: None,
    }
}

fn books(all: impl IntoIterator<Item = Playbook>) -> Vec<(Arc<Playbook>, Arc<str>)> {
    all.into_iter().map(|book| (Arc::new(book), Arc::from(""))).collect()
}

fn seen(good: bool) -> Observation {
    let (verdict, state) = match good {
        true => (ProbeVerdict::Pass, TargetState::up(Duration::from_secs(60))),
        false => (ProbeVerdict::Fail, TargetState::Failed { detail: "exit code".to_owned() }),
    };
    let probe = ProbeResult { probe: "active".to_owned(), verdict, detail: String::new() };
    Observation::new(vec![probe], state, None)
}

// === impl Past ===

impl Past {
    fn new(book: Playbook) -> Self {
        let allow = AllowList { units: ["web.service", "db.service"].map(str::to_owned).into(), ..AllowList::default() };
        Self { rows: Vec::new(), state: State::default(), book, allow, policy: Policy::default(), now: START }
    }

    /// Three attempts on one unit, a minute apart, that don't help; the fourth does.
    fn stubborn() -> Self {
        let mut past = Self::new(book("down"));
        let id = past.fires("web.service");
        for helps in [false, false, false, true] {
            past.attempt(id, helps);
            past.now = past.now + Duration::from_secs(80);
        }
        assert_eq!(past.state.incidents[&id].attempts, 4);
        past
    }

    fn fires(&mut self, unit: &str) -> IncidentId {
        let labels =
            Labels::from([("alertname", "Down"), ("target", unit)].map(|(name, value)| (name.to_owned(), value.to_owned())));
        let id = IncidentId(self.rows.len() as u64 + 1);
        self.record(
            id,
            E::Opened {
                playbook: self.book.id.clone(),
                revision: self.book.revision.clone(),
                subject: Subject::Target(Target::new(TargetKind::Unit, unit).unwrap()),
                fingerprint: Fingerprint::from(unit),
                starts_at: Timestamp::UNIX_EPOCH,
                context: AlertContext::new(&labels, &Labels::new()),
                previous: None,
                rungs: self.book.rungs.len(),
            },
        );
        id
    }

    /// Begins it, unless it has begun, and ends it 41 s later.
    fn attempt(&mut self, id: IncidentId, helps: bool) {
        while !matches!(self.state.incidents[&id].phase, Phase::Acting { .. }) {
            self.sees(id, false);
        }
        self.acted(id);
        self.now = self.now + Duration::from_secs(40);
        self.sees(id, helps);
    }

    /// At the next moment at which heald looks.
    fn sees(&mut self, id: IncidentId, good: bool) {
        if let Phase::Held { wake, .. } = self.state.incidents[&id].phase {
            self.now = self.now.max(wake);
        }
        self.signal(id, Signal::Looked(seen(good)));
    }

    fn acted(&mut self, id: IncidentId) {
        let Phase::Acting { attempt, section, step, .. } = self.state.incidents[&id].phase.clone() else { return };
        self.now = self.now + Duration::from_secs(1);
        let acted = Acted::new(ActOutcome::Done, "job done");
        self.signal(id, Signal::Acted { attempt, section, step, acted, took: Duration::from_secs(1) });
    }

    fn signal(&mut self, id: IncidentId, signal: Signal) {
        let pace = Pace::replayed(self.policy.rate, self.state.ledger.all(), self.now);
        let facts = Facts {
            playbook: &self.book,
            mode: self.book.mode,
            budget_in_force: &[],
            allow: &self.allow,
            policy: &self.policy,
            house: &self.state.house,
            ledger: &self.state.ledger,
            pace: &pace,
            group_interval: Duration::from_secs(30),
            asks_alertmanager: false,
            wall: Timestamp::from_millisecond(self.now.0).unwrap(),
            host: "h",
            without: None,
            removed: false,
        };
        let decision = decide::decide(&self.state.incidents[&id], signal, &facts, self.now);
        for event in decision.events {
            self.record(id, event);
        }
    }

    fn record(&mut self, id: IncidentId, event: E) {
        self.state.apply(id, &event, self.now);
        let (seq, wall) = (Seq(self.rows.len() as u64 + 1), Timestamp::from_millisecond(self.now.0).unwrap());
        self.rows.push(Row { seq, at: self.now, wall, record: Record::Incident { id, event } });
    }

    /// The configuration as it was.
    fn rules(&self) -> Rules {
        Rules {
            host: Some("h".to_owned()),
            in_force: InForce {
                host_label: "host".to_owned(),
                allow: self.allow.clone(),
                group_interval: Duration::from_secs(30),
                policy: self.policy.clone(),
                books: books([self.book.clone()]),
            },
            admit: Box::new(|_| Ok(())),
            admit_probe: Box::new(|_| Ok(())),
        }
    }

    fn with(&self, change: impl FnOnce(&mut Playbook)) -> Rules {
        let mut book = Playbook { revision: Revision("changed".into()), ..self.book.clone() };
        change(&mut book);
        self.but(|now| now.books = books([book]))
    }

    fn but(&self, change: impl FnOnce(&mut InForce)) -> Rules {
        let mut rules = self.rules();
        change(&mut rules.in_force);
        rules
    }

    fn replay(&self, rules: Rules) -> (Vec<Difference>, Totals) {
        replay(&self.rows, rules, Time(0))
    }
}

fn replay(rows: &[Row], rules: Rules, since: Time) -> (Vec<Difference>, Totals) {
    let mut replay = Replay::new(rules, since);
    let mut found: Vec<Difference> = rows.iter().flat_map(|row| replay.record(row.clone())).collect();
    let (last, totals) = replay.finish();
    found.extend(last);
    (found, totals)
}

/// Recorded and now, of each difference.
fn lines(found: &[Difference]) -> Vec<String> {
    found.iter().map(|one| format!("{} | {}", one.recorded.text, one.now.text)).collect()
}

/// Attempts recorded, and now.
fn attempts(totals: &Totals) -> (usize, usize) {
    totals.attempts().iter().fold((0, 0), |sum, one| (sum.0 + one.recorded, sum.1 + one.now))
}

#[test]
fn the_same_configuration_decides_the_same() {
    let past = Past::stubborn();
    let (found, totals) = past.replay(past.rules());
    assert_eq!(lines(&found), [""; 0]);
    assert_eq!((totals.same, totals.unseen, totals.headless), (totals.points, 0, 0));
    assert!(totals.points >= 5, "{totals:?}");
    assert_eq!(attempts(&totals), (4, 4));
}

#[test]
fn a_smaller_budget_refuses_the_third_attempt() {
    let past = Past::stubborn();
    let (found, totals) =
        past.replay(past.with(|book| book.limits.budget = vec![Budget { count: 2, window: Duration::from_secs(600) }]));
    let refused = "refused by budget: the budget of unit web.service is spent";
    let third = lines(&found).into_iter().find(|line| line.starts_with("attempt 3 ")).unwrap();
    assert_eq!(third, format!("attempt 3 permitted: restart the unit (systemd.restart web.service) | {refused}: 2 of 2 in 10m"));
    assert!(lines(&found).iter().all(|line| line.contains(refused)), "{found:#?}");
    assert_eq!(totals.different["permitted -> escalated: budget_refused"], 2);
    assert_eq!(attempts(&totals), (4, 2));
    assert_eq!(found[0].target, "unit web.service");
}

#[test]
fn a_lower_mode_reports_instead() {
    let past = Past::stubborn();
    let (found, totals) = past.replay(past.with(|book| book.mode = Mode::Observe));
    assert!(lines(&found)[0].contains("| would do systemd.restart web.service, attempt 1 of 5"), "{found:#?}");
    assert_eq!((totals.different["permitted -> reported"], attempts(&totals)), (4, (4, 0)));
    let (found, totals) = past.replay(past.with(|book| book.mode = Mode::Approve));
    assert!(lines(&found)[0].contains("| consent of anybody is asked for: systemd.restart"), "{found:#?}");
    assert_eq!(attempts(&totals), (4, 0));
}

#[test]
fn a_target_that_left_the_allow_list_is_left_alone() {
    let past = Past::stubborn();
    let allow = AllowList { units: ["db.service".to_owned()].into(), ..AllowList::default() };
    let (found, totals) = past.replay(past.but(|now| now.allow = allow));
    assert!(lines(&found)[0].contains("| playbook down, and people are called: unit web.service is not on the allow-list"));
    assert_eq!((totals.different["opened -> no target"], totals.different["permitted -> not opened"]), (1, 4));
    assert_eq!(attempts(&totals), (4, 0));
}

#[test]
fn an_alert_that_no_playbook_or_another_one_matches_is_named() {
    let past = Past::stubborn();
    let (found, totals) = past.replay(past.with(|book| book.selectors = vec![Selector::parse(&["alertname=Slow"]).unwrap()]));
    assert_eq!(lines(&found)[0], "playbook down for unit web.service | no playbook matches");
    assert_eq!(attempts(&totals), (4, 0));

    let other = Playbook { priority: 1, ..book("better") };
    let (found, totals) = past.replay(past.but(|now| now.books = books([past.book.clone(), other])));
    assert_eq!(lines(&found), ["playbook down for unit web.service | playbook better for unit web.service"]);
    assert_eq!(attempts(&totals), (4, 4), "the rest is judged by the other one");
}

#[test]
fn what_was_recorded_counts_for_the_playbook_in_charge_now() {
    let past = Past::stubborn();
    let mut renamed = past.with(|book| book.id = "renamed".into());
    renamed.in_force.policy.budgets.playbook = vec![Budget { count: 3, window: Duration::from_secs(3_600) }];
    let (found, _) = past.replay(renamed);
    assert!(lines(&found).iter().any(|line| line.contains("the budget of playbook renamed is spent: 3 of 3")), "{found:#?}");
}

#[test]
fn another_step_is_another_decision() {
    let past = Past::stubborn();
    let (found, totals) = past.replay(past.with(|book| book.rungs[0].steps[0].kind = "systemd.start"));
    assert_eq!((found.len(), totals.different["permitted -> permitted"]), (4, 4));
    assert!(lines(&found)[0].ends_with("| attempt 1 permitted: restart the unit (systemd.start web.service)"));
}

#[test]
fn a_longer_cooldown_holds_and_the_attempt_counts_once() {
    let past = Past::stubborn();
    let cooldown = Backoff { base: Duration::from_secs(300), factor: 2, max: Duration::from_secs(600), jitter: 10 };
    let (found, totals) = past.replay(past.with(|book| book.limits.cooldown = cooldown));
    assert_eq!((totals.different["permitted -> held by cooldown"], attempts(&totals)), (3, (4, 1)), "{found:#?}");
    let (found, totals) = past.replay(past.with(|book| book.limits.cooldown = Backoff { base: Duration::ZERO, ..cooldown }));
    assert!(totals.different.keys().all(|kind| kind == "held by cooldown -> permitted"), "{found:#?}");
    assert_eq!(attempts(&totals), (4, 4), "no attempt is counted at its hold and at its beginning");
}

#[test]
fn a_maintenance_window_goes_by_the_recorded_wall_clock() {
    let past = Past::stubborn();
    let always = Interval {
        times: Vec::new(),
        weekdays: Vec::new(),
        days_of_month: Vec::new(),
        months: Vec::new(),
        years: vec![2026..=2026],
        zone: jiff::tz::TimeZone::UTC,
    };
    let mut policy = Policy { maintenance: vec!["year".to_owned()], ..Policy::default() };
    policy.intervals.insert("year".to_owned(), Intervals(vec![always]));
    let (_, totals) = past.replay(past.but(|now| now.policy = policy));
    assert_eq!((totals.different["permitted -> held by window"], attempts(&totals)), (4, (4, 0)));
}

#[test]
fn a_storm_is_reckoned_by_the_new_threshold() {
    let mut past = Past::new(book("down"));
    let [web, db] = ["web.service", "db.service"].map(|unit| past.fires(unit));
    past.sees(web, false);
    past.sees(db, false);
    let mut policy = Policy::default();
    policy.blast.storm.targets = 1;
    let (found, totals) = past.replay(past.but(|now| now.policy = policy));
    assert_eq!(totals.different["permitted -> held by blast_radius"], 2, "{found:#?}");
}

#[test]
fn what_was_before_counts_and_is_not_judged() {
    let past = Past::stubborn();
    let third =
        past.rows.iter().filter(|row| matches!(row.record, Record::Incident { event: E::AttemptStarted { .. }, .. })).nth(2);
    let tighter = || past.with(|book| book.limits.budget = vec![Budget { count: 2, window: Duration::from_secs(600) }]);
    let (found, totals) = replay(&past.rows, tighter(), third.unwrap().at);
    assert!(lines(&found)[0].contains("2 of 2 in 10m") && attempts(&totals) == (2, 0), "{found:#?}");

    let (found, totals) = replay(&past.rows[3..], tighter(), Time(0));
    assert!(found.is_empty() && totals.points == 0 && totals.headless > 0, "{totals:?}");
}
