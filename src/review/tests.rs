//! Golden pages: what a team would file. `HEALD_BLESS=1` writes them anew; then read them.

use super::{Book, Brief, Digest, Earlier, Fact, Known, Review};
use crate::domain::alert::{AlertContext, Labels};
use crate::domain::event::IncidentEvent as E;
use crate::domain::guard::Guard;
use crate::domain::id::{Fingerprint, IncidentId, PlaybookId, Revision};
use crate::domain::incident::{AttemptOutcome, Escalation, Outcome, Subject};
use crate::domain::look::{AlertSight, Evidence, Observation, ProbeResult, ProbeVerdict, TargetState};
use crate::domain::notice::{Again, Delivery, NoticeKind};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::Section;
use crate::domain::playbook::Budget;
use crate::domain::policy::Objective;
use crate::domain::target::{Target, TargetKind};
use crate::domain::time::Time;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

mod pages;
mod week;

/// 2026-11-22 12:00:00 UTC: when the alerts of these stories start.
const NOON: i64 = 1_795_348_800_000;

/// An incident in the making: `at(2.5, event)` is 2.5 s after the alert's start.
struct Tale {
    facts: Vec<Fact>,
}

// === impl Tale ===

impl Tale {
    /// Received five seconds after its start.
    fn begin(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Self {
        let map = |pairs: &[(&str, &str)]| -> Labels {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let opened = E::Opened {
            playbook: PlaybookId::from("web-down"),
            revision: Revision("3f9a1c55d20be871".into()),
            subject: Subject::Target(unit()),
            fingerprint: Fingerprint::from("a1b2c3d4e5f60718"),
            starts_at: Timestamp::from_millisecond(NOON).unwrap(),
            context: AlertContext::new(&map(labels), &map(annotations)),
            previous: None,
            rungs: 2,
        };
        Self { facts: Vec::new() }.at(5.0, opened)
    }

    fn web_down() -> Self {
        let labels = [("alertname", "WebDown"), ("target", "web.service"), ("service", "shop"), ("severity", "critical")];
        let annotations = [("summary", "The shop does not answer"), ("runbook_url", "https://wiki.example/web-down")];
        Self::begin(&labels, &annotations)
    }

    fn at(mut self, secs: f64, event: E) -> Self {
        let millis = NOON + Duration::from_secs_f64(secs).as_millis() as i64;
        self.facts.push(Fact { at: Time(millis), wall: Timestamp::from_millisecond(millis).unwrap(), event });
        self
    }

    fn looked(self, secs: f64, passed: bool) -> Self {
        self.at(secs, E::Looked { seen: if passed { good() } else { bad() }, passed })
    }

    fn held(self, secs: f64, guard: Guard, reason: &str) -> Self {
        let wake = Time(NOON + 60_000);
        self.at(secs, E::Held { guard, reason: reason.to_owned(), wake })
    }

    /// Permitted, and its step is through two seconds later; then it is verified.
    fn attempt(self, secs: f64, attempt: u32, title: &str) -> Self {
        let section = Section::Rung(attempt as usize - 1);
        let acted = Acted { evidence: Some(Evidence("f00d".into())), ..Acted::new(ActOutcome::Done, "job 4711 done") };
        let title = title.to_owned();
        let locks = vec![unit()];
        self.at(secs, E::AttemptStarted { attempt, rung: attempt as usize - 1, title, locks, charged: true, seen: bad() })
            .at(
                secs,
                E::StepStarted { attempt, section, step: 0, text: "systemd.restart web.service".to_owned(), evidence: None },
            )
            .at(secs + 2.0, E::StepEnded { attempt, section, step: 0, acted, took_ms: 1_874, quiet: false, register: None })
            .at(secs + 2.0, E::VerifyStarted { attempt, trouble: None })
    }

    fn gathered(self, secs: f64, logs: &str) -> Self {
        let what = "the last 50 lines of unit web.service".to_owned();
        self.at(secs, E::Gathered { logs: logs.to_owned(), what })
    }

    fn ended(self, secs: f64, attempt: u32, outcome: AttemptOutcome) -> Self {
        let text = if outcome == AttemptOutcome::Healed { good() } else { bad() }.summary();
        self.at(secs, E::AttemptEnded { attempt, outcome, text })
    }

    /// One record per channel and try, as the loop writes them.
    fn told(self, secs: f64, notice: NoticeKind, reason: &str, deliveries: Vec<Delivery>) -> Self {
        let due = |fact: &&Fact| matches!(fact.event, E::NoticeDue { .. });
        let number = self.facts.iter().filter(due).count() as u32 + 1;
        let to = deliveries.iter().map(|delivery| delivery.channel.clone()).collect();
        let tale = self.at(secs, E::NoticeDue { notice, reason: reason.to_owned(), number, to, not_before: None });
        deliveries
            .into_iter()
            .fold(tale, |tale, delivery| tale.at(secs + 0.4, E::Told { notice, deliveries: vec![delivery], number, next: None }))
    }

    fn escalated(self, secs: f64, reason: Escalation, text: &str) -> Self {
        let failed = Delivery::failed("slack", "the address does not answer: connection refused", Again::Soon);
        self.at(secs, E::Escalated { reason, text: text.to_owned() }).told(
            secs,
            NoticeKind::Escalated,
            text,
            vec![Delivery::taken("telegram"), failed],
        )
    }

    fn healed(self, secs: f64) -> Self {
        self.at(secs, E::Healed { after_care_until: Time(NOON + 600_000) }).told(
            secs,
            NoticeKind::Healed,
            "all probes pass",
            vec![Delivery::taken("telegram")],
        )
    }

    fn resolved(self, secs: f64) -> Self {
        self.at(secs, E::AlertResolved { fingerprint: Fingerprint::from("a1b2c3d4e5f60718") })
    }

    fn closed(self, secs: f64, outcome: Outcome, note: &str) -> Self {
        self.at(secs, E::Closed { outcome, note: note.to_owned() })
    }

    fn review(&self, known: &Known) -> Review {
        Review::of(IncidentId(42), &self.facts, known).unwrap()
    }
}

fn unit() -> Target {
    Target::new(TargetKind::Unit, "web.service").unwrap()
}

fn probe(probe: &str, verdict: ProbeVerdict, detail: &str) -> ProbeResult {
    ProbeResult { probe: probe.to_owned(), verdict, detail: detail.to_owned() }
}

fn bad() -> Observation {
    let probes = vec![
        probe("systemd.active web.service", ProbeVerdict::Fail, "failed (Result=exit-code)"),
        probe("http get http://127.0.0.1:8080/health", ProbeVerdict::Fail, "connection refused"),
    ];
    let seen =
        Observation::new(probes, TargetState::Failed { detail: "Result=exit-code".to_owned() }, Some(Evidence("beef".into())));
    Observation { alert: AlertSight::Firing, ..seen }
}

fn good() -> Observation {
    let probes = vec![
        probe("systemd.active web.service", ProbeVerdict::Pass, "active"),
        probe("http get http://127.0.0.1:8080/health", ProbeVerdict::Pass, "status 200 in 12 ms"),
    ];
    Observation::new(probes, TargetState::up(Duration::from_secs(5)), Some(Evidence("f00d".into())))
}

fn known() -> Known {
    let secs = Duration::from_secs;
    Known {
        host: "web-1".to_owned(),
        now: Time(NOON + 3_600_000),
        book: Some(Book {
            title: "The web server is down".to_owned(),
            severity: Some("P1"),
            recovery_time: Some(secs(60)),
            mode: "auto",
            attempts: 3,
            budget: vec![Budget { count: 5, window: secs(600) }],
            owner: Some("team-web".to_owned()),
            checklist: Vec::new(),
        }),
        earlier: Vec::new(),
        objectives: BTreeMap::from([("shop".to_owned(), Objective { rto: Some(secs(900)), rpo: Some(secs(900)) })]),
    }
}

fn earlier(id: u64, days_before: i64) -> Earlier {
    let opened_at = Timestamp::from_millisecond(NOON - days_before * 86_400_000).unwrap();
    Earlier { id: IncidentId(id), opened_at, outcome: Some("healed") }
}

/// The page, as it lies in `golden/`.
fn golden(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/review/golden").join(name);
    if std::env::var_os("HEALD_BLESS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "{} differs; HEALD_BLESS=1 writes it anew. Now:\n{page}", path.display());
}
