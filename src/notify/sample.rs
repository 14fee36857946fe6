//! A notice of each kind: for `heald notify test`, and for the tests of every channel's layout.

use crate::domain::id::{IncidentId, PlaybookId};
use crate::domain::notice::{Notice, NoticeKind, Question, Standing};
use crate::domain::playbook::{FailureClass, Severity};
use crate::domain::time::Time;

/// Always the same, to the letter.
pub fn notice(kind: NoticeKind) -> Notice {
    let at = Time(1_795_312_744_999);
    let summary = "web.service entered the state failed";
    if kind.is_of_house() {
        return Notice { number: 3, ..Notice::of_house(kind, "web-1", reason(kind), reason(kind), at) };
    }
    let standing = standing(kind);
    let asks = standing == Standing::Asking;
    let stuck = standing == Standing::NeedsPerson;
    let some = |text: &str| Some(text.to_owned());
    Notice {
        incident: IncidentId(17),
        number: 3,
        kind,
        standing,
        playbook: PlaybookId::from("systemd-unit-failed"),
        title: "A systemd unit failed".to_owned(),
        severity: Some(Severity::P1),
        target: "unit web.service".to_owned(),
        host: "web-1".to_owned(),
        alertname: "SystemdUnitFailed".to_owned(),
        summary: summary.to_owned(),
        opened: Time(1_795_312_021_742),
        at,
        reason: reason(kind).to_owned(),
        class: FailureClass::Service,
        attempts: match standing {
            Standing::Working if kind == NoticeKind::Progress => 1,
            Standing::Working | Standing::Asking => 0,
            Standing::NeedsPerson | Standing::Healed | Standing::Over => 3,
        },
        level: if stuck { 2 } else { 1 },
        verified: match standing {
            Standing::Working => None,
            Standing::Asking | Standing::NeedsPerson => some("http get http://127.0.0.1:8080/: status 502"),
            Standing::Healed | Standing::Over => some("http get http://127.0.0.1:8080/: status 200"),
        },
        budget_left: some("2 of 5 per 10m"),
        next: stuck.then(|| "level 3 is told at 2026-11-22T02:09:04.999Z unless somebody acknowledges".to_owned()),
        acknowledged: None,
        respond_by: Some(Time(1_795_312_921_742)),
        question: asks.then(|| Question {
            attempt: 1,
            plan: "systemd.restart unit web.service".to_owned(),
            expires: Time(1_795_314_544_999),
        }),
        times: 4,
        checklist: Vec::new(),
        manual_fix: (stuck || asks).then(|| "Look at the journal:\n\n    journalctl -u web.service -n 50\n".to_owned()),
        debug_prompt: stuck.then(|| "Why does web.service fail?".to_owned()),
        owner: None,
        runbook_url: some("https://runbooks.example/web"),
        dashboard_url: some("https://grafana.example/d/heald?var-incident=17"),
        silence_url: some("http://alertmanager.example:9093/#/silences/new?filter=%7Balertname%3D%22SystemdUnitFailed%22%7D"),
        generator_url: some("http://prometheus.example:9090/graph?g0.expr=up&g0.tab=1"),
    }
}

fn standing(kind: NoticeKind) -> Standing {
    match kind {
        NoticeKind::ApprovalNeeded => Standing::Asking,
        NoticeKind::Escalated | NoticeKind::Unacknowledged | NoticeKind::FiresAnew => Standing::NeedsPerson,
        NoticeKind::Healed | NoticeKind::StillFiring => Standing::Healed,
        NoticeKind::Over => Standing::Over,
        _ => Standing::Working,
    }
}

fn reason(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Escalated => "attempts used up: 3 of 3",
        NoticeKind::Healed => "all probes pass after attempt 3",
        NoticeKind::WouldAct => "would do systemd.restart unit web.service, attempt 1 of 3 (the mode is observe)",
        NoticeKind::AlertWithoutSymptom => "the alert fires and all probes pass: nothing was done, the target stays watched",
        NoticeKind::OutOfSight => "systemd can't be asked: no connection",
        NoticeKind::LeftAlone => "stopped by a person",
        NoticeKind::ApprovalNeeded => "may heald do this? systemd.restart unit web.service, attempt 1 of 3",
        NoticeKind::StandsBack => "6 of 20 are down, at most 5 may be",
        NoticeKind::FiresAnew => "its alert fires anew; heald stays away until `heald retry 17`",
        NoticeKind::StillFiring => "healed 15m ago by all probes, and the alert still fires: does it look at the same thing?",
        NoticeKind::Over => "resolved, and all probes pass again",
        NoticeKind::EscalateOnly => "the journal can't be written: no space left on device",
        NoticeKind::AlertsLost => "Alertmanager left 12 alerts out of a body",
        NoticeKind::Fires => "it is broken by all that heald sees; heald is at it",
        NoticeKind::Unacknowledged => "level 2 was told 10m ago and nobody has acknowledged",
        NoticeKind::Progress => "attempt 2 permitted: restart the unit",
        NoticeKind::Digest => {
            "2 incidents in 15m:\n17 P2 unit web.service: needs a person\n18 P3 unit cache.service: repaired and verified"
        }
        NoticeKind::Storm => "23 incidents in 5m: they are told together until it is calm again",
        NoticeKind::ChannelBroken => "channel ops: the receiver answered 401 Unauthorized",
        NoticeKind::DetectionBlind => "Alertmanager's always-firing alert Watchdog was last heard of 6m ago",
        NoticeKind::DetectionBack => "Alertmanager's always-firing alert Watchdog is heard again",
        NoticeKind::Test => "sent by `heald notify test`",
    }
}
